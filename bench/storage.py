"""`numeric` or `float8` for figures? The whole path with each: land, keep, read, adjust. docs/decisions/0002 rests on it.

Two databases with the same rows; in the second, every numeric column of `daily` and `adj_factor` is a float8. Everything else
is the product's own, but for the function that adjusts prices, which has to be written anew for floating point numbers.
"""

from __future__ import annotations

from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import text

from bench import ground, serving
from bench.ground import ADJ_FACTOR, DAILY
from bench.landing import CASES, Answer, Ours, with_changes
from bench.measure import Figures, figure, number, ratio, stopwatch
from bench.report import Report, Table
from stock_assistant_pipelines.catalog.columns import Type
from stock_assistant_pipelines.ingest import Ingest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sqlalchemy import Engine

    from bench.ground import Market, Server
    from bench.serving import History, Serving
    from stock_assistant_pipelines.warehouse.database import Database

KINDS = ("numeric", "float8")
FUNCTION = Path(__file__).with_name("float8.sql")

SIZES = "select pg_table_size(:table), pg_indexes_size(:table)"
SUMS = "select ts_code, sum(amount), avg(close), stddev(pct_chg) from daily group by ts_code"


def run(*, quick: bool = False) -> Report:
    """Fill a database, make the other one of it, and measure both in turns."""
    rounds, seconds, days, stocks, size = (1, 0.1, 3, 1, 300) if quick else (6, 2.0, 250, 20, 5500)
    with ground.server() as server, ExitStack() as stack:
        database, engine = stack.enter_context(server.database("numeric"))
        market = stack.enter_context(ground.market(engine, size))
        fresh = market.days[-rounds:]
        # What the completeness of the days to come rests on is landed with them; then they are taken out again.
        entries = list(Ingest(engine, market.transport).land(DAILY, fresh))
        with engine.begin() as connection:
            connection.execute(text("truncate daily, adj_factor"))
            connection.execute(text("delete from coverage where dataset = 'daily'"))
        earlier = ground.Market(market.url, market.transport, market.days[:-rounds])
        history = serving.fill(engine, earlier, days, stocks)
        engine.dispose()
        other = stack.enter_context(server.copy_of(database, "float8"))
        databases = {"numeric": database, "float8": other}
        engines = {kind: each.engine(pool_size=1) for kind, each in databases.items()}
        for each in engines.values():
            stack.callback(each.dispose)
        _to_float8(engines["float8"])
        for each in engines.values():
            ground.vacuum(each, "daily", "adj_factor", full=True)
            ground.vacuum(each)
        sizes = {kind: _sizes(each) for kind, each in engines.items()}
        sums = _aggregates(engines, 1 if quick else 5)
        served, different = _serve(server, databases, history, rounds=1 if quick else 3, seconds=seconds)
        landed = _land(engines, market, fresh, entries[0].source or "")
    return _report(sizes, landed, served, sums, different, history)


def _to_float8(engine: Engine) -> None:
    """Turn the figures of a database into floating point numbers."""
    with engine.begin() as connection:
        for dataset in (DAILY, ADJ_FACTOR):
            changes = (
                f"alter column {column.name} type float8" for column in dataset.columns if column.type is Type.NUMBER
            )
            connection.execute(text(f"alter table {dataset.api} {', '.join(changes)}"))
        connection.execute(text("drop function daily_adjusted"))
        connection.exec_driver_sql(FUNCTION.read_text(encoding="utf-8"))


def _sizes(engine: Engine) -> tuple[float, float]:
    """Bytes per row of `daily`, in the table and in its indexes."""
    with engine.connect() as connection:
        rows = connection.execute(text("select count(*) from daily")).scalar_one()
        table, indexes = connection.execute(text(SIZES), {"table": "daily"}).one()
    return table / rows, indexes / rows


def _aggregates(engines: Mapping[str, Engine], rounds: int) -> dict[str, Figures]:
    """Sums, averages and deviations over the whole table."""
    seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(rounds):
        for kind, engine in engines.items():
            with engine.connect() as connection, stopwatch() as watch:
                connection.execute(text(SUMS)).all()
            seconds[kind].append(watch.seconds)
    return {kind: Figures(tuple(values)) for kind, values in seconds.items()}


