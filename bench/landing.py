"""What does it cost to land a trading day: typed, merged, judged and booked, against rows that are only written?

Everyone gets the same rows, in memory, as the market's answer holds them, and a table of the same shape and history: with the
primary key and the covering index. Ours decodes the answer, stages, merges, and books coverage, in one transaction. pandas does
what the Tushare SDK and a notebook do: `json`, a DataFrame, `to_sql`. psql copies a CSV that is already written.
Where the day is there already, the others delete it first, in the same transaction, since they cannot merge.
"""

from __future__ import annotations

import gc
import json
import subprocess
import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import pandas as pd
from pydantic import SecretStr
from sqlalchemy import text

from bench import ground
from bench.ground import DAILY
from bench.measure import Figures, clocked, figure, in_turns, number, ratio, stopwatch
from bench.report import Report, Table
from stock_assistant_pipelines.calendar import now
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.tushare.decode import by_day, complete_rows, unique, wire_types
from stock_assistant_pipelines.tushare.transport import Page, Transport
from stock_assistant_pipelines.warehouse import partition
from stock_assistant_pipelines.warehouse.landing import csv_lines
from stock_assistant_pipelines.warehouse.partition import Delivery, land_day

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date
    from pathlib import Path
    from typing import Literal

    from sqlalchemy import Engine

    from stock_assistant_pipelines.tushare.decode import Row
    from stock_assistant_pipelines.warehouse.database import Database

SETTLE = 30.0
"""Seconds in which every other session has to end."""

CASES = ("a new day", "the same again", "1 % changed")
OURS, PANDAS, MULTI, PSQL = "ours", "pandas.to_sql", "pandas.to_sql, multi", r"psql \copy"
TABLES = {OURS: "daily", PANDAS: "bars_pandas", MULTI: "bars_multi", PSQL: "bars_psql"}
STEPS = ("decode", "stage", "merge", "coverage")
YOUNG = (1, 20, 60)
"""Days of history at which ours is looked at as well: a planner may err while a new day is not in the statistics."""
CLOSE = DAILY.fields.index("close")

UNBOOK = "delete from coverage where dataset = 'daily' and partition::date = any(:days)"
OTHERS = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
COUNTERS = """
select n_tup_ins + n_tup_upd, n_tup_upd + n_tup_del, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')
from pg_stat_user_tables where relname = :table
"""


@dataclass(frozen=True)
class Answer:
    """A day's rows: as the answer holds them, and as a CSV file."""

    day: date
    items: bytes
    source: str
    csv: Path | None = None


class Replay(Transport):
    """A connection that has its answer already: what is measured is what comes after the wire."""

    answer: Page

    def __init__(self) -> None:
        super().__init__(SecretStr("replay"), "http://127.0.0.1:9")

    def page(self, api: str, params: Any, fields: Any) -> Page:
        """The answer that is there."""
        return self.answer


@dataclass
class Ours:
    """Our way, with the time that each of its steps took in the last landing."""

    engine: Engine
    replay: Replay = field(default_factory=Replay)
    steps: dict[str, float] = field(default_factory=dict)

    def land(self, answer: Answer) -> None:
        """Decode an answer and land its day."""
        self.replay.answer = Page(DAILY.fields, answer.items, False, answer.source)
        with stopwatch() as decoding:
            params = {"trade_date": answer.day.isoformat()}
            fetched = self.replay.fetch(DAILY.api, params, wire_types(DAILY), row_cap=DAILY.row_cap)
            rows = complete_rows(DAILY, fetched.rows, params)
            whole = unique(DAILY, by_day(DAILY, rows, answer.day, answer.day)[answer.day])
        with stopwatch() as landing, clocked(partition, "stage", "merge", "withdraw") as spent:
            entry = land_day(self.engine, DAILY, answer.day, Delivery(whole, answer.source, 1, now()))
        if not entry.settled:
            raise RuntimeError(f"{answer.day} is {entry.status}: {entry.reason}")
        merging = spent["merge"] + spent["withdraw"]
        rest = landing.seconds - spent["stage"] - merging
        self.steps = dict(zip(STEPS, (decoding.seconds, spent["stage"], merging, rest), strict=True))


def pandas_lands(engine: Engine, answer: Answer, table: str, method: Literal["multi"] | None) -> None:
    """Read an answer as the SDK does, and append it with `to_sql`, a thousand rows to a statement with `multi`."""
    frame = pd.DataFrame(json.loads(answer.items), columns=list(DAILY.fields))
    frame["trade_date"] = pd.to_datetime(frame["trade_date"])
    with engine.begin() as connection:
        connection.execute(text(f"delete from {table} where trade_date = :day"), {"day": answer.day})
        frame.to_sql(
            table, connection, if_exists="append", index=False, method=method, chunksize=1000 if method else None
        )


