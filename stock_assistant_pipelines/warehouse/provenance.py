"""Provenance: of which revisions of which days a derived row would be made now. A row that was made of others is outdated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Date, cast, func, select
from sqlalchemy.dialects.postgresql import JSONB

from stock_assistant_pipelines.warehouse.tables import COVERAGE, Status

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Subquery

    from stock_assistant_pipelines.catalog.derived import Derived


def complete_days(derived: Derived, *where: ColumnElement[bool]) -> Subquery:
    """The trading days (`where`, of the coverage) that are complete in all sources, and the revisions a row is made from."""
    revisions = func.jsonb_object_agg(COVERAGE.c.dataset, COVERAGE.c.revision, type_=JSONB)
    return (
        select(cast(COVERAGE.c.partition, Date).label("trade_date"), revisions.label("made_from"))
        .where(COVERAGE.c.dataset.in_(derived.sources), COVERAGE.c.status == Status.COMPLETE, *where)
        .group_by(COVERAGE.c.partition)
        .having(func.count() == len(derived.sources))
        .subquery("complete")
    )