def _land(
    engines: Mapping[str, Engine], market: Market, days: Sequence[date], source: str
) -> dict[str, dict[str, Figures]]:
    """Land days into both: new, the same again, and changed."""
    seconds: dict[str, dict[str, list[float]]] = {case: {kind: [] for kind in KINDS} for case in CASES}
    ours = {kind: Ours(engine) for kind, engine in engines.items()}
    for at, day in enumerate(days):
        rows = market.of_day(DAILY, day)
        for case in CASES:
            told = with_changes(rows) if case == CASES[2] else rows
            answer = Answer(day, msgspec.json.encode(told), source)
            for kind in KINDS if at % 2 == 0 else reversed(KINDS):
                with stopwatch() as watch:
                    ours[kind].land(answer)
                seconds[case][kind].append(watch.seconds)
    return {case: {kind: Figures(tuple(each)) for kind, each in by.items()} for case, by in seconds.items()}


def _serve(
    server: Server, databases: Mapping[str, Database], history: History, *, rounds: int, seconds: float
) -> tuple[dict[str, dict[str, Figures]], dict[str, tuple[int, int]]]:
    """Ask our API over both; returns milliseconds per request, and how many figures the answers write otherwise."""
    stock = f"/stocks/{history.code}/daily"
    questions = {
        "one stock's history": stock,
        "… qfq": f"{stock}?adjust=qfq",
        "… hfq": f"{stock}?adjust=hfq",
        "one market day": f"/daily?trade_date={history.last}",
    }
    with ExitStack() as stack:
        apis = {
            kind: stack.enter_context(serving.ours(server.directory, database, API_CACHE_MB="0"))
            for kind, database in databases.items()
        }
        taken: dict[str, dict[str, list[float]]] = {name: {kind: [] for kind in KINDS} for name in questions}
        for name, path in questions.items():
            for at in range(rounds):
                for kind in KINDS if at % 2 == 0 else reversed(KINDS):
                    cost = serving.measure(server, apis[kind], path, 1, seconds)
                    taken[name][kind].append(cost.load.p50)
        different = {name: _different(apis, path) for name, path in questions.items()}
    figures = {name: {kind: Figures(tuple(each)) for kind, each in by.items()} for name, by in taken.items()}
    return figures, different


def _different(apis: Mapping[str, Serving], path: str) -> tuple[int, int]:
    """How many figures of an answer have another value in the other database, and of how many."""
    exact, floating = (apis[kind].get_exactly(path)["items"] for kind in KINDS)
    pairs = [
        (one, other)
        for row, twin in zip(exact, floating, strict=True)
        for one, other in zip(row, twin, strict=True)
        if isinstance(one, Decimal)
    ]
    return sum(one != other for one, other in pairs), len(pairs)


def _report(
    sizes: Mapping[str, tuple[float, float]],
    landed: Mapping[str, Mapping[str, Figures]],
    served: Mapping[str, Mapping[str, Figures]],
    sums: Mapping[str, Figures],
    different: Mapping[str, tuple[int, int]],
    history: History,
) -> Report:
    def row(name: str, by_kind: Mapping[str, Figures]) -> tuple[str, ...]:
        exact, floating = (by_kind[kind].scaled(1000) for kind in KINDS)
        return name, figure(exact), figure(floating), ratio(floating.over(exact))

    size_rows = [
        (f"{name}, bytes a row", number(sizes["numeric"][at]), number(sizes["float8"][at]), _plain_ratio(sizes, at))
        for at, name in enumerate(("table", "indexes"))
    ]
    return Report(
        "storage",
        "numeric or float8 for figures?",
        [
            Table(
                "The whole path, ms unless said",
                ("", "numeric", "float8", "float8 ÷ numeric"),
                [
                    *(row(f"land {case}", by_kind) for case, by_kind in landed.items()),
                    *(row(f"serve {name}", by_kind) for name, by_kind in served.items()),
                    row("sum, average, deviation by stock, all rows", sums),
                    *size_rows,
                ],
            ),
            Table(
                "Figures that differ in value",
                ("", "figures", "of"),
                [(name, f"{count:,}", f"{whole:,}") for name, (count, whole) in different.items()],
            ),
        ],
        [
            f"{history.rows:,} rows in `daily`, both tables freshly rewritten; one stock is {history.bars:,} rows, the market "
            f"day {history.market:,}. Serving is our API over HTTP, one connection, median time of a request.",
            "Landing is decode, stage, merge and coverage, as in `landing`.",
        ],
    )


def _plain_ratio(sizes: Mapping[str, tuple[float, float]], at: int) -> str:
    return f"**{number(sizes['float8'][at] / sizes['numeric'][at])}×**"
