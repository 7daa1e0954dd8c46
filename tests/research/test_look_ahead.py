"""The law of evidence: nothing that is known later changes a byte of a sheet, whatever it is."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest
from evidence_market import (
    DAY,
    HALTED,
    MAIN,
    PAST,
    PEERS,
    change,
    make_bars,
    put,
    sheet,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from later_events import EVENTS, LATER, Later

from stock_assistant_pipelines.research import collect
from stock_assistant_pipelines.research.collect import LookAhead, NoTradingDay, UnknownStock, build, build_many
from stock_assistant_pipelines.research.evidence import Found, Item, Kind, Topic
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from stock_assistant_pipelines.research.evidence import Sheet

END = datetime(2025, 3, 4, tzinfo=SHANGHAI)


SHOWN = tuple(name for name in EVENTS if name not in {"booking", "listing"})
"""Those that a sheet of their own day shows in any case; a booking shows where a row is missing."""


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    events=st.lists(st.tuples(st.sampled_from(EVENTS), st.sampled_from(LATER)), min_size=1, max_size=6, unique=True),
    random=st.randoms(use_true_random=False),
)
def test_nothing_that_is_known_later_changes_a_byte(
    market: Connection, known: Sheet, events: list[tuple[str, date]], random: Random
) -> None:
    with market.begin_nested() as savepoint:
        for event, day in events:
            getattr(Later(market, day, random), event)()
        assert sheet(market).canonical == known.canonical
        savepoint.rollback()


@pytest.mark.parametrize("event", SHOWN)
def test_each_of_these_events_shows_once_it_is_known(market: Connection, event: str) -> None:
    """So that the law above does not hold for the reason that nothing of this ever shows."""
    day = LATER[0]
    later = Later(market, day, Random(1))
    later.code = MAIN
    if event not in {"bar", "suspension"}:
        put(market, "daily", *make_bars(MAIN, [day], Random(2)))
    if event != "factor":
        later.put("adj_factor", adj_factor=2)
    before = sheet(market, day=day).canonical
    getattr(later, event)()
    assert sheet(market, day=day).canonical != before


def test_no_item_is_known_after_the_end_of_the_day(known: Sheet) -> None:
    assert len(known.items) > 150
    assert all(item.known_at <= END for item in known.items)
    assert {item.known_at.utcoffset() for item in known.items} == {timedelta(hours=8)}


def test_the_hash_is_the_same_in_any_session_and_batch(market: Connection, known: Sheet) -> None:
    change(market, "SET LOCAL timezone TO 'America/New_York'")
    assert sheet(market).sha256 == known.sha256
    together = list(build_many(market, [HALTED, *PEERS[::-1], "999999.SH"], DAY))
    assert [each.ts_code for each in together] == sorted([HALTED, *PEERS])
    assert known.sha256 in {each.sha256 for each in together}


def test_batches_of_any_size_make_the_same_sheets(market: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [each.sha256 for each in build_many(market, [HALTED, *PEERS], DAY)]
    monkeypatch.setattr(collect, "BATCH", 3)
    assert [each.sha256 for each in build_many(market, [HALTED, *PEERS], DAY)] == whole
    assert len(set(whole)) == 7


def test_a_corrected_figure_changes_the_hash(market: Connection, known: Sheet) -> None:
    change(market, "UPDATE daily SET vol = vol + 1 WHERE ts_code = :main AND trade_date = :day")
    assert sheet(market).sha256 != known.sha256


def test_every_item_names_rows_that_are_there(market: Connection, known: Sheet) -> None:
    assert all(item.origins for item in known.items)
    for item in known.items:
        for origin in item.origins:
            where = " AND ".join(f"{column}::text = '{value}'" for column, value in origin.key.items())
            found = market.exec_driver_sql(
                f"SELECT {origin.column} FROM {origin.dataset} WHERE {where} LIMIT 1"
            ).first()
            if origin.dataset == "suspend_d":
                continue  # a day on which it was not suspended has no row
            assert found is not None, f"{item.id}: {origin}"


def test_what_is_derived_names_items_that_are_there(known: Sheet) -> None:
    for item in known.items:
        assert set(item.inputs) <= set(known.by_id), item.id
        assert (item.kind is Kind.DERIVED) == (item.derivation is not None)


def news(known_at: datetime) -> Item:
    return Item(
        id="news.1", kind=Kind.NEWS, topic=Topic.NEWS, label="News", label_zh="新闻", text="…", known_at=known_at,
        url="https://example.com/1", period="2025-03-03",
    )  # fmt: skip


def test_news_are_taken_along_and_never_from_the_future(market: Connection) -> None:
    assert build(market, MAIN, DAY, Found((news(END),))).by_id["news.1"].known_at == END
    with pytest.raises(LookAhead):
        build(market, MAIN, DAY, Found((news(END + timedelta(seconds=1)),)))


def test_why_news_are_missing_is_told_and_part_of_the_bytes(market: Connection, known: Sheet) -> None:
    told = sheet_with(market, Found(missing="nobody searched"))
    assert told.missing == {**known.missing, "news": "nobody searched"}
    assert told.sha256 != known.sha256
    assert sheet_with(market, Found()).canonical == known.canonical


def sheet_with(market: Connection, found: Found) -> Sheet:
    [sheet] = build_many(market, [MAIN], DAY, {MAIN: found})
    return sheet


def test_a_stock_or_a_day_that_there_is_not_is_refused(market: Connection) -> None:
    with pytest.raises(UnknownStock, match="999999"):
        build(market, "999999.SH", DAY)
    with pytest.raises(NoTradingDay, match="2025-03-02"):
        build(market, MAIN, date(2025, 3, 2))
    assert PAST[-1] == DAY
