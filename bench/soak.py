"""Does every answer stay right while a backfill lands, while rows are corrected, and while PostgreSQL restarts?

64 connections ask a mix of questions for minutes. Each answer is held to what the database held between its question and
its end: no other rows, nothing stale, nothing that was not written yet; and a problem is a documented one, with `Retry-After`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bench import asking, ground, mix, serving
from bench.ground import ADJ_FACTOR, DAILY
from bench.measure import number
from bench.processes import family, memory
from bench.report import Report, Table
from bench.states import FIRST_VALUE, History, Writes, judge, together
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse import embedded
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Engine

    from bench.asking import Question
    from bench.ground import Market, Server
    from bench.mix import Place
    from bench.serving import Serving
    from bench.states import Verdict
    from stock_assistant_pipelines.warehouse.database import Database

CONNECTIONS = 64

DEADLINE = 30.0
"""Seconds in which an answer has to come: 5 in which a request may wait, 20 that a statement may take, and some."""

DOWN = 2.0
"""Seconds without a database."""

FLAT = 32
"""Megabytes by which the API may grow after the first fifth of the time: what caches and allocators still fill."""

EVERY = 0.5
"""Seconds between two looks at the memory."""

LISTED = 8
"""Wrong answers that are told one by one."""


@dataclass(frozen=True)
class Scale:
    """How long, and over how much."""

    seconds: float
    stocks: int
    base: int
    """Days that are there before, and stay as they are."""
    since: date
    """From where on days land meanwhile, newest first."""
    years: int
    """Years of income statements."""


FULL = Scale(300.0, 1000, 120, date(2014, 1, 1), 5)
QUICK = Scale(20.0, 100, 60, date(2023, 1, 1), 1)


@dataclass
class Writer:
    """Lands day after day, newest first, and writes a figure after each; both are tried again until they are done."""

    engine: Engine
    market: Market
    place: Place
    days: Sequence[date]
    landed: Writes = field(default_factory=Writes)
    values: Writes = field(default_factory=Writes)
    interrupted: int = 0
    failure: BaseException | None = None

    def run(self, over: threading.Event) -> None:
        """Write until it is over. What fails otherwise than by the loss of the database is kept as `failure`."""
        ingest = Ingest(self.engine, self.market.transport)
        try:
            for count, day in enumerate(self.days, 1):
                if over.is_set():
                    return
                self._write(self.landed, lambda day=day: _land(ingest, day), over)  # type: ignore[misc]
                self._write(self.values, lambda count=count: self._correct(count), over)  # type: ignore[misc]
        except Exception as error:  # noqa: BLE001 - told by the thread that waits for this one
            self.failure = error

    def _write(self, writes: Writes, write: Any, over: threading.Event) -> None:
        writes.begun.append(time.monotonic())
        while not over.is_set():
            try:
                write()
            except DBAPIError:
                self.interrupted += 1
                over.wait(0.2)
                continue
            writes.ended.append(time.monotonic())
            return

    def _correct(self, count: int) -> None:
        with self.engine.begin() as connection:
            connection.execute(*_figure(self.place, count))


def run(*, quick: bool = False) -> Report:
    """Ask, write and restart at the same time; then judge every answer."""
    scale = QUICK if quick else FULL
    with ground.server() as server, server.database("soak") as (database, engine), ExitStack() as held:
        market = held.enter_context(ground.market(engine, scale.stocks))
        place, days = _fill(engine, market, scale)
        questions = mix.questions(place, days)
        before = _truth(server, database, [each for each in questions if each.kind in {"stable", "register"}])
        writer = Writer(engine, market, place, days)
        with serving.ours(server.directory, database) as ours:
            plan = _plan(ours, questions, scale.seconds)
            watched, gone = _soak(server, ours, plan, writer, held)
        if writer.failure is not None:
            raise writer.failure
        truth = {**_truth(server, database, questions), **before}
        truth |= _grown(server, database, engine, questions, days[: len(writer.landed.ended)])
        states, answers = json.loads((server.directory / "records.json").read_text()).values()
    history = History(writer.landed, writer.values, gone, truth, mix.steps(days))
    verdicts = judge(questions, states, answers, history)
    return _report(verdicts, writer, watched, scale, gone[1] - gone[0])


def _fill(engine: Engine, market: Market, scale: Scale) -> tuple[Place, Sequence[date]]:
    """Fill what stays; return what is asked about, and the days that are to land, newest first."""
    base = market.days[-scale.base :]
    window = [day for day in market.days if scale.since <= day < base[0]]
    oldest = "select ts_code from stock_basic where list_status = 'L' order by list_date, ts_code limit 2"
    with engine.connect() as connection:
        codes = list(connection.execute(text(oldest)).scalars())
    place = mix.Place(codes[0], codes[1], base, window[0])
    for dataset in (DAILY, ADJ_FACTOR):
        for code in codes:
            ground.copy(engine, dataset, dataset.api, market.of_stock(dataset, code, place.past))
        for day in base:
            ground.copy(engine, dataset, dataset.api, market.of_day(dataset, day))
    ground.book_history(engine, [each for each in CATALOG.values() if not each.by_period], market.days[-1])
    with engine.begin() as connection:
        query = "delete from coverage where dataset in ('daily', 'suspend_d') and partition = any(:days)"
        connection.execute(text(query), {"days": [day.isoformat() for day in window]})
    history = serving.History(codes[0], 0, base[0], base[-1], 0, 0)
    serving.report(engine, market, history, scale.years)
    with engine.begin() as connection:
        connection.execute(*_figure(place, 0))
    ground.vacuum(engine)
    return place, window[::-1]


def _figure(place: Place, count: int) -> tuple[Any, dict[str, Any]]:
    """The statement that corrects a figure of the last bar by hand."""
    query = text("update daily set vol = :value where ts_code = :code and trade_date = :day")
    return query, {"value": FIRST_VALUE + count, "code": place.code, "day": place.base[-1]}


def _land(ingest: Ingest, day: date) -> None:
    (entry,) = ingest.land(DAILY, [day])
    if entry.status is not Status.COMPLETE:
        raise RuntimeError(f"daily of {day} is {entry.status}: {entry.reason}")


def _plan(ours: Serving, questions: Sequence[Question], seconds: float) -> asking.Plan:
    address = urlsplit(ours.root)
    until = time.monotonic() + seconds
    return asking.Plan(str(address.hostname), int(address.port or 80), list(questions), CONNECTIONS, until, DEADLINE)


def _soak(
    server: Server, ours: Serving, plan: asking.Plan, writer: Writer, held: ExitStack
) -> tuple[dict[str, list[float]], tuple[float, float]]:
    """Ask and write until the time is over, and restart PostgreSQL halfway. Returns memory, and when it was gone."""
    asking.write(plan, server.directory / "plan.json")
    command = [
        sys.executable,
        "-m",
        "bench.asking",
        *(str(server.directory / f"{name}.json") for name in ("plan", "records")),
    ]
    over = threading.Event()
    writing = threading.Thread(target=writer.run, args=[over], daemon=True)
    with _watched(server, ours) as seen:
        asker = subprocess.Popen(command, cwd=Path(__file__).parents[1])
        try:
            writing.start()
            time.sleep(max(0.0, (plan.until - time.monotonic()) / 2))
            gone = _restart(server, held)
            patience = max(0.0, plan.until - time.monotonic()) + 2 * DEADLINE
            if asker.wait(patience):
                raise RuntimeError("the one who asks has failed: what it printed says why")
        finally:
            over.set()
            asker.kill()
            writing.join()
    return seen, gone


def _restart(server: Server, held: ExitStack) -> tuple[float, float]:
    """Stop PostgreSQL, as an administrator does, and start it again. Returns from when until when it was gone."""
    stopped = time.monotonic()
    ground.stop_postgres(server.directory / "pg", "fast")
    time.sleep(DOWN)
    held.enter_context(embedded.running(server.directory / "pg"))
    return stopped, time.monotonic()


@contextmanager
def _watched(server: Server, ours: Serving) -> Iterator[dict[str, list[float]]]:
    """Look at the memory, in MB, of the API and of all that PostgreSQL runs."""
    seen: dict[str, list[float]] = {"API": [], "PostgreSQL": []}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(EVERY):
            seen["API"].append(sum(map(memory, family(ours.pid))))
            seen["PostgreSQL"].append(_of_postgres(server))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _of_postgres(server: Server) -> float:
    """Memory of PostgreSQL's processes; what they share counts in each of them. 0 while it is gone."""
    try:
        return sum(memory(pid, "RssAnon") for pid in family(server.pid))
    except OSError:
        return 0.0


