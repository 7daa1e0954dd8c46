"""Report periods of the sandbox's companies, and what can be asked about them."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from stock_assistant_pipelines.calendar import periods
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest.inquiry import inquire
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse import asked
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from walk import Walk

    from stock_assistant_pipelines.ingest import Ingest
    from stock_assistant_pipelines.warehouse.asked import Asked
    from stock_assistant_pipelines.warehouse.coverage import Coverage

EVER = datetime.min.replace(tzinfo=SHANGHAI)
YEAR = periods(date(2024, 12, 31), date(2025, 9, 30))[::-1]
"""Four periods, newest first; by the clock of the walk everybody has disclosed them."""
WHOLE, SINGLE = 5000, 2000
"""Points with which the whole market is answered for, and those with which it is not."""


def land(walk: Walk, api: str, wanted: Sequence[date] = YEAR, **words: Any) -> dict[str, Coverage]:
    """Land what is left of these periods, as a backfill does; the results by partition."""
    given = {"since": EVER, "whole": False} | words
    return {entry.partition: entry for entry in walk.ingest.land(CATALOG[api], wanted, **given)}


def refetch(walk: Walk, api: str, wanted: Sequence[date] = YEAR) -> dict[str, Coverage]:
    """Land these periods again, as a run does that looks for corrections."""
    return land(walk, api, wanted, since=walk.pass_time(seconds=1), whole=True)


def foreseen(walk: Walk, api: str, wanted: Sequence[date] = YEAR, *, everything: bool = False) -> int:
    """The calls that are foreseen."""
    with walk.engine.connect() as connection:
        found = inquire(
            connection,
            CATALOG[api],
            wanted,
            today=walk.clock[0].date(),
            points=walk.ingest.points,
            everything=everything,
        )
    return found.estimate().calls


def made(walk: Walk, api: str) -> int:
    """The calls that were made for a dataset, of its own interface and that of the whole market."""
    return sum(count for name, count in walk.sandbox.stats()["calls"].items() if name in {api, f"{api}_vip"})


def versions(walk: Walk, api: str, wanted: Sequence[date] = YEAR) -> list[tuple[Any, ...]]:
    """What Tushare's columns say of these periods, without when and by whom it was read."""
    table = METADATA.tables[api]
    columns = [table.c[name] for name in (*CATALOG[api].fields, "known_at", "flaw", "digest")]
    with walk.engine.connect() as connection:
        found = connection.execute(select(*columns).where(table.c.end_date.in_(wanted)))
        return sorted(map(tuple, found), key=repr)


def asked_of(walk: Walk, api: str) -> dict[tuple[str, str], Asked]:
    """What was asked of single stocks."""
    with walk.engine.connect() as connection:
        return asked.read(connection, CATALOG[api])


class Killed(BaseException):
    """The process is gone."""


def kill_after(ingest: Ingest, calls: int) -> Callable[[], None]:
    """Let the process die at its so-manieth call for a report; return what brings it back to life."""
    fetch, left = ingest.transport.fetch, [calls]

    def dying(api: str, *words: Any, **more: Any) -> Any:
        if api not in {"stock_basic", "disclosure_date"}:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
        return fetch(api, *words, **more)

    ingest.transport.fetch = dying  # type: ignore[method-assign]

    def revive() -> None:
        ingest.transport.fetch = fetch  # type: ignore[method-assign]

    return revive
