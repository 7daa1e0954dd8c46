"""When a page was published is read strictly, and never earlier than it can have been."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_assistant_pipelines.research.search.dates import day_in_address, day_of, known_since
from stock_assistant_pipelines.settings import SHANGHAI


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("told", "known", "day"),
    [
        ("2024-07-22T11:54:00+08:00", "2024-07-22T11:54:00", "2024-07-22"),
        ("2024-07-22T11:54:00.1234567+08:00", "2024-07-22T11:54:00.123456", "2024-07-22"),
        (" 2024-07-22 11:54 ", "2024-07-22T11:54:00", "2024-07-22"),
        ("2024-07-22T23:59:59+08:00", "2024-07-22T23:59:59", "2024-07-22"),
        # at its word: the later of what it may mean
        ("2024-07-22T11:54:00Z", "2024-07-22T19:54:00", "2024-07-22"),
        ("2024-07-22T18:54:00Z", "2024-07-23T02:54:00", "2024-07-23"),
        ("2024-07-22T11:54:00-05:00", "2024-07-23T00:54:00", "2024-07-23"),
        # a day, whose time nobody knew
        ("2024-07-22", "2024-07-23T00:00:00", "2024-07-22"),
        ("2024-07-22T00:00:00+08:00", "2024-07-23T00:00:00", "2024-07-22"),
        ("2024-07-22T00:00:00Z", "2024-07-23T00:00:00", "2024-07-22"),
        ("2024-07-22T16:00:00Z", "2024-07-24T00:00:00", "2024-07-23"),
    ],
)
def test_a_date_is_known_from_the_moment_it_tells_and_without_one_from_its_end(told: str, known: str, day: str) -> None:
    found = known_since(told)
    assert found == at(known)
    assert found is not None
    assert day_of(found).isoformat() == day


@pytest.mark.parametrize(
    "told",
    [
        None,
        "",
        "2024",
        "2024-07",
        "20240722",
        "22.07.2024",
        "07/22/2024",
        "2024-07-32",
        "2024-02-30T10:00:00+08:00",
        "2024-07-22T25:00:00+08:00",
        "2024-07-22T11:54:00 GMT",
        "2024-07-22T11:54:00+0800",
        "3天前",
        "yesterday",
        "1721620440",
        "0001-01-01T00:00:00Z",
        "1970-01-01T08:00:00+08:00",
        "9999-12-31T23:59:59Z",
        "２０２４-07-22",
        "2024-07-22\n2024-07-23",
    ],
)
def test_whatever_else_is_told_is_no_date(told: str | None) -> None:
    assert known_since(told) is None


@given(
    st.datetimes(datetime(1990, 1, 2), datetime(2100, 12, 30)),  # noqa: DTZ001 - told without an offset
    st.sampled_from(["", "Z", "+08:00", "-05:00"]),
)
def test_nothing_is_known_before_the_time_that_is_told_was_reached_in_shanghai(moment: datetime, offset: str) -> None:
    known = known_since(f"{moment.isoformat()}{offset}")
    assert known is not None
    assert known >= moment.replace(tzinfo=SHANGHAI)
    assert moment.date() <= day_of(known) <= moment.date() + timedelta(days=1)


@given(st.text(st.sampled_from("0123456789-:TZ+. 年"), max_size=30))
def test_no_text_breaks_the_reader(told: str) -> None:
    known_since(told)


@pytest.mark.parametrize(
    ("path", "day"),
    [
        ("/techph/20240722/t20240722_526807992.shtml", date(2024, 7, 22)),
        ("/stock/2024-07-22/doc-inc.shtml", date(2024, 7, 22)),
        ("/a/202407223136519384.html", date(2024, 7, 22)),
        ("/cj/2024/07-22/10255555.shtml", date(2024, 7, 22)),
        ("/2024/0722/c660.html", date(2024, 7, 22)),
        ("/archive/2019/01/02/of/2024_07_22", date(2024, 7, 22)),
        ("/show?id=7&date=20240722", date(2024, 7, 22)),
        ("/newsDetail_forward_28258281", None),
        ("/a/815036254_121819701", None),
        ("/2024/12/34567.html", None),
        ("/2024/12/12345678.html", None),
        ("/20240231/1.html", None),
        ("/stock/120240722.html", None),
        ("", None),
    ],
)
def test_an_address_may_name_a_day(path: str, day: date | None) -> None:
    assert day_in_address(f"https://20240101.example{path}") == day