def _truth(server: Server, database: Database, questions: Sequence[Question]) -> dict[str, Any]:
    """What is answered without a cache, while nobody writes."""
    with serving.ours(server.directory, database, API_CACHE_MB="0") as cold:
        told = {each.name: asking.told(each, asking.fetch(cold.root, each)) for each in questions}
    if strange := {name: each for name, each in told.items() if each[0] in {"problem", "undocumented", "cut off"}}:
        raise RuntimeError(f"at a quiet moment there is no answer: {strange}")
    return {name: each[1] for name, each in told.items() if each[0] == "told"}


def _grown(
    server: Server, database: Database, engine: Engine, questions: Sequence[Question], days: Sequence[date]
) -> dict[str, list[list[Any]]]:
    """What questions that grow are answered after each day: the end of what they are answered now."""
    with engine.connect() as connection:
        query = text("select partition, landed_at from coverage where dataset = 'daily' and partition = any(:days)")
        landed = dict(connection.execute(query, {"days": [day.isoformat() for day in days]}).tuples().all())
    with serving.ours(server.directory, database, API_CACHE_MB="0") as cold:
        bodies = {each.name: asking.fetch(cold.root, each).body for each in questions if each.kind == "prefix"}
    return {each.name: _states(each, bodies[each.name], days, landed) for each in questions if each.kind == "prefix"}