def psql_lands(command: Sequence[str], answer: Answer, table: str) -> None:
    """Copy a CSV file with psql."""
    delete = f"delete from {table} where trade_date = '{answer.day}'"
    load = rf"\copy {table} ({', '.join(DAILY.fields)}) from '{answer.csv}' with (format csv, null 'null')"
    subprocess.run([*command, "-1", "-c", delete, "-c", load], check=True, capture_output=True)


def with_changes(rows: Sequence[Row]) -> list[Row]:
    """The same rows, with another close in every hundredth."""
    return [
        (*row[:CLOSE], round(row[CLOSE] + 0.01, 2), *row[CLOSE + 1 :]) if at % 100 == 0 else row
        for at, row in enumerate(rows)
    ]


@dataclass(frozen=True)
class Effects:
    """What a landing left in its table, and in the log of writes."""

    written: int
    dead: int
    wal: int


class Scene:
    """The tables, filled, and the days that are to be landed."""

    def __init__(
        self,
        server: ground.Server,
        database: Database,
        pool: Engine,
        market: ground.Market,
        rounds: int,
        history: int,
    ) -> None:
        engine = database.engine(pool_size=1)
        self.engine = engine
        self.directory = server.directory
        past, self.days = market.days[-rounds - history : -rounds], market.days[-rounds:]
        # All that completeness rests on is landed with the days themselves, which are then taken out again.
        for entry in Ingest(pool, market.transport).land(DAILY, self.days):
            self.source = entry.source or ""
        with engine.begin() as connection:
            connection.execute(text("truncate daily"))
            connection.execute(text("delete from coverage where dataset = 'daily'"))
        self.answers = {day: msgspec.json.encode(market.of_day(DAILY, day)) for day in self.days}
        self.last_rows = len(market.of_day(DAILY, self.days[-1]))
        self.ours = Ours(engine)
        ground.book_history(engine, [each for each in CATALOG.values() if not each.by_period], past[-1])
        with engine.begin() as connection:
            connection.execute(text("alter table daily set (autovacuum_enabled = off)"))
        self.young = {}
        self.rows = 0
        for begin, end in pairwise((0, *(age for age in YOUNG if age < history), history)):
            self.rows += ground.fill(engine, market, DAILY, past[begin:end])
            if end < history:
                self.young[end] = self._while_young()
        self._copy_tables()
        self.psql = (ground.psql(), database.url.render_as_string(False), "-qX", "-v", "ON_ERROR_STOP=1")

    def _while_young(self) -> dict[str, Figures]:
        """How long ours takes now, in seconds; what it lands is taken out again."""
        ground.vacuum(self.engine)
        seconds: dict[str, list[float]] = {case: [] for case in CASES}
        for day in self.days[:2]:
            for case, answer in self.cases(day).items():
                with stopwatch() as watch:
                    self.ours.land(answer)
                seconds[case].append(watch.seconds)
        with self.engine.begin() as connection:
            days = {"days": list(self.days[:2])}
            connection.execute(text("delete from daily where trade_date = any(:days)"), days)
            connection.execute(text(UNBOOK), days)
        return {case: Figures(tuple(values)) for case, values in seconds.items()}

    def _copy_tables(self) -> None:
        with self.engine.begin() as connection:
            for table in TABLES.values():
                if table != DAILY.api:
                    connection.execute(text(f"create table {table} (like daily including all)"))
                    connection.execute(text(f"alter table {table} set (autovacuum_enabled = off)"))
                    connection.execute(text(f"insert into {table} select * from daily order by trade_date, ts_code"))
        ground.vacuum(self.engine)

    def answer(self, day: date, changed: bool = False) -> Answer:
        """The answer for a day; `changed`: the close of every hundredth row is another one."""
        rows: list[Row] = msgspec.json.decode(self.answers[day])
        rows = with_changes(rows) if changed else rows
        path = self.directory / f"{day}{'-changed' if changed else ''}.csv"
        path.write_bytes(csv_lines(rows))
        path.chmod(0o644)
        return Answer(day, msgspec.json.encode(rows), self.source, path)

    def sides(self, answer: Answer) -> dict[str, Callable[[], None]]:
        """Everyone's way to land an answer."""
        return {
            OURS: lambda: self.ours.land(answer),
            PANDAS: lambda: pandas_lands(self.engine, answer, TABLES[PANDAS], None),
            MULTI: lambda: pandas_lands(self.engine, answer, TABLES[MULTI], "multi"),
            PSQL: lambda: psql_lands(self.psql, answer, TABLES[PSQL]),
        }

    def cases(self, day: date) -> dict[str, Answer]:
        """What is landed of a day, one after the other."""
        return {CASES[0]: self.answer(day), CASES[1]: self.answer(day), CASES[2]: self.answer(day, changed=True)}

    def effects(self, table: str, action: Callable[[], None]) -> Effects:
        """Do something, and tell what it wrote."""
        before = self._counters(table)
        action()
        after = self._counters(table)
        return Effects(*(int(now - then) for now, then in zip(after, before, strict=True)))

    def _counters(self, table: str) -> tuple[int, ...]:
        """Rows written and left dead so far, and the end of the log, once every session has told its statistics."""
        with self.engine.connect() as connection:
            deadline = time.monotonic() + SETTLE
            while connection.execute(text(OTHERS)).scalar_one():
                connection.rollback()  # within one transaction the view does not change
                if time.monotonic() > deadline:
                    raise TimeoutError("a session of the benchmark is still open: its statistics are not told")
                time.sleep(0.01)
            connection.execute(text("select pg_stat_force_next_flush()"))
            connection.commit()
            return tuple(connection.execute(text(COUNTERS), {"table": table}).one())


