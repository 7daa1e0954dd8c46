"""Both ways of the points: each fills a database of its own, is asked again when nothing has changed, and sees one evening."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bench import ground
from bench.histories import Counted, Side, fill
from stock_assistant_pipelines.backfill import Target
from stock_assistant_pipelines.sandbox.server import running
from stock_assistant_pipelines.settings import SHANGHAI, Settings
from stock_assistant_pipelines.tushare.periods import answers_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from bench.ground import Server
    from bench.histories import Content, History, Taken
    from stock_assistant_pipelines.catalog.dataset import Dataset

POINTS = {"by period": 5000, "by stock": 2000}
PERIOD, STOCK = POINTS

AGAIN = "income"
"""The dataset that is fetched again by stock too, which is asking for its whole history."""

BEFORE = datetime(2026, 4, 29, 21, 0, tzinfo=SHANGHAI)
PEAK = BEFORE + timedelta(days=1)
"""The last day for annual and first-quarter reports: no other day of the year brings as many."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one side."""

    history: History
    beside: int
    """Versions of which the plan says nothing: of years before a listing, told by a prospectus."""
    again: Mapping[str, Taken]
    evening: Mapping[str, Taken]
    least: Mapping[str, int]
    """The fewest calls that bring what was disclosed that evening, by dataset."""
    filings: int
    """How many reports were disclosed that day, by the plan."""


def database(side: str) -> str:
    """The name of a side's database."""
    return side.replace(" ", "_")


def landed(
    directory: Path, stocks: int, datasets: Sequence[Dataset], first: date
) -> tuple[dict[str, Outcome], list[str]]:
    """Fill both sides, and let the evening come for both: what came of it, and what should not have.

    The databases stay in the directory, where a server finds them.
    """
    target = Target(tuple(each.api for each in datasets), first, BEFORE.date())
    with ExitStack() as stack:
        sandbox = stack.enter_context(running(process=True, stocks=stocks, quota=False, now=BEFORE))
        server = stack.enter_context(ground.server(directory))
        sides = {name: _side(stack, server, name, sandbox.url) for name in POINTS}
        histories, again, contents = {}, {}, {}
        for name, side in sides.items():
            histories[name] = fill(side, server, datasets, target)
            repeated = [each for each in datasets if each.api == AGAIN or answers_whole(each, side.points)]
            again[name] = {each.api: side.again(each) for each in repeated}
            ground.vacuum(side.engine)
            contents[name] = {each.api: side.content(each, target) for each in datasets}
        sandbox.set_clock(PEAK)
        outcomes = {}
        for name, side in sides.items():
            side.now = PEAK
            evening = side.evening(datasets)
            filings = side.filings()
            least = {each.api: side.least(each, filings, evening[each.api]) for each in datasets}
            beside = sum(each.beside for each in contents[name].values())
            outcomes[name] = Outcome(histories[name], beside, again[name], evening, least, len(filings))
            ground.vacuum(side.engine)
    return outcomes, [*_different(contents), *_broken(outcomes)]


def _side(stack: ExitStack, server: Server, name: str, url: str) -> Side:
    engine = server.made(database(name)).engine()
    stack.callback(engine.dispose)
    transport = stack.enter_context(Counted(url, Settings(_env_file=None).tushare_concurrency))
    return Side(POINTS[name], engine, transport, BEFORE)


def _different(contents: Mapping[str, Mapping[str, Content]]) -> list[str]:
    """Of which datasets the two sides do not hold the same versions of what was disclosed."""
    one, other = contents.values()
    return [
        f"{api}: what was disclosed has {told.planned:,} versions {PERIOD}, and {other[api].planned:,} {STOCK}, or other ones"
        for api, told in one.items()
        if (told.planned, told.digests) != (other[api].planned, other[api].digests)
    ]


def _broken(outcomes: Mapping[str, Outcome]) -> list[str]:
    """What is said of us and was not so: that all is complete, and that nothing is written where nothing has changed."""
    found = []
    for name, outcome in outcomes.items():
        for taken in (outcome.history.landed, outcome.again, outcome.evening):
            found += [f"{name}: {each}" for told in taken.values() for each in told.unsettled[:1]]
        found += [
            f"{name}: {api} was told the same again, and {told.added} versions were added, {told.replaced} replaced"
            for api, told in outcome.again.items()
            if told.added or told.replaced
        ]
    return found
