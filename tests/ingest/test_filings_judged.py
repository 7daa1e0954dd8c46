"""Answers about reports that are late, broken or refused: what of them is believed, and what is said of the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from reports import SINGLE, WHOLE, YEAR, asked_of, land, made, refetch
from sqlalchemy import select, text

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest.asking import OUTAGE
from stock_assistant_pipelines.tushare.errors import BadParameters
from stock_assistant_pipelines.warehouse import filing
from stock_assistant_pipelines.warehouse.tables import METADATA, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from walk import Walk

PERIOD = YEAR[1]
"""The half-year's report."""
LEFT_OUT = "one row was left out for lack of bz_item, a part of the key: 000001.SZ 2025-06-30"


@pytest.fixture
def ready(walk: Walk) -> Walk:
    """A walk of which all is landed that completeness rests on."""
    walk.ingest.points = WHOLE
    walk.ingest.prepare_periods(CATALOG["income"], YEAR)
    walk.sandbox.forget()
    return walk


def answering(walk: Walk, how: Callable[[str, Any, Any], Any]) -> Callable[[], None]:
    """Let what is answered be changed; return what ends that."""
    fetch = walk.ingest.transport.fetch

    def fetched(api: str, params: Any, *words: Any, **more: Any) -> Any:
        return how(api, params, fetch(api, params, *words, **more))

    walk.ingest.transport.fetch = fetched  # type: ignore[method-assign]

    def end() -> None:
        walk.ingest.transport.fetch = fetch  # type: ignore[method-assign]

    return end


def test_an_answer_that_was_given_earlier_comes_in_the_place_of_none_that_was_given_later(ready: Walk) -> None:
    at = [*CATALOG["income"].asked].index("revenue")
    meanwhile = [True]

    def slow(api: str, params: Any, answer: Any) -> Any:
        if not (meanwhile and params.get("report_type") == "1"):
            return answer
        meanwhile.clear()
        ready.pass_time(minutes=5)
        end()
        correct = answering(ready, corrected)
        land(ready, "income", [PERIOD])
        correct()
        ready.pass_time(minutes=5)
        return answer

    def corrected(api: str, params: Any, answer: Any) -> Any:
        return replace(answer, rows=[(*row[:at], 123.0, *row[at + 1 :]) for row in answer.rows])

    end = answering(ready, slow)
    land(ready, "income", [PERIOD])
    table = METADATA.tables["income"]
    with ready.engine.connect() as connection:
        told = select(table.c.revenue).where(table.c.end_date == PERIOD, table.c.report_type == "1").distinct()
        assert [*connection.execute(told).scalars()] == [123], "the first call was answered before the second"


@pytest.mark.parametrize("points", [WHOLE, SINGLE])
def test_a_row_without_a_part_of_its_key_is_left_out_and_named_and_the_rest_lands(ready: Walk, points: int) -> None:
    ready.ingest.points = points
    fields = [*CATALOG["fina_mainbz"].asked]
    item, period, code = (fields.index(name) for name in ("bz_item", "end_date", "ts_code"))

    def broken(api: str, params: Any, answer: Any) -> Any:
        rows = list(answer.rows)
        for number, row in enumerate(rows):
            if params.get("type") == "P" and (row[code], row[period]) == ("000001.SZ", "20250630"):
                rows[number] = (*row[:item], None, *row[item + 1 :])
                break
        return replace(answer, rows=rows)

    end = answering(ready, broken)
    landed = land(ready, "fina_mainbz")
    end()
    reasons = {key: (entry.status, entry.reason) for key, entry in landed.items()}
    assert reasons.pop("2025-06-30") == (Status.COMPLETE, LEFT_OUT)
    assert {*reasons.values()} == {(Status.COMPLETE, None)}
    assert {each.reason for each in asked_of(ready, "fina_mainbz").values()} == {None, LEFT_OUT}
    held = text("select count(*) from fina_mainbz where ts_code = '000001.SZ' and end_date = '2025-06-30'")
    with ready.engine.connect() as connection:
        rows = connection.execute(held).scalar_one()
    assert rows
    filing.recount(ready.engine, CATALOG["fina_mainbz"], YEAR, ready.pass_time(minutes=1))
    booked = ready.booked("fina_mainbz", PERIOD)
    assert booked is not None
    assert booked.reason == LEFT_OUT, "it is told for as long as no other answer came"
    refetch(ready, "fina_mainbz")
    booked = ready.booked("fina_mainbz", PERIOD)
    assert booked is not None
    assert booked.reason is None
    with ready.engine.connect() as connection:
        assert connection.execute(held).scalar_one() == rows + 1


def refusing(ready: Walk, whom: Callable[[str], bool]) -> list[str]:
    """Let stocks be refused with words that name them; return those that were asked, as they are."""
    asked: list[str] = []
    fetch = ready.ingest.transport.fetch

    def fetched(api: str, params: Any, *words: Any, **more: Any) -> Any:
        code = params.get("ts_code")
        if code and code not in asked:
            asked.append(code)
        if code and whom(code):
            raise BadParameters(api, f"code 40001: {code}: there is no such parameter")
        return fetch(api, params, *words, **more)

    ready.ingest.transport.fetch = fetched  # type: ignore[method-assign]
    return asked


def test_stocks_that_are_refused_in_a_row_with_the_same_words_end_the_asking(ready: Walk) -> None:
    ready.ingest.points = SINGLE
    asked = refusing(ready, lambda _: True)
    landed = land(ready, "income")
    assert len(asked) == OUTAGE
    entry = landed["2025-09-30"]
    assert (entry.status, entry.cause) == (Status.FAILED, "CallRefused")
    assert f"{OUTAGE} stocks in a row were refused with the same words" in str(entry.reason)
    assert "code 40001: …: there is no such parameter" in str(entry.reason)


def test_refusals_with_an_answer_between_them_end_nothing(ready: Walk) -> None:
    ready.ingest.points = SINGLE
    asked: list[str] = []
    asked = refusing(ready, lambda code: len(asked) % OUTAGE != 0)
    landed = land(ready, "income")
    assert len(asked) > 2 * OUTAGE
    assert {entry.cause for entry in landed.values()} == {"BadParameters"}
    assert made(ready, "income") == 3 * (len(asked) // OUTAGE)
