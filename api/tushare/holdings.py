"""What is kept here: an answer without rows means that there are none, and not that they have never landed."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from api import standing
from api.datasets import stands_between
from api.tushare.days import at_or_after, at_or_before, exactly
from api.tushare.texts import NOT_LANDED, ONLY_KEPT
from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.calls import PerCode, PerPeriod, Whole
from stock_assistant_pipelines.catalog.grain import FIRST_PERIOD, MARKET_OPENED
from stock_assistant_pipelines.protocol.interfaces import INTERFACES, home
from stock_assistant_pipelines.protocol.query import CODE, day_columns
from stock_assistant_pipelines.protocol.refusals import Refusal
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import date

    from sqlalchemy.ext.asyncio import AsyncConnection

    from api.standing import Standing
    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.protocol.query import Query

HELD = frozenset({Status.COMPLETE, Status.CLOSED, Status.PARTIAL, Status.LATE})
"""The statuses of partitions that an answer may be taken from, be it not the whole."""

WHOLE_MARKET = "_vip"
"""What the SDK's `pro_bar_vip` puts behind a name: the same rows. Of some datasets it is an interface of its own."""


def find(api: str) -> Dataset | None:
    """The interface of this name, if its rows are kept here."""
    return INTERFACES.get(api) or CATALOG.get(api.removesuffix(WHOLE_MARKET))


def require_kept(dataset: Dataset, query: Query) -> None:
    """Refuse a question about what is not fetched from Tushare: an exchange, a report type, an index. Raises `Refusal`."""
    kept = _kept(dataset)
    asked = [*query.filters, *([(CODE, frozenset(query.codes))] if query.codes else [])]
    absent = {name: allowed - kept[name] for name, allowed in asked if name in kept and not allowed <= kept[name]}
    if absent:
        what = " ".join(f"{name}={','.join(sorted(values))}" for name, values in absent.items())
        raise Refusal.of(ONLY_KEPT, api=dataset.api, what=what[:200], kept=_listed(kept, absent))


def _listed(kept: Mapping[str, Collection[str]], names: Iterable[str]) -> str:
    return " ".join(f"{name}={','.join(sorted(kept[name]))}" for name in names)


@lru_cache(maxsize=256)
def _kept(dataset: Dataset) -> Mapping[str, frozenset[str]]:
    """By column, the values that are fetched, where only some are."""
    match dataset.calls:
        case PerCode(code=code, codes=codes):
            return {code: frozenset(codes)}
        case Whole(variants=variants) | PerPeriod(variants=variants):
            named = frozenset.intersection(*(frozenset(variant) for variant in variants))
            return {name: frozenset(variant[name] for variant in variants) for name in named & dataset.by_name.keys()}
        case _:
            return {}


def require_landed(dataset: Dataset, stands: Standing) -> None:
    """Refuse a question about days or periods of which nothing has landed. Raises `Refusal`."""
    if stands.not_landed == 0 and not stands.statuses:
        return  # there is nothing to land: a holiday, or days that are still to come
    if not any(status in HELD for status in stands.statuses):
        what = ", ".join(
            f"{name} {'?' if count is None else count}" for name, count in stands.counts.items() if count != 0
        )
        raise Refusal.of(NOT_LANDED, api=home(dataset), what=what)


async def stands(connection: AsyncConnection, dataset: Dataset, query: Query) -> Standing:
    """Where the partitions stand that the question is about."""
    dataset = CATALOG[home(dataset)]
    if dataset.by_period and (periods := _named(dataset, query)) is not None:
        return await standing.of_periods(connection, dataset, periods)
    first, last = MARKET_OPENED, calendar.now().date()
    if dataset.grain.value in day_columns(dataset):
        first, last = max(first, at_or_after(query.first)), min(last, at_or_before(query.last))
    return await stands_between(connection, dataset, first, last)


def _named(dataset: Dataset, query: Query) -> list[date] | None:
    """The report periods that a filter names; None where none does."""
    allowed = next((values for name, values in query.filters if name == dataset.grain.value), None)
    if allowed is None:
        return None
    periods = frozenset(calendar.periods(FIRST_PERIOD, calendar.now().date()))
    return [day for each in allowed if (day := exactly(each)) in periods]
