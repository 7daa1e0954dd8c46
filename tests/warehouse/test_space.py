"""A disk that is full is said to be, wherever in the walk it is met; nothing is booked, and reading goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.sandbox.server import TOKEN
from stock_assistant_pipelines.tushare.transport import Transport
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


def test_a_landing_that_finds_no_space_says_what_to_do_and_books_nothing(engine: Engine, sandbox: Running) -> None:
    with engine.begin() as connection:
        connection.execute(text(FULL))
    with Transport(SecretStr(TOKEN), sandbox.url) as transport:
        ingest = Ingest(engine, transport)
        with pytest.raises(DiskFull, match=r"No space left on device.*free space on it or enlarge it"):
            list(ingest.land(CATALOG["trade_cal"]))
        with engine.connect() as connection:
            assert connection.execute(text("select count(*) from coverage")).scalar_one() == 0
        with engine.begin() as connection:
            connection.execute(text("drop trigger no_space on trade_cal"))
        (entry,) = ingest.land(CATALOG["trade_cal"])
    assert entry.status is Status.COMPLETE


def test_what_goes_past_sqlalchemy_says_it_too() -> None:
    with pytest.raises(DiskFull, match="No space left"), explained():
        raise psycopg.errors.DiskFull("could not write to file: No space left on device")


def test_another_error_stays_what_it_is(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(Exception, match="division by zero") as caught:
        connection.execute(text("select 1 / 0"))
    assert not isinstance(caught.value, DiskFull)
