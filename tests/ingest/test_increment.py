"""Whom the evening asks about reports, and in which order."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest.increment import LOOK_BACK, REACH, Limits, Report, tonight, unheard
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.periods import parts, whole_parts
from stock_assistant_pipelines.warehouse.asked import ANNOUNCED, EVERYBODY, Asked
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

INCOME, FORECAST, FINA_INDICATOR = CATALOG["income"], CATALOG["forecast"], CATALOG["fina_indicator"]
PERIOD = date(2026, 3, 31)
TODAY = date(2026, 4, 20)
EVENING = datetime(2026, 4, 20, 21, 0, tzinfo=SHANGHAI)
YESTERDAY = EVENING - timedelta(days=1)


def asked(code: str, at: datetime, dataset: Any = INCOME, **words: Any) -> dict[tuple[str, str], Asked]:
    """All parts of a company's report, asked for at a moment."""
    return {
        (code, part.name): Asked(
            dataset.api,
            code,
            part.name,
            at,
            words.get("status", Status.COMPLETE),
            variant=part.variant,
            first_period=part.first,
            last_period=part.last,
            attempts=words.get("attempts", 0),
        )
        for part in parts(dataset, PERIOD)
    }


def disclosed(code: str, day: int) -> Report:
    return Report(code, PERIOD, date(2026, 4, day), date(2026, 4, day))


def planned(code: str, day: int | None) -> Report:
    return Report(code, PERIOD, None, date(2026, 4, day) if day else None)


def chosen(
    reports: Sequence[Report], before: dict[tuple[str, str], Asked] | None = None, dataset: Any = INCOME, **words: Any
) -> list[str]:
    """The companies that are asked, in their order."""
    missing = {PERIOD: words.pop("missing", [])}
    return list(tonight(dataset, reports, missing, before or {}, TODAY, Limits(**words)))


def test_who_has_disclosed_since_it_was_asked_is_asked_and_the_newest_first() -> None:
    reports = [disclosed("a", 17), disclosed("b", 20), disclosed("c", 19), disclosed("d", 10)]
    before = {**asked("a", YESTERDAY), **asked("c", YESTERDAY), **asked("d", YESTERDAY)}
    assert chosen(reports, before) == ["b", "c"]


def test_what_was_answered_on_the_day_of_disclosure_is_asked_for_once_more_the_day_after() -> None:
    reports = [disclosed("a", 20)]
    assert chosen(reports, asked("a", EVENING)) == ["a"]
    after = datetime(2026, 4, 21, 0, 0, tzinfo=SHANGHAI)
    assert chosen(reports, asked("a", after)) == []


def test_who_will_disclose_later_is_not_asked() -> None:
    assert chosen([planned("a", 21), disclosed("b", 21)]) == []


def test_the_long_tail_are_those_that_should_have_disclosed_and_have_not() -> None:
    reports = [planned("late", 19), planned("today", 20), planned("unplanned", None), planned("later", 28)]
    assert chosen(reports) == ["late", "today", "unplanned"]


def test_of_the_long_tail_those_go_first_that_were_asked_longest_ago_and_as_many_as_the_limit_says() -> None:
    reports = [planned(code, 15) for code in ("a", "b", "c", "d")]
    before = {
        **asked("a", YESTERDAY),
        **asked("b", YESTERDAY - timedelta(days=2)),
        **asked("c", YESTERDAY - timedelta(days=1)),
    }
    assert chosen(reports, before) == ["d", "b", "c", "a"]
    assert chosen(reports, before, tail=2) == ["d", "b"]
    assert chosen(reports, before, tail=0) == []


def test_the_limit_is_of_the_long_tail_alone() -> None:
    reports = [disclosed("a", 20), disclosed("b", 20), planned("c", 15), planned("d", 15)]
    assert chosen(reports, tail=1) == ["a", "b", "c"]


def test_who_has_disclosed_and_has_no_row_is_of_the_long_tail_when_it_was_asked_after_that() -> None:
    reports = [disclosed("a", 10), disclosed("b", 10)]
    before = {**asked("a", YESTERDAY), **asked("b", YESTERDAY)}
    assert chosen(reports, before, missing=["b"]) == ["b"]
    assert chosen(reports, before, missing=["b"], tail=0) == []


def test_what_failed_goes_after_what_is_new_and_before_the_tail_until_it_was_tried_too_often() -> None:
    reports = [disclosed("new", 20), planned("tired", 15), planned("failed", 15)]
    before = {
        **asked("failed", YESTERDAY, status=Status.FAILED, attempts=3),
        **asked("tired", YESTERDAY, status=Status.FAILED, attempts=4),
    }
    assert chosen(reports, before) == ["new", "failed", "tired"]
    assert chosen(reports, before, retries=2, tail=1) == ["new", "failed"]


