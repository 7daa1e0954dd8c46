"""A disk that is full is said to be, wherever in the walk it is met; nothing is booked, and reading goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.engine import make_url

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.sandbox.server import TOKEN
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse import space
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.space import DiskFull, explained
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from stock_assistant_pipelines.sandbox.server import Running

FULL = """
create function no_space() returns trigger language plpgsql as
    $$ begin raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'; end $$;
create trigger no_space before insert on trade_cal execute function no_space()
"""


def test_a_landing_that_finds_no_space_books_nothing_and_goes_on_when_there_is_some(
    engine: Engine, sandbox: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    booked = []

    def free(engine: Engine) -> None:
        """What an operator does while the landing waits."""
        with engine.begin() as connection:
            booked.append(connection.execute(text("select count(*) from coverage")).scalar_one())
            connection.execute(text("drop trigger no_space on trade_cal"))

    monkeypatch.setattr(space, "wait", free)
    with engine.begin() as connection:
        connection.execute(text(FULL))
    with Transport(SecretStr(TOKEN), sandbox.url) as transport:
        (entry,) = Ingest(engine, transport).land(CATALOG["trade_cal"])
    assert booked == [0]
    assert entry.status is Status.COMPLETE


def test_a_statement_that_finds_no_space_says_what_to_do(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(FULL))
        with pytest.raises(DiskFull, match=r"No space left on device.*free space on it or enlarge it"):
            connection.execute(text("insert into trade_cal default values"))


def test_it_waits_until_there_is_space_for_a_megabyte(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    naps = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            monkeypatch.setattr(space, "PROBE", probe)

    probe = space.PROBE
    no_space = "do $$ begin raise exception 'No space left on device' using errcode = 'disk_full'; end $$"
    monkeypatch.setattr(space, "PROBE", text(no_space))
    monkeypatch.setattr("time.sleep", nap)
    space.wait(engine)
    assert naps == [space.PAUSE] * 3


def test_it_looks_without_a_trace_in_the_catalog_or_the_log(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(space.LITTLE)
        looked = connection.execute(text(f"explain (analyze, buffers, wal, format json) {space.PROBE}")).scalar_one()
    plan = looked[0]["Plan"]
    assert plan["Temp Written Blocks"] * 8192 > 1_000_000
    assert plan["WAL Bytes"] == 0


def test_what_goes_past_sqlalchemy_says_it_too() -> None:
    with pytest.raises(DiskFull, match="No space left"), explained():
        raise psycopg.errors.DiskFull("could not write to file: No space left on device")


def test_another_error_stays_what_it_is(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(Exception, match="division by zero") as caught:
        connection.execute(text("select 1 / 0"))
    assert not isinstance(caught.value, DiskFull)


def test_a_session_that_finds_no_space_says_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise psycopg.OperationalError("connection failed: FATAL:  could not write init file: No space left on device")

    monkeypatch.setattr(psycopg.Connection, "connect", refuse)
    monkeypatch.setattr(psycopg, "connect", refuse)
    engine = Database(make_url("postgresql://u@h/name")).engine()
    with pytest.raises(DiskFull, match="could not write init file"):
        engine.connect()
