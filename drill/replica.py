"""The primary dies while days land and the API is read, and its replica is promoted: once waited for, once held up."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy.exc import DBAPIError

from drill.finding import Finding
from drill.load import Load, anew, in_turn
from drill.pair import pair, rewind
from drill.stage import DATASETS, land
from drill.waiting import Stuck, until
from stock_assistant_pipelines.backup.contents import contents, differences
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from drill.pair import Pair, Server
    from drill.stage import Stage
    from stock_assistant_pipelines.backup.contents import Contents

FIRST = date(2022, 6, 1)
DAYS, BEFORE = 20, 5
"""Days of each dataset, and how many of them have landed when the primary dies."""

HELD_UP = 2.0
"""Seconds for which an asynchronous replica receives nothing before that, or longer, until something is acknowledged."""

READERS, PAUSE = 4, 0.02
"""Who reads the API, and the seconds between two requests of each."""

SETTLED = 1.0
"""Seconds without a failure after which the API is taken to answer again."""


@dataclass
class Landing:
    """Days that land one after the other, and when each was acknowledged."""

    landed: dict[tuple[str, date], float] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def go(self, stage: Stage, days: Sequence[date]) -> None:
        """Land one day after the other, each again until it is acknowledged."""
        for day in days:
            for dataset in DATASETS:
                while (dataset.api, day) not in self.landed and not self.over.is_set():
                    try:
                        land(stage.engine, stage.sandbox, dataset, [day])
                    except (DBAPIError, psycopg.Error):
                        time.sleep(0.2)
                    else:
                        self.landed[dataset.api, day] = time.monotonic()

    def after(self, moment: float) -> float:
        """Seconds from a moment to the first day that landed after it. Raises `Stuck` when none did."""
        later = [at for at in self.landed.values() if at > moment]
        if not later:
            raise Stuck("the fault did not bite: every day had landed before it")
        return min(later) - moment

    @contextmanager
    def running(self, stage: Stage, days: Sequence[date]) -> Iterator[Callable[[], None]]:
        """Land for as long as the block lasts. Yields what raises the error that has ended the landing."""
        with ThreadPoolExecutor(1) as pool:
            going = pool.submit(self.go, stage, days)
            try:
                yield lambda: going.result() if going.done() else None
            finally:
                self.over.set()
            going.result()


@dataclass(frozen=True)
class Outcome:
    """What one promotion came to."""

    acknowledged: int
    gone: float | None
    """Seconds of what was acknowledged that are not on the replica; None: all is there."""
    days: int
    """How many days that is."""
    writes: float
    reads: float
    wrong: list[str]
    """What is not as in an undisturbed landing when what was gone has been asked for once more."""
    asked: tuple[int, int]
    """How many requests there were, and how many were not answered."""

    def told(self, how: str) -> list[str]:
        """This, in two lines."""
        gone = (
            "all of them are there"
            if self.gone is None
            else f"{self.days} of them, of the last {self.gone:.1f} s, are gone"
        )
        return [
            f"{how}: {self.acknowledged} days were acknowledged when the primary died; {gone}",
            f"{how}: the next day landed after {self.writes:.1f} s; of {self.asked[0]} requests {self.asked[1]} got an error, "
            f"none after {self.reads:.1f} s; the dead primary was rewound, and follows with the same rows",
        ]


def promoted(stage: Stage) -> Finding:
    """8. The primary dies while days land and the API is read, and the replica is promoted."""
    days = stage.days(FIRST, DAYS)
    stage.learn(days)
    waited = _round(stage, days, synchronous=True)
    held_up = _round(stage, days, synchronous=False)
    if waited.gone is not None:
        raise Stuck(f"{waited.days} acknowledged days are gone, and the primary had waited for the replica")
    if held_up.gone is None:
        raise Stuck("the fault did not bite: the replica was held up, and nothing is gone")
    return Finding(
        "8",
        "the primary is killed in the middle of a landing and of reads of the API, and the replica is promoted",
        [*waited.told("synchronous"), *held_up.told(f"asynchronous, held up for {HELD_UP:.0f} s or more")],
        "by `select pg_promote()`: who writes and who reads have both hosts in their URL. What the asynchronous replica lacked "
        "was asked for again",
        [*waited.wrong, *held_up.wrong],
        max(waited.writes, waited.reads, held_up.writes, held_up.reads),
        f"0 where a commit waits for the replica; {held_up.gone:.1f} s where it does not, and the replica was held up",
    )


def _round(stage: Stage, days: Sequence[date], *, synchronous: bool) -> Outcome:
    """One promotion, on a pair of servers of its own."""
    with pair(stage.server.with_name(f"pair-{synchronous}")) as both:
        database = Database(both.url("drill"))
        database.prepare()
        with database.connected() as engine:
            here = replace(stage, engine=engine)
            here.know(date(2022, 5, 31))
            if synchronous:
                both.wait_for_the_second()
            landing = Landing()
            with (
                _api(stage, both) as url,
                landing.running(here, days) as check,
                Load(in_turn([url]), [anew] * READERS, PAUSE) as load,
            ):
                until(lambda: len(landing.landed) > BEFORE * len(DATASETS), "days have landed", meanwhile=check)
                if not synchronous:
                    _hold_up(both, landing, check)
                moment = time.monotonic()
                both.first.kill()
                both.second.execute("SELECT pg_promote()")
                until(lambda: len(landing.landed) == len(days) * len(DATASETS), "the landing ends", meanwhile=check)
                until(lambda: _answers(load, moment), "the API answers again")
            return _outcome(here, both, landing, load, moment, days)


def _hold_up(both: Pair, landing: Landing, check: Callable[[], None]) -> None:
    """Let the replica receive nothing any more, until it lacks something that was acknowledged."""
    both.first.process("walsender").suspend()
    before = len(landing.landed)
    time.sleep(HELD_UP)
    until(lambda: len(landing.landed) > before + 1, "days land that the replica lacks", meanwhile=check)


def _answers(load: Load, moment: float) -> bool:
    """Whether no request has failed for a while: who has asked before may still be told of the primary that died."""
    seconds = load.back(moment)
    return seconds is not None and time.monotonic() - moment - seconds > SETTLED


def read_again(load: Load, moment: float) -> float:
    """Seconds from a moment until every request was answered again. Raises `Stuck` when the last ones were not."""
    seconds = load.back(moment)
    if seconds is None:
        raise Stuck(f"the API did not answer again: {load.failures[-1] if load.failures else 'nobody asked any more'}")
    return seconds


def _outcome(here: Stage, both: Pair, landing: Landing, load: Load, moment: float, days: Sequence[date]) -> Outcome:
    """Count what is gone, ask for it once more as the sensor catch_up does, and make a replica of the dead primary."""
    before = {key: at for key, at in landing.landed.items() if at < moment}
    missing = {
        (dataset.api, day) for dataset in DATASETS for day in days if day.isoformat() in here.open(dataset, days)
    }
    gone = [before[key] for key in missing & set(before)]
    for api, day in missing:
        land(here.engine, here.sandbox, CATALOG[api], [day])
    writes, reads = landing.after(moment), read_again(load, moment)
    wrong = here.lost(days)
    rewind(both.first, both.second)
    here.engine.dispose()
    written = both.second.execute("SELECT pg_current_wal_lsn()")
    until(lambda: both.first.execute(f"SELECT pg_last_wal_replay_lsn() >= '{written}'"), "the dead primary follows")
    wrong += [f"the dead primary, rewound: {line}" for line in differences(_held(both.second), _held(both.first))]
    asked = (len(load.outcomes), len(load.failures))
    return Outcome(len(before), moment - min(gone) if gone else None, len(gone), writes, reads, wrong, asked)


def _held(server: Server) -> Contents:
    with psycopg.connect(conninfo(server.url.set(database="drill"))) as connection:
        return contents(connection)


@contextmanager
def _api(stage: Stage, both: Pair) -> Iterator[str]:
    """The API over whichever of the two is the primary; where it tells the coverage of a dataset."""
    port = services.free_port()
    service = services.api(stage.server.parent / "logs", port, "/api/v1")
    url = both.url("drill").render_as_string(hide_password=False)
    environment = {**stage.machine.environment, "DATABASE_URL": url, "API_DATABASE_URL": url}
    with services.running([service], environment):
        yield f"http://{services.LOOPBACK}:{port}/api/v1/datasets/daily/coverage?start={FIRST}&limit=1000"
