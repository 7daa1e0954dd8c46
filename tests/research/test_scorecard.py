"""The scorecard, of outcomes that were made by hand: rates and their intervals, probabilities, and what is kept apart."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from evidence_market import PAST, put, query
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from made_reports import AT, claim, note, outcome, report
from sqlalchemy.ext.asyncio import create_async_engine

from stock_assistant_pipelines.research.scorecard import By, Kind, Score, expert_scores, interval, scores
from stock_assistant_pipelines.research.stances import came_true

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy import Connection, Engine

approx = pytest.approx
DAY = PAST[200]
CODES = [f"60{number:04}.SH" for number in range(40)]


def case(connection: Connection, code: str, day: date, excess: Any, number: int = 0, **values: Any) -> str:
    """A report, and what became of it at its own horizon."""
    said = {"stance": "outperform", "horizon": 20, "probability": "0.6", **values}
    made = report(connection, code, day, number, **said)
    hit = came_true(said["stance"], Decimal(excess), said["horizon"])
    brier = (Decimal(said["probability"]) - hit) ** 2
    outcome(connection, made, day, excess, said["horizon"], hit=hit, brier=brier)
    return made


def only(found: list[Score]) -> Score:
    [score] = found
    return score


def test_rates_probabilities_and_returns_are_those_of_the_cases(market: Connection) -> None:
    for code, excess in zip(CODES, ("3", "2", "-4", "5"), strict=False):
        case(market, code, DAY, excess)
    case(market, CODES[4], DAY, "-2", stance="underperform", probability="0.8")
    score = only(scores(market))
    assert (score.kind, score.reports, score.stances, score.cases) == (Kind.FORWARD, 5, 5, 5)
    assert score.hit_rate == approx(4 / 5)
    assert (score.low, score.high) == approx(interval(4 / 5, 5))
    assert score.probability == approx((4 * 0.6 + 0.8) / 5)
    assert score.brier == approx((3 * 0.16 + 0.36 + 0.04) / 5)
    # Of five stocks three did better and two worse: four stances of the one kind, one of the other.
    assert score.base_rate == approx((4 * 0.6 + 0.4) / 5)
    assert score.brier_base == approx((3 * 0.16 + 0.36 + 0.36) / 5)
    assert score.skill == approx(1 - 0.88 / 1.2)
    assert score.excess_index == approx(4 / 5)
    assert score.excess_industry == approx(4 / 5 + 1)
    assert score.gain_index == approx((3 + 2 - 4 + 5 + 2) / 5)
    assert score.gain_industry == approx((4 + 3 - 3 + 6 + 1) / 5)


def test_who_takes_no_stance_counts_as_a_report_and_in_the_base_rate_only(market: Connection) -> None:
    case(market, CODES[0], DAY, "3")
    silent = report(market, CODES[1], DAY, stance=None, horizon=None, probability=None, status="abstained")
    outcome(market, silent, DAY, "-3")
    untold = report(market, CODES[2], DAY)
    outcome(market, untold, DAY, None, lacks="it has no close")
    report(market, CODES[3], DAY, status="failed", stance=None, horizon=None, probability=None)
    score = only(scores(market))
    assert (score.reports, score.stances, score.cases, score.hit_rate) == (3, 2, 1, 1)
    assert score.base_rate == approx(1 / 2)
    assert score.excess_index == approx(3)


def test_forward_and_backfilled_before_and_after_the_cutoff_are_never_mixed(market: Connection) -> None:
    for number, (forward, before) in enumerate(
        [(True, None), (True, True), (False, False), (False, True), (False, None)]
    ):
        case(market, CODES[number], DAY, str(number + 1), forward=forward, before_cutoff=before)
    told = {score.kind: (score.cases, score.excess_index) for score in scores(market)}
    assert list(told) == list(Kind)
    assert told == {
        Kind.FORWARD: (2, approx(1.5)),
        Kind.BACKFILLED: (1, approx(3)),
        Kind.BEFORE_CUTOFF: (1, approx(4)),
        Kind.CUTOFF_UNKNOWN: (1, approx(5)),
    }


def test_the_first_of_a_stock_day_model_prompts_and_language_counts(market: Connection) -> None:
    case(market, CODES[0], DAY, "-1", 1, made_at=AT + timedelta(hours=2))
    case(market, CODES[0], DAY, "2", 2, made_at=AT + timedelta(hours=1))
    report(market, CODES[0], DAY, 3, status="failed", made_at=AT)
    for number, other in enumerate(
        ({"model": "m2"}, {"provider": "q"}, {"prompt_version": "p2"}, {"language": "en"}), start=4
    ):
        case(market, CODES[0], DAY, "2", number, **other)
    score = only(scores(market))
    assert (score.reports, score.cases, score.hit_rate) == (5, 5, 1)


STAND_IN = {"provider": "q", "model": "m2"}


def test_who_stood_in_for_a_model_is_scored_for_what_it_wrote(market: Connection) -> None:
    first = case(market, CODES[0], DAY, "3", provider="p", model="m1")
    note(market, first, "technical", "up", provider="p", model="m1")
    note(market, first, "synthesis", **STAND_IN)
    second = case(market, CODES[1], DAY, "-3", provider="p", model="m1")
    note(market, second, "technical", "up", **STAND_IN)
    note(market, second, "synthesis", provider="p", model="m1")
    assert {each.group["model"]: each.hit_rate for each in scores(market, [By.MODEL])} == {"m1": 0, "m2": 1}
    assert {each.group["model"]: each.hit_rate for each in expert_scores(market, [By.MODEL])} == {"m1": 1, "m2": 0}


def test_of_what_another_model_wrote_nobody_knows_the_cutoff(market: Connection) -> None:
    asked = {"provider": "p", "model": "m1"}
    for code, before in zip(CODES, (False, True, False), strict=False):
        made = case(market, code, DAY, "3", forward=False, before_cutoff=before, **asked)
        note(market, made, "technical", "up", **(asked if code == CODES[2] else STAND_IN))
        note(market, made, "valuation", "up", **asked)
        note(market, made, "synthesis", **asked)
    assert {each.kind: each.cases for each in scores(market)} == {
        Kind.BACKFILLED: 1,
        Kind.BEFORE_CUTOFF: 1,
        Kind.CUTOFF_UNKNOWN: 1,
    }
    told = {(each.kind, each.group["expert"]): each.cases for each in expert_scores(market)}
    assert told == {
        (Kind.BACKFILLED, "technical"): 1,
        (Kind.BACKFILLED, "valuation"): 2,
        (Kind.BEFORE_CUTOFF, "valuation"): 1,
        (Kind.CUTOFF_UNKNOWN, "technical"): 2,
    }
    assert all(each.base_rate == 1 for each in expert_scores(market))


def test_a_model_that_stood_in_counts_once_of_a_stock_and_day(market: Connection) -> None:
    stood_in = case(market, CODES[0], DAY, "3", 1, provider="p", model="m1")
    note(market, stood_in, "synthesis", **STAND_IN)
    case(market, CODES[0], DAY, "3", 2, made_at=AT + timedelta(hours=1), **STAND_IN)
    score = only(scores(market))
    assert (score.reports, score.cases) == (1, 1)


@pytest.mark.parametrize(
    ("by", "values", "groups"),
    [
        (By.MODEL, {"model": "m2"}, [("sandbox", "m2"), ("sandbox", "sandbox-rules")]),
        (By.PROMPT_VERSION, {"prompt_version": "p2"}, [("p1",), ("p2",)]),
        (By.LANGUAGE, {"language": "en"}, [("en",), ("zh",)]),
        (By.STANCE, {"stance": "neutral"}, [("neutral",), ("outperform",)]),
        (By.HORIZON, {"horizon": 5}, [(5,), (20,)]),
    ],
)
def test_scores_are_told_apart_by_what_is_asked(
    market: Connection, by: By, values: dict[str, Any], groups: list[tuple[Any, ...]]
) -> None:
    case(market, CODES[0], DAY, "3")
    case(market, CODES[1], DAY, "3", **values)
    found = scores(market, [by])
    assert [tuple(score.group.values()) for score in found] == groups
    assert [tuple(score.group) for score in found] == [by.columns] * 2
    assert [score.cases for score in found] == [1, 1]


def test_cases_that_overlap_widen_the_interval(market: Connection) -> None:
    for at in range(40):
        case(market, CODES[0], PAST[200 + at], "3")
        case(market, CODES[0], PAST[200 + at], "3", 1, model="m2")
    case(market, CODES[1], PAST[200], "3")
    score = only(scores(market))
    assert (score.cases, score.stretches) == (81, score.independent - 1)
    assert score.independent in (
        3,
        4,
    )  # two stretches of the one stock, three where they do not begin together, and the other's
    assert score.low == approx(interval(1, score.independent)[0])


def test_what_is_too_little_says_so(market: Connection) -> None:
    for code in CODES[:6]:
        for at in range(4):
            case(market, code, PAST[100 + 20 * at], "3")
    assert only(scores(market)).few == "24 independent cases, fewer than 30"
    for code in CODES[6:8]:
        for at in range(4):
            case(market, code, PAST[100 + 20 * at], "3")
    assert (
        only(scores(market)).few == "all within 4 stretches of time, fewer than 5: what moved the market moved them all"
    )
    case(market, CODES[0], PAST[180], "3")
    assert only(scores(market)).few is None


def test_two_days_are_two_stretches_however_many_horizons_there_are(market: Connection) -> None:
    """The two lie on either side of a border, whichever the horizon."""
    sessions = query(market, "SELECT cal_date FROM trade_cal WHERE exchange = 'SSE' AND is_open = 1 ORDER BY cal_date")
    days = sessions[118:120]
    for code in CODES[:6]:
        for number, horizon in enumerate((5, 20, 60)):
            for day in days:
                case(market, code, day, "3", number, horizon=horizon, prompt_version=f"p{number}")
    score = only(scores(market))
    assert (score.cases, score.independent, score.stretches) == (36, 36, 2)
    assert score.few == "all within 2 stretches of time, fewer than 5: what moved the market moved them all"
    assert {each.stretches for each in scores(market, [By.HORIZON])} == {2}


def test_underperforming_gains_by_falling_and_neutral_has_no_gain(market: Connection) -> None:
    case(market, CODES[0], DAY, "-3", stance="underperform")
    case(market, CODES[1], DAY, "1", stance="neutral")
    neutral, under = scores(market, [By.STANCE])
    assert (under.hit_rate, under.excess_index, under.gain_index, under.gain_industry) == (1, -3, 3, 2)
    assert (neutral.hit_rate, neutral.excess_index, neutral.gain_index) == (1, 1, None)


def test_at_one_horizon_for_all_there_are_hits_and_returns(market: Connection) -> None:
    made = case(market, CODES[0], DAY, "3")
    outcome(market, made, DAY, "-1", 5, hit=False)
    score = only(scores(market, horizon=5))
    assert (score.hit_rate, score.excess_index, score.brier, score.brier_base, score.skill) == (0, -1, None, None, None)
    assert only(scores(market, horizon=60)).cases == 0


def test_only_reports_of_the_days_asked_for_count(market: Connection) -> None:
    for at in range(3):
        case(market, CODES[0], PAST[200 + at], str(at))
    score = only(scores(market, since=PAST[201], until=PAST[201]))
    assert (score.reports, score.excess_index, score.base_rate) == (1, 1, 1)
    assert scores(market, since=PAST[203]) == []


def test_an_expert_is_held_to_the_way_its_claims_lean(market: Connection) -> None:
    leanings = {"3": ("up", "up", "down"), "-3": ("down", "none"), "5": ("down",), "4": ("up", "down"), "6": ()}
    for code, (excess, directions) in zip(CODES, leanings.items(), strict=False):
        made = case(market, code, DAY, excess)
        note(market, made, "technical", *directions)
        note(market, made, "synthesis", "up")
        note(market, made, "news", status="absent")
    score = only(expert_scores(market))
    assert (score.group, score.reports, score.stances, score.cases) == ({"expert": "technical"}, 5, 3, 3)
    assert score.hit_rate == approx(2 / 3)
    assert score.base_rate == approx((4 / 5 + 2 * 1 / 5) / 3)
    assert score.gain_index == approx((3 + 3 - 5) / 3)
    assert (score.brier, score.probability) == (None, None)


def test_a_claim_that_was_dropped_tells_nothing_of_its_expert(market: Connection) -> None:
    made = case(market, CODES[0], DAY, "3")
    note(market, made, "valuation", "up")
    for ordinal in (1, 2):
        claim(market, made, "valuation", "down", ordinal, held=False)
    score = only(expert_scores(market, [By.STANCE]))
    assert score.group == {"expert": "valuation", "stance": "outperform"}
    assert score.hit_rate == 1


@given(st.lists(st.tuples(st.sampled_from((5, 20, 60)), st.decimals(-20, 20, places=2)), min_size=1, max_size=12))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([(20, Decimal(0)), (5, Decimal(-1)), (5, Decimal("1.01"))])
def test_the_base_rate_is_that_of_the_same_stance_for_every_stock(
    market: Connection, told: list[tuple[int, Decimal]]
) -> None:
    """The rule by which a stance comes true stands in Python and in SQL: both say the same."""
    with market.begin_nested() as savepoint:
        for number, (code, (horizon, excess)) in enumerate(zip(CODES, told, strict=False)):
            stance = ("outperform", "neutral", "underperform")[number % 3]
            case(market, code, DAY, str(excess), stance=stance, horizon=horizon)
        for score in scores(market, [By.STANCE, By.HORIZON]):
            horizon = score.group["horizon"]
            found = [came_true(str(score.group["stance"]), excess, own) for own, excess in told if own == horizon]
            assert score.base_rate == approx(sum(found) / len(found))
        savepoint.rollback()


@given(st.integers(1, 10_000), st.data())
def test_the_interval_holds_the_rate_and_is_one_of_rates(cases: int, data: st.DataObject) -> None:
    rate = data.draw(st.integers(0, cases)) / cases
    low, high = interval(rate, cases)
    assert 0 <= low <= rate <= high <= 1
    assert low < high
    assert interval(1 - rate, cases) == approx((1 - high, 1 - low))
    narrower = interval(rate, cases * 4)
    assert narrower[1] - narrower[0] < high - low


def test_the_interval_is_wilson_s() -> None:
    """Its ends are the rates that lie 1.96 of their own deviations from what was observed."""
    for end in interval(0.3, 50):
        assert abs(0.3 - end) / (end * (1 - end) / 50) ** 0.5 == approx(1.959964)


def test_the_api_s_driver_reads_the_same(engine: Engine) -> None:
    with engine.begin() as connection:
        put(connection, "trade_cal", *({"exchange": "SSE", "cal_date": day, "is_open": 1} for day in PAST))
        note(connection, case(connection, CODES[0], DAY, "3"), "technical", "up")
        by = list(By)
        plain = [*scores(connection, by, since=DAY), *expert_scores(connection, by, until=DAY)]

    async def read() -> list[Score]:
        pool = create_async_engine(engine.url.set(drivername="postgresql+asyncpg"))
        async with pool.connect() as connection:
            first = await connection.run_sync(lambda each: scores(each, by, since=DAY))
            second = await connection.run_sync(lambda each: expert_scores(each, by, until=DAY))
        await pool.dispose()
        return [*first, *second]

    assert len(plain) == 2
    assert asyncio.run(read()) == plain
