"""Two sessions never work on the same day at once, and one that only waits has asked nobody."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from desks import clear, laid_out
from evidence_market import DAY, MAIN
from sqlalchemy import text

from stock_assistant_pipelines.research.session import NotReady, Session
from stock_assistant_pipelines.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.sandbox.model.server import RunningModel

WAITING = "select count(*) from pg_locks where locktype = 'advisory' and not granted"


@pytest.fixture(scope="module")
def laid(postgres: URL) -> Iterator[Engine]:
    with laid_out(postgres) as engine:
        yield engine


@pytest.fixture
def session(laid: Engine, rules: RunningModel) -> Session:
    clear(laid)
    words = {
        "llm_provider": "sandbox",
        "llm_model": "sandbox-rules",
        "llm_base_url": rules.url,
        "llm_api_key": "sandbox",
    }
    return Session(laid, Settings(**words, llm_calls_per_minute=0, research_watchlist=[MAIN]))  # type: ignore[arg-type]


def test_who_comes_second_waits_and_then_finds_all_done(session: Session, rules: RunningModel) -> None:
    session.gather(DAY)
    with session.engine.connect() as other:
        other.execute(text("select pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"research of {DAY}"})
        second = threading.Thread(target=session.notes, args=([DAY],))
        second.start()
        with session.engine.connect() as looking:
            while not looking.scalar(text(WAITING)):
                looking.rollback()
        assert rules.stats()["calls"] == 0
    second.join()
    paid = rules.stats()["calls"]
    assert paid > 0
    assert session.notes([DAY])[DAY].made == []
    assert session.lacking(DAY) == [MAIN]
    assert session.reports([DAY])[DAY].done == {MAIN: "published"}
    assert session.lacking(DAY) == []


def test_a_day_of_which_nothing_can_be_written_says_what_it_takes(session: Session) -> None:
    assert session.last_day() == DAY
    with pytest.raises(NotReady, match="daily of 2025-02-28 has not landed"):
        session.gather(DAY.replace(month=2, day=28))
    with session.engine.begin() as connection:
        connection.execute(text("update stock_basic set delist_date = '2025-01-02' where ts_code = '688001.SH'"))
    with pytest.raises(NotReady, match=r"none of 688001\.SH was listed then"):
        session.gather(DAY, ["688001.SH"])
