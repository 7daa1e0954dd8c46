"""Data versions move with every change of what is served, in its transaction, and keep nobody waiting."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import alembic.command
import pytest
from made_market import CODES, DAY, bar, land, list_stocks
from sqlalchemy import func, insert, select, text, update

from stock_assistant_pipelines.warehouse.tables import COVERAGE, DATA_VERSION, METADATA, VERSIONED
from stock_assistant_pipelines.warehouse.watched import BOOKS

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from stock_assistant_pipelines.warehouse.database import Database

DAILY = METADATA.tables["daily"]


def versions(engine: Engine) -> dict[str, int]:
    query = select(DATA_VERSION.c.dataset, func.sum(DATA_VERSION.c.version)).group_by(DATA_VERSION.c.dataset)
    with engine.connect() as connection:
        return {name: int(version) for name, version in connection.execute(query)}


def counters(engine: Engine, dataset: str) -> int:
    with engine.connect() as connection:
        query = select(func.count()).where(DATA_VERSION.c.dataset == dataset)
        return int(connection.execute(query).scalar_one())


def change(connection: Connection, code: str = CODES[0]) -> None:
    connection.execute(update(DAILY).where(DAILY.c.ts_code == code).values(close=DAILY.c.close + 1))


@pytest.fixture
def landed(engine: Engine) -> Engine:
    list_stocks(engine)
    land(engine, "daily", *(bar(code) for code in CODES))
    return engine


def test_a_landing_moves_the_version_of_its_dataset_by_one(landed: Engine) -> None:
    before = versions(landed)
    land(landed, "daily", *(bar(code, DAY + timedelta(days=1)) for code in CODES), day=DAY + timedelta(days=1))
    assert versions(landed) == {**before, "daily": before["daily"] + 1}


def test_a_landing_that_tells_nothing_new_moves_it_too_since_it_is_told_when_a_day_was_last_asked_for(
    landed: Engine,
) -> None:
    before = versions(landed)
    land(landed, "daily", *(bar(code) for code in CODES))
    assert versions(landed)["daily"] == before["daily"] + 1


def test_a_change_by_hand_moves_it(landed: Engine) -> None:
    before = versions(landed)
    with landed.begin() as connection:
        change(connection)
        change(connection)
    assert versions(landed) == {**before, "daily": before["daily"] + 1}


@pytest.mark.parametrize(
    ("statement", "moved"),
    [
        ("delete from daily", "daily"),
        ("truncate daily", "daily"),
        ("update coverage set reason = 'x' where dataset = 'daily'", "daily"),
        ("delete from coverage where dataset = 'stock_basic'", "stock_basic"),
        ("truncate coverage", "everything"),
        ("insert into market_day (trade_date, made_from, made_at) values ('2026-03-04', '{}', now())", "market_day"),
        (
            "insert into asked values ('income', '*', 'a', 0, null, null, now(), 'complete', null, null, 0, 1, null)",
            "income",
        ),
    ],
)
def test_each_kind_of_change_is_noticed(landed: Engine, statement: str, moved: str) -> None:
    before = versions(landed)
    with landed.begin() as connection:
        connection.execute(text(statement))
    after = versions(landed)
    assert {name for name in after if after[name] != before.get(name)} == {moved}


def test_an_entry_that_changes_its_dataset_moves_both(landed: Engine) -> None:
    before = versions(landed)
    with landed.begin() as connection:
        connection.execute(update(COVERAGE).where(COVERAGE.c.dataset == "daily").values(dataset="adj_factor"))
    after = versions(landed)
    assert {name for name in after if after[name] != before.get(name)} == {"daily", "adj_factor"}


def test_what_is_rolled_back_moves_nothing(landed: Engine) -> None:
    before = versions(landed)
    with landed.connect() as connection:
        change(connection)
        connection.rollback()
    assert versions(landed) == before


def test_a_change_after_a_savepoint_that_was_rolled_back_is_counted(landed: Engine) -> None:
    before = versions(landed)
    with landed.begin() as connection:
        savepoint = connection.begin_nested()
        change(connection)
        savepoint.rollback()
        change(connection)
    assert versions(landed)["daily"] == before["daily"] + 1


def test_transactions_side_by_side_do_not_wait_and_none_is_lost(landed: Engine) -> None:
    before = versions(landed)
    with landed.connect() as one, landed.connect() as other, landed.connect() as third:
        for connection, code in zip((one, other, third), CODES, strict=False):
            connection.execute(text("set local lock_timeout = '2s'"))
            change(connection, code)
        for connection in (other, third, one):
            connection.commit()
    assert versions(landed)["daily"] == before["daily"] + 3
    assert counters(landed, "daily") == 3


def test_transactions_after_each_other_take_the_same_counter(landed: Engine) -> None:
    for _ in range(5):
        with landed.begin() as connection:
            change(connection)
    assert counters(landed, "daily") == 1


def test_a_transaction_under_a_snapshot_counts_though_the_counter_has_moved_on(landed: Engine) -> None:
    before = versions(landed)
    with landed.connect().execution_options(isolation_level="REPEATABLE READ") as snapshot:
        snapshot.execute(select(func.count()).select_from(DAILY))
        with landed.begin() as other:
            change(other, CODES[1])
        change(snapshot, CODES[0])
        snapshot.commit()
    assert versions(landed)["daily"] == before["daily"] + 2


def test_every_served_table_is_watched(engine: Engine) -> None:
    watched = "select tgrelid::regclass::text from pg_trigger where tgname = 'data_changed'"
    with engine.connect() as connection:
        assert set(connection.execute(text(watched)).scalars()) == {*VERSIONED, *BOOKS}


def test_a_table_that_a_later_migration_adds_is_watched_after_it(database: Database, engine: Engine) -> None:
    alembic.command.downgrade(database.migrations(), "-1")
    with engine.begin() as connection:
        connection.execute(text("drop trigger data_changed on daily"))
    database.upgrade()
    with engine.begin() as connection:
        connection.execute(insert(DAILY), [{"ts_code": "x", "trade_date": DAY}])
    assert versions(engine)["daily"] == 1