def _states(question: Question, body: bytes, days: Sequence[date], landed: Mapping[str, datetime]) -> list[list[Any]]:
    """By number of days: rows, their digest, complete days, and when the last of them landed."""
    csv = question.form == "csv"
    if csv:
        rows = body.splitlines(keepends=True)[1:]
    else:
        rows = body.partition(b',"items":')[2].removeprefix(b"[[").removesuffix(b"]]}").split(b"],[")
    by_day = {row.split(b",")[1].strip(b'"').decode(): row for row in rows if row.strip(b"[]}")}
    states: list[list[Any]] = [[0, asking.digest(b"" if csv else b"[]}"), 0, None]]
    held: list[bytes] = []
    for count, day in enumerate(days, 1):
        if (row := by_day.get(f"{day:%Y%m%d}")) is not None:
            held.insert(0, row)
        items = b"".join(held) if csv else b"[[" + b"],[".join(held) + b"]]}" if held else b"[]}"
        moment = landed[day.isoformat()].astimezone(SHANGHAI).isoformat(timespec="seconds")
        states.append([len(held), asking.digest(items), count, moment])
    return states


def _report(
    verdicts: Mapping[str, Verdict],
    writer: Writer,
    watched: Mapping[str, Sequence[float]],
    scale: Scale,
    gone: float,
) -> Report:
    answers = sum(len(each.seconds) for each in verdicts.values())
    early, late = _part(watched["API"], 1), _part(watched["API"], 4)
    return Report(
        "soak",
        "does every answer stay right, and does memory stay flat?",
        [
            Table(
                f"{CONNECTIONS} connections, {scale.seconds:g} s, {answers:,} answers",
                (
                    "",
                    "answers",
                    "right",
                    "of these 304",
                    "503",
                    "broken off",
                    "wrong",
                    "p50, ms",
                    "p99, ms",
                    "longest, ms",
                ),
                [*(_row(name, each) for name, each in verdicts.items()), _row("**all**", together(verdicts.values()))],
            ),
            Table(
                "Memory, MB",
                ("", "at the start", "second fifth", "last fifth", "at the end", "highest"),
                [_memory(name, values) for name, values in watched.items()],
            ),
        ],
        [
            f"Meanwhile {len(writer.landed.ended):,} trading days of {scale.stocks:,} stocks landed, one by one, as a run "
            f"lands them; a figure was corrected by hand {len(writer.values.ended):,} times. PostgreSQL was stopped halfway "
            f"(`fast`) and gone for {gone:.1f} s; {writer.interrupted} tries to write failed meanwhile, and were made again.",
            "Right: equal to what the database held between the question and the end of the answer, which for what changes is "
            "known to the landing: neither older nor newer. What does not change is compared with an answer made "
            "without a cache before. Of pages it is looked at that they are whole.",
            "503: `overloaded`, or, while PostgreSQL was gone and shortly after, `database-unavailable`, always with "
            "`Retry-After`, which is obeyed. Broken off: long answers that were being sent when PostgreSQL stopped.",
            "Memory is looked at twice a second; of PostgreSQL what its processes do not share. The client, the landing and "
            "the sandbox run on the same cores.",
        ],
        _broken(verdicts, writer, early, late),
    )


def _broken(verdicts: Mapping[str, Verdict], writer: Writer, early: float, late: float) -> list[str]:
    """What is not as it should be."""
    wrong = [each for verdict in verdicts.values() for each in verdict.wrong]
    silent = [name for name, verdict in verdicts.items() if not verdict.again]
    return [
        *wrong[:LISTED],
        *([f"… and {len(wrong) - LISTED} more wrong answers"] if len(wrong) > LISTED else []),
        *([f"not answered after the restart: {', '.join(silent)}"] if silent else []),
        *([f"the API grew by {late - early:.0f} MB"] if late - early > FLAT else []),
        *(["the restart cut off nothing that was being written"] if not writer.interrupted else []),
    ]


def _row(name: str, verdict: Verdict) -> tuple[str, ...]:
    seconds = verdict.seconds or [0.0]
    shares = quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else seconds * 99
    broken_off = verdict.problems["broken off"]
    counts = (len(verdict.seconds), verdict.right, verdict.repeated, verdict.problems.total() - broken_off, broken_off)
    times = (number(value * 1000) for value in (shares[49], shares[98], max(seconds)))
    return (name, *(f"{count:,}" for count in (*counts, len(verdict.wrong))), *times)


def _memory(name: str, values: Sequence[float]) -> tuple[str, ...]:
    told = (values[0], _part(values, 1), _part(values, 4), values[-1], max(values))
    return (name, *(number(value) for value in told))


def _part(values: Sequence[float], fifth: int) -> float:
    """The median of a fifth of the time."""
    return median(values[len(values) * fifth // 5 : len(values) * (fifth + 1) // 5] or values)
