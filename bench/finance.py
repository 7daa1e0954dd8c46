"""What do the filings of the whole market cost, with points for a period at a time, and with points for a stock at a time?

Both histories are landed into databases of their own by `Ingest.land`, from a sandbox without a quota whose clock stands at the
evening before the busiest day of the year; then the last periods again, when nothing has changed; then that day's evening.
In the end the first of the databases is read as of that day.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from bench import asof, ground, tiers
from bench.histories import Taken, total
from bench.measure import Figures, figure, number, ratio
from bench.report import Report, Table
from bench.tiers import AGAIN, BEFORE, PEAK, PERIOD, POINTS, STOCK
from stock_assistant_pipelines.backfill import with_prerequisites
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.grain import MARKET_OPENED
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.tushare.quota import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.asof import Read
    from bench.tiers import Outcome

DATASETS = ("income", "balancesheet", "fina_indicator")
"""A statement of flows and one of positions, and the widest table. `cashflow` is like `income`; the others are a tenth of the
rows, and by stock most of the calls: all ten would take hours.
"""

YEAR = date(2025, 12, 31)
"""The period that is read."""


@dataclass(frozen=True)
class Scale:
    """How large it is measured."""

    stocks: int
    datasets: tuple[str, ...]
    first: date
    questions: int
    """How many of the questions as of a day are asked; each starts the server anew."""
    starts: int
    rounds: int


FULL = Scale(5500, DATASETS, MARKET_OPENED, questions=len(asof.QUESTIONS), starts=3, rounds=15)
QUICK = Scale(200, ("income",), date(2023, 1, 1), questions=2, starts=1, rounds=2)


def run(*, quick: bool = False, stocks: int | None = None, datasets: Sequence[str] = ()) -> Report:
    """Fill a database by period and one by stock, let an evening come for both, and read."""
    scale = QUICK if quick else FULL
    scale = replace(scale, stocks=stocks or scale.stocks, datasets=tuple(datasets) or scale.datasets)
    wanted = with_prerequisites([CATALOG[name] for name in (AGAIN, *scale.datasets)])
    chosen = [each for each in wanted if each.by_period]
    with ground.place() as directory:
        outcomes, broken = tiers.landed(directory, scale.stocks, chosen, scale.first)
        questions = tuple(asof.QUESTIONS)[: scale.questions]
        values = {"day": PEAK.date(), "period": YEAR}
        reads = asof.read(
            directory, tiers.database(PERIOD), questions, values, starts=scale.starts, rounds=scale.rounds
        )
    return _report(scale, outcomes, reads, broken)


def _report(scale: Scale, outcomes: Mapping[str, Outcome], reads: Mapping[str, Read], broken: Sequence[str]) -> Report:
    filings = outcomes[PERIOD].filings
    return Report(
        "finance",
        "the filings of the whole market, by period and by stock",
        [
            *(_history(name, outcome, scale) for name, outcome in outcomes.items()),
            _both(outcomes[PERIOD], outcomes[STOCK]),
            _again(outcomes),
            _evening(outcomes, filings),
            _reads(reads),
        ],
        [
            _trimmed(outcomes[PERIOD].history.landed, scale),
            "Estimate: the planner's, when nothing but the calendar and the stocks was there. Least: the answers that hold "
            "what was told, at the least one for each period (or stock) and variant. Quota: minutes at the calls that the "
            "points allow; every interface has its own, so that of a whole is that of the longest.",
            f"The sandbox answers from the same cores, and its time is in the seconds. Memory is the highest seen, with "
            f"{Settings(_env_file=None).tushare_concurrency} calls under way.",
            "Before the evening both sides held the same versions of all that is disclosed by the plan, which is checked. "
            "Of the years before a listing, asking by stock brings what the answers tell about the companies asked.",
            f"On {PEAK:%d %B %Y} {filings:,} reports were disclosed. The history was landed the evening before, so by stock "
            "those of that day are asked for once more; least counts those of the evening's day alone.",
            "Cold: the server was stopped, the system dropped its files from memory, and the question was the first after the "
            f"start; {scale.starts} starts. Fresh: the first on a connection when all is in memory. Warm: the median of "
            f"{scale.rounds} more. Time until the last row has arrived; none is made an object.",
        ],
        broken,
    )


def _trimmed(landed: Mapping[str, Taken], scale: Scale) -> str:
    """Say what was left out."""
    left_out = [each.api for each in CATALOG.values() if each.by_period and each.api not in landed]
    years = f"years before {scale.first:%Y}" if scale.first > MARKET_OPENED else ""
    trimmed = ", ".join([*left_out, *([years] if years else [])])
    return f"Left out: {trimmed or 'nothing'}; `--dataset NAME` chooses. Of the {scale.stocks:,} companies none is."


def _history(name: str, outcome: Outcome, scale: Scale) -> Table:
    history = outcome.history
    return Table(
        f"{scale.stocks:,} companies, {scale.first:%Y} to {BEFORE:%Y}, {name} ({POINTS[name]:,} points)",
        (
            "", "calls", "estimate", "calls ÷ estimate", "least", "calls ÷ least", "rows told", "versions", "seconds",
            "rows/s", "quota, min",
        ),
        [
            (
                api,
                f"{taken.calls:,}",
                f"{estimate:,}",
                _times(taken.calls, estimate),
                f"{taken.least:,}",
                _times(taken.calls, taken.least),
                f"{taken.rows:,}",
                f"{taken.added:,}",
                number(taken.seconds),
                f"{taken.rows / taken.seconds:,.0f}",
                minutes,
            )
            for api, taken, estimate, minutes in [
                *(
                    (api, taken, history.estimates[api], number(_minutes(name, api, taken.calls)))
                    for api, taken in history.landed.items()
                ),
                ("all", total(history.landed), sum(history.estimates.values()), _longest(name, history.landed)),
            ]
        ],
    )  # fmt: skip


def _both(period: Outcome, stock: Outcome) -> Table:
    """What one way takes next to the other."""
    one, other = total(period.history.landed), total(stock.history.landed)
    each = sum(stock.history.one_by_one.values())
    memory = sorted(period.history.memory.keys() | stock.history.memory.keys())
    names = {"ours": "ours", "ours: child": "the sandbox", "PostgreSQL: child": "PostgreSQL's largest process"}
    pairs = [
        ("calls", one.calls, other.calls),
        ("seconds", one.seconds, other.seconds),
        ("versions of years before a listing", period.beside, stock.beside),
        ("database, GB", period.history.gigabytes, stock.history.gigabytes),
        *(
            (f"memory of {names[name]}, MB", period.history.memory[name], stock.history.memory[name])
            for name in memory
            if name in names
        ),
    ]
    return Table(
        "Both ways",
        ("", PERIOD, STOCK, f"{STOCK} ÷ {PERIOD}"),
        [
            *((name, number(ours), number(theirs), _times(theirs, ours)) for name, ours, theirs in pairs),
            ("calls for each report by itself", number(each), number(each), ""),
            ("… how many times ours", _times(each, one.calls), _times(each, other.calls), ""),
        ],
    )


def _again(outcomes: Mapping[str, Outcome]) -> Table:
    return Table(
        "The last eight periods again, nothing changed (by stock that is everything again)",
        ("", "calls", "rows told", "versions added", "replaced", "seconds", "quota, min"),
        [
            (
                f"{api}, {name}",
                f"{taken.calls:,}",
                f"{taken.rows:,}",
                f"{taken.added:,}",
                f"{taken.replaced:,}",
                number(taken.seconds),
                number(_minutes(name, api, taken.calls)),
            )
            for name, outcome in outcomes.items()
            for api, taken in outcome.again.items()
        ],
    )


def _evening(outcomes: Mapping[str, Outcome], filings: int) -> Table:
    return Table(
        f"The evening of {PEAK:%d %B %Y}, {filings:,} reports disclosed",
        ("", "calls", "least", "calls ÷ least", "versions added", "replaced", "seconds", "quota, min"),
        [
            (
                f"{api}, {name}",
                f"{taken.calls:,}",
                f"{least:,}",
                _times(taken.calls, least),
                f"{taken.added:,}",
                f"{taken.replaced:,}",
                number(taken.seconds),
                minutes,
            )
            for name, outcome in outcomes.items()
            for api, taken, least, minutes in [
                *(
                    (api, taken, outcome.least[api], number(_minutes(name, api, taken.calls)))
                    for api, taken in outcome.evening.items()
                ),
                ("all", total(outcome.evening), sum(outcome.least.values()), _longest(name, outcome.evening)),
            ]
        ],
    )


def _reads(reads: Mapping[str, Read]) -> Table:
    def milliseconds(figures: Figures) -> str:
        return figure(figures.scaled(1000))

    return Table(
        f"As of {PEAK:%d %B %Y}, by SQL, ms",
        ("", "rows", "warm", "fresh connection", "cold", "cold ÷ warm"),
        [
            (
                question,
                f"{read.rows:,}",
                milliseconds(read.warm),
                milliseconds(read.fresh),
                milliseconds(read.cold),
                ratio(read.cold.over(read.warm)),
            )
            for question, read in reads.items()
        ],
    )


def _minutes(side: str, api: str, calls: int) -> float:
    """How long so many calls of an interface take at the least, by what the points of a side allow."""
    return calls / Limits(POINTS[side]).per_minute(api)


def _longest(side: str, taken: Mapping[str, Taken]) -> str:
    return number(max(_minutes(side, api, each.calls) for api, each in taken.items()))


def _times(ours: float, theirs: float) -> str:
    return f"**{number(ours / theirs)}×**" if theirs else "–"
