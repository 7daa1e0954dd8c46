"""Faults that only a backup mends: somebody drops a table and deletes from another."""

from __future__ import annotations

import shutil
import sys
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import text

from drill.finding import Finding
from drill.stage import DATASETS, differing, land
from drill.waiting import Stuck, until
from stock_assistant_pipelines.backup.contents import contents, differences
from stock_assistant_pipelines.backup.keeper import Keeper
from stock_assistant_pipelines.backup.receiver import BEHIND, SLOT
from stock_assistant_pipelines.backup.status import results
from stock_assistant_pipelines.calendar import now
from stock_assistant_pipelines.cli.services import Service
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.warehouse import embedded
from stock_assistant_pipelines.warehouse.database import Database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import URL

    from drill.stage import Stage
    from stock_assistant_pipelines.backup.contents import Contents

BEFORE = date(2023, 6, 1)
"""A day that lands before all others, so that calendar and stocks are known."""

MISTAKE = ("drop table adj_factor", "delete from daily where trade_date >= :first")


def restored(stage: Stage) -> Finding:
    """18. Somebody drops a table and deletes from another: the night's dump is compared, and the moment before restored."""
    days = stage.days(date(2023, 6, 2), 20)
    stage.learn(days)
    stage.know(BEFORE)
    _land(stage, days[:10])
    service = _service(stage)
    keeper = Keeper(Settings(_env_file=None))
    until(lambda: _done(keeper) >= {"dump", "base", "restore_test", "wal"}, "the night's backups are made and tested")
    _land(stage, days[10:])
    url = stage.engine.url
    wanted = _held(url)
    moment, behind = now(), _behind(stage)
    time.sleep(1)
    with stage.engine.begin() as connection:
        for statement in MISTAKE:
            connection.execute(text(statement), {"first": days[5]})
    if len(harm := differences(wanted, _held(url))) < len(MISTAKE):
        raise Stuck("the fault did not bite: the tables are as they were")
    until(lambda: _behind(stage) == 0, "what was written is received")
    began = time.monotonic()
    directory = _room(stage)
    seen = [*_told(keeper), *stage.command("backup", "restore", str(directory), "--to", moment.isoformat())]
    with embedded.running(directory) as server:
        seconds = time.monotonic() - began
        wrong = _wrong(stage, server.set(database=url.database), days, wanted)
    service.stop()
    seen += [f"after the mistake: {line}" for line in harm[:3]]
    injected = (
        "a table is dropped, and half of another deleted, after ten more days have landed since the night's backup"
    )
    healed = (
        "by one command, and a start of PostgreSQL in the directory that it lays out: the moment before the mistake"
    )
    gone = f"0: all that was committed before the mistake; {behind} bytes of WAL were under way to the backup then"
    return Finding("18", injected, seen, healed, wrong, seconds, gone)


def _land(stage: Stage, days: Sequence[date]) -> None:
    for dataset in DATASETS:
        land(stage.engine, stage.sandbox, dataset, days)


def _service(stage: Stage) -> Service:
    """The service that backs up, with what is due at its start: everything."""
    command = [str(Path(sys.executable).with_name("stock-assistant")), "backup", "run"]
    service = Service("backup", command, stage.server.parent / "backup.log")
    service.start(stage.machine.environment)
    stage.held.callback(service.stop)
    return service


def _done(keeper: Keeper) -> set[str]:
    """What has ended well. Raises `Stuck` when something has failed."""
    known = results(keeper.status)
    if failed := [f"{each.kind}: {each.detail}" for each in known if not each.ok]:
        raise Stuck("; ".join(failed))
    return {each.kind for each in known}


def _told(keeper: Keeper) -> list[str]:
    """What the status file says of the night's backups."""
    return [
        f"{each.kind} in {each.seconds:.1f} s, {each.bytes / 1e6:.1f} MB: {each.detail}"
        for each in results(keeper.status)
        if each.kind != "wal"
    ]


def _held(url: URL) -> Contents:
    with psycopg.connect(embedded.conninfo(url)) as connection:
        return contents(connection)


def _behind(stage: Stage) -> int:
    """How many bytes of WAL the server has written that the backup has not."""
    with psycopg.connect(embedded.conninfo(stage.engine.url)) as connection:
        row = connection.execute(BEHIND, (SLOT,)).fetchone()
    if row is None:
        raise Stuck("nobody receives WAL")
    return int(row[0])


def _room(stage: Stage) -> Path:
    """An empty directory of whoever runs servers here."""
    directory = stage.server.with_name("restored")
    directory.mkdir()
    shutil.chown(directory, stage.server.owner(), stage.server.group())
    return directory


def _wrong(stage: Stage, url: URL, days: Sequence[date], wanted: Contents) -> list[str]:
    """What of the restored database is not as it was, and what is not as in an undisturbed landing."""
    with Database(url).connected() as engine:
        lost = [f"{dataset.api} {day}" for dataset in DATASETS for day in differing(dataset, days, engine, stage.truth)]
    return differences(wanted, _held(url)) + lost