def run(*, quick: bool = False) -> Report:
    """Land days in turns, each of them new, the same again, and changed."""
    rounds, history, stocks = (2, 5, 300) if quick else (12, 250, 5500)
    with (
        ground.server() as server,
        server.database("landing") as (database, pool),
        ground.market(pool, stocks) as market,
    ):
        scene = Scene(server, database, pool, market, rounds + 1, history)
        pool.dispose()
        *measured, last = scene.days
        seconds: dict[str, dict[str, list[float]]] = {case: {} for case in CASES}
        steps: dict[str, dict[str, list[float]]] = {case: {} for case in CASES}
        for at, day in enumerate(measured):
            for case, answer in scene.cases(day).items():
                sides = scene.sides(answer)
                for name in sides if at % 2 == 0 else reversed(sides):
                    gc.collect()  # nobody pays for what another left behind
                    with stopwatch() as watch:
                        sides[name]()
                    seconds[case].setdefault(name, []).append(watch.seconds)
                for name, part in scene.ours.steps.items():
                    steps[case].setdefault(name, []).append(part)
        ground.checkpoint(scene.engine)
        effects = {
            case: {name: scene.effects(TABLES[name], side) for name, side in scene.sides(answer).items()}
            for case, answer in scene.cases(last).items()
        }
        start = in_turns({"psql": lambda: subprocess.run([*scene.psql, "-c", ""], check=True)}, 3 if quick else 15)
        scene.engine.dispose()
    taken = {case: {name: Figures(tuple(values)) for name, values in by.items()} for case, by in seconds.items()}
    parts = {case: {name: Figures(tuple(values)) for name, values in by.items()} for case, by in steps.items()}
    return Report(
        "landing",
        "what does it cost to land a trading day?",
        [_ratios(taken), _steps(parts), _ages(scene.young), _left_behind(effects)],
        [
            f"{scene.last_rows:,} rows a day, {scene.rows:,} rows of history in each table, {rounds} days landed by everyone "
            "in turns.",
            "In brackets: between what half of the rounds lie. Ratios are taken round by round.",
            f"psql's times hold {number(start['psql'].median * 1000)} ms in which it starts and connects, and its CSV is "
            "already written; neither it nor pandas checks types, keeps what a row said before, or knows what is missing.",
            "What ours writes when nothing changed is one row of `coverage`: when the day was asked for again.",
        ],
    )


def _ratios(taken: dict[str, dict[str, Figures]]) -> Table:
    rows = []
    for name in TABLES:
        row = [name]
        for case in CASES:
            row.append(figure(taken[case][name].scaled(1000)))
            row.append("1" if name == OURS else ratio(taken[case][name].over(taken[case][OURS])))
        rows.append(tuple(row))
    columns = ("", *(cell for case in CASES for cell in (f"{case}, ms", "× ours")))
    return Table("Time to land one day, and how many times ours that is", columns, rows)


def _steps(parts: dict[str, dict[str, Figures]]) -> Table:
    rows = [(name, *(figure(parts[case][name].scaled(1000)) for case in CASES)) for name in STEPS]
    return Table("Where our time goes, ms", ("", *CASES), rows)


def _ages(young: dict[int, dict[str, Figures]]) -> Table:
    rows = [
        (f"{age} day{'s' if age > 1 else ''}", *(figure(by_case[case].scaled(1000)) for case in CASES))
        for age, by_case in young.items()
    ]
    return Table("Ours while the table is young, ms", ("history", *CASES), rows)


def _left_behind(effects: dict[str, dict[str, Effects]]) -> Table:
    rows = []
    for name in TABLES:
        row = [name]
        for case in CASES:
            effect = effects[case][name]
            row.append(f"{effect.written:,} / {effect.dead:,} / {effect.wal / 1024:,.1f}")
        rows.append(tuple(row))
    return Table("Rows written / rows left dead in the table / WAL in KB", ("", *CASES), rows)