def test_the_limit_of_the_tail_is_one_of_the_evening_that_is_broken_off_and_goes_on() -> None:
    reports = [planned(code, 15) for code in ("a", "b", "c", "d")]
    before = {**asked("a", EVENING), **asked("b", EVENING)}

    def go_on(begun: datetime) -> list[str]:
        return [*tonight(INCOME, reports, {PERIOD: []}, before, TODAY, Limits(3), begun)]

    assert go_on(EVENING) == ["c"]
    assert go_on(EVENING + timedelta(seconds=1)) == ["c", "d", "a"]


def test_of_what_failed_only_the_parts_are_asked_for_that_did() -> None:
    before = asked("a", YESTERDAY)
    failed = {key: each for key, each in before.items() if "report_type=4" in key[1]}
    (key,) = failed
    before[key] = asked("a", YESTERDAY, status=Status.DEFERRED, attempts=1)[key]
    wanted = tonight(INCOME, [], {}, before, TODAY, Limits())
    assert [part.name for part in wanted["a"]] == ["report_type=4"]


def test_of_datasets_of_which_nobody_knows_who_has_rows_everybody_is_in_the_long_tail() -> None:
    reports = [disclosed("a", 10), planned("b", 28), planned("c", None)]
    before = asked("a", YESTERDAY, FORECAST)
    assert chosen(reports, before, FORECAST) == ["b", "c", "a"]
    assert chosen(reports, before, FORECAST, tail=1) == ["b"]


def test_a_company_is_asked_for_the_ranges_that_hold_its_open_periods() -> None:
    reports = [Report("a", PERIOD, TODAY), Report("a", date(2025, 12, 31), TODAY)]
    wanted = tonight(FINA_INDICATOR, reports, {}, {}, TODAY, Limits())
    (part,) = wanted["a"]
    assert (part.first, part.last) == (date(2015, 12, 31), date(2028, 3, 31))


DIVIDEND = CATALOG["dividend"]
TOMORROW = TODAY + timedelta(days=1)


def heard(day: date, at: datetime, column: str = "ann_date", status: Status = Status.COMPLETE) -> dict[str, Asked]:
    """A day of announcement that was asked for at a moment."""
    name = f"{column}={day}"
    return {name: Asked("dividend", ANNOUNCED, name, at, status)}


def test_each_day_of_announcement_is_asked_for_by_each_day_that_rows_bear_from_tomorrow_back() -> None:
    wanted = unheard(DIVIDEND, {}, TODAY, EVENING)
    assert [(each.column, each.day) for each in wanted[:3]] == [
        ("ann_date", TOMORROW),
        ("imp_ann_date", TOMORROW),
        ("ann_date", TODAY),
    ]
    assert len(wanted) == 2 * (REACH + 2)
    assert {each.day for each in wanted} == {TOMORROW - timedelta(days=at) for at in range(REACH + 2)}
    assert unheard(INCOME, {}, TODAY, EVENING) == []


def test_a_day_is_asked_for_again_until_the_source_adds_nothing_to_it_any_more() -> None:
    day = TODAY - LOOK_BACK
    for asked_on, again in ((day + LOOK_BACK - timedelta(days=1), True), (day + LOOK_BACK, False)):
        at = datetime.combine(asked_on, EVENING.timetz()) - timedelta(hours=1)
        wanted = unheard(FORECAST, heard(day, at), TODAY, EVENING)
        assert (day in {each.day for each in wanted}) is again


def test_a_day_that_was_answered_for_this_evening_is_not_asked_again_and_one_that_was_tried_is() -> None:
    later = EVENING + timedelta(minutes=5)
    answered = unheard(FORECAST, heard(TODAY, later), TODAY, EVENING)
    assert TODAY not in {each.day for each in answered}
    tried = unheard(FORECAST, heard(TODAY, later, status=Status.FAILED), TODAY, EVENING)
    assert TODAY in {each.day for each in tried}


def test_who_was_listed_of_late_is_asked_once_for_what_its_prospectus_tells() -> None:
    old = Report("new", date(2022, 12, 31), date(2026, 4, 20))

    def wanted(before: dict[tuple[str, str], Asked]) -> list[str]:
        return list(tonight(INCOME, [], {}, before, TODAY, Limits(), EVENING, [old]))

    after = datetime(2026, 4, 21, 0, 0, tzinfo=SHANGHAI)
    assert wanted({}) == ["new"]
    assert wanted(asked("new", EVENING)) == ["new"], "once more the day after"
    assert wanted(asked("new", after)) == []
    whole = {
        (EVERYBODY, part.name): Asked("income", EVERYBODY, part.name, after, Status.COMPLETE)
        for part in whole_parts(INCOME, old.period)
    }
    assert wanted(whole) == [], "the whole market told of that period"
