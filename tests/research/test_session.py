"""Two sessions never work on the same day at once, and one that only waits has asked nobody."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest
from desks import clear, laid_out
from evidence_market import DAY, HALTED, MAIN
from pydantic import SecretStr
from sqlalchemy import select, text

from stock_assistant_pipelines.research import store
from stock_assistant_pipelines.research.evidence import Topic
from stock_assistant_pipelines.research.session import NotReady, Session
from stock_assistant_pipelines.sandbox.keyed import KEY
from stock_assistant_pipelines.sandbox.search.server import running
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.warehouse.tables import RESEARCH_WATCH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.research.evidence import Sheet
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
            while second.is_alive() and not looking.scalar(text(WAITING)):
                looking.rollback()
        assert rules.stats()["calls"] == 0
    second.join()
    paid = rules.stats()["calls"]
    assert paid > 0
    assert session.notes([DAY])[DAY].made == []
    assert session.lacking(DAY) == [MAIN]
    assert session.reports([DAY])[DAY].done == {MAIN: "published"}
    assert session.lacking(DAY) == []


def test_evidence_is_not_collected_of_a_day_that_somebody_else_works_on(session: Session) -> None:
    other = replace(session)
    collecting = threading.Thread(target=other.gather, args=(DAY,))
    with session.alone([DAY]), session.engine.connect() as looking:
        session.gather(DAY, [HALTED])  # is not kept from its own day
        collecting.start()
        while collecting.is_alive() and not looking.scalar(text(WAITING)):
            looking.rollback()
        assert [each.ts_code for each in store.watched(looking, DAY)] == [HALTED]
    collecting.join()
    with session.engine.connect() as looking:
        assert [each.ts_code for each in store.watched(looking, DAY)] == sorted([HALTED, MAIN])
        assert looking.scalar(text("select count(*) from pg_locks where locktype = 'advisory'")) == 0


def test_news_are_searched_for_once_and_stand_in_the_evidence(session: Session) -> None:
    def of_news() -> Sheet:
        session.gather(DAY)
        with session.engine.connect() as connection:
            (watched,) = store.watched(connection, DAY)
            assert watched.evidence_sha256 is not None
            return store.load_sheet(connection, watched.evidence_sha256)

    assert of_news().missing["news"] == "nobody searched: BOCHA_API_KEY is not set"
    with running() as web:
        key, age = SecretStr(KEY), date.today() - DAY  # noqa: DTZ011 - how far back it lies, and a day more
        words = {"bocha_api_key": key, "bocha_base_url": web.root, "bocha_back_days": age.days + 2}
        session = replace(session, settings=session.settings.model_copy(update=words))
        found = of_news()
        assert found.of(Topic.NEWS)
        assert found.missing["news"].startswith("searched for on")
        assert of_news().sha256 == found.sha256
        assert web.stats()["calls"] == 1


def test_a_day_of_which_nothing_can_be_written_says_what_it_takes(session: Session) -> None:
    assert session.last_day() == DAY
    with pytest.raises(NotReady, match="daily of 2025-02-28 has not landed"):
        session.gather(DAY.replace(month=2, day=28))
    with session.engine.begin() as connection:
        connection.execute(text("update stock_basic set delist_date = '2025-01-02' where ts_code = '688001.SH'"))
    with pytest.raises(NotReady, match=r"none of 688001\.SH was listed then"):
        session.gather(DAY, ["688001.SH"])


def test_who_was_asked_for_on_demand_is_of_the_watchlist_as_soon_as_that_names_it(session: Session) -> None:
    def named() -> list[str]:
        with session.engine.connect() as connection:
            return list(connection.scalars(select(RESEARCH_WATCH.c.named_by)))

    session.gather(DAY, [MAIN])
    assert named() == ["on demand"]
    session.gather(DAY)
    assert named() == [MAIN]
    session.gather(DAY, [MAIN])
    assert named() == [MAIN]
