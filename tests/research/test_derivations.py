"""The arithmetic of reports: laws that it keeps, and what it refuses because it cannot be told honestly."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_sheet import item

from stock_assistant_pipelines.research.derivations import FUNCTIONS, NotDerivable, measure, quarter
from stock_assistant_pipelines.research.evidence import Item, Unit

POSITIVE = st.decimals("0.01", "1e12", places=2)
ANY = st.decimals("-1e12", "1e12", places=2)
NOT_POSITIVE = st.decimals("-1e12", "0", places=2)
YEARS, QUARTERS = st.integers(2000, 2030), st.integers(1, 4)


def money(value: Decimal, period: str = "2024q3", stem: str = "revenue") -> Item:
    return item(f"{stem}.{period}", str(value), Unit.CNY)


@given(POSITIVE, POSITIVE)
def test_a_change_leads_back_to_the_new_value(new: Decimal, old: Decimal) -> None:
    derived = FUNCTIONS["change"](money(new), money(old, "2023q3"))
    assert derived.unit is Unit.PERCENT
    assert derived.signed
    assert (derived.value > 0) == (new > old)
    assert abs(old * (1 + derived.value / 100) - new) <= abs(new) * Decimal("1e-20") + old * Decimal("1e-20")


@given(POSITIVE, POSITIVE, YEARS, QUARTERS, YEARS, QUARTERS)
def test_yoy_is_of_the_same_quarter_of_two_years_in_a_row_and_of_nothing_else(
    new: Decimal, old: Decimal, year: int, number: int, other_year: int, other: int
) -> None:
    items = money(new, f"{year}q{number}"), money(old, f"{other_year}q{other}")
    if (year - other_year, number) == (1, other):
        assert FUNCTIONS["yoy"](*items) == FUNCTIONS["change"](*items)
    else:
        with pytest.raises(NotDerivable, match="same quarter"):
            FUNCTIONS["yoy"](*items)


@given(ANY, NOT_POSITIVE)
@pytest.mark.parametrize("name", ["change", "yoy", "ratio", "share", "cagr"])
def test_nothing_grows_from_a_base_that_is_not_above_zero(name: str, new: Decimal, old: Decimal) -> None:
    with pytest.raises(NotDerivable, match="above zero"):
        FUNCTIONS[name](money(new), money(old, "2023q3"))


@given(ANY, ANY)
def test_a_difference_turned_round_has_the_other_sign(one: Decimal, other: Decimal) -> None:
    first, second = money(one), money(other, stem="cost")
    assert FUNCTIONS["difference"](first, second).value == -FUNCTIONS["difference"](second, first).value


@given(POSITIVE, POSITIVE)
def test_a_share_is_a_ratio_in_percent(part: Decimal, whole: Decimal) -> None:
    ratio, share = (FUNCTIONS[name](money(part), money(whole, stem="assets")) for name in ("ratio", "share"))
    assert (ratio.unit, share.unit) == (Unit.TIMES, Unit.PERCENT)
    assert abs(share.value - ratio.value * 100) <= share.value * Decimal("1e-25")


@given(st.decimals("1e3", "1e9", places=2), st.decimals("1e3", "1e9", places=2), st.integers(1, 20))
def test_yearly_growth_over_the_years_leads_to_the_new_value(new: Decimal, old: Decimal, years: int) -> None:
    growth = FUNCTIONS["cagr"](money(new, f"{2000 + years}q4"), money(old, "2000q4")).value
    assert abs(old * (1 + growth / 100) ** years / new - 1) < Decimal("1e-15")


@given(st.lists(ANY, min_size=2, max_size=9))
def test_a_mean_lies_between_the_least_and_the_most(values: list[Decimal]) -> None:
    mean = FUNCTIONS["mean"](*(money(value) for value in values))
    assert min(values) <= mean.value <= max(values)
    assert mean.unit is Unit.CNY


@pytest.mark.parametrize("name", ["change", "yoy", "difference", "ratio", "share", "cagr", "mean"])
def test_two_units_make_nothing(name: str) -> None:
    with pytest.raises(NotDerivable, match=r"unit| in "):
        FUNCTIONS[name](money(Decimal(2)), item("shares.2023q3", "1", Unit.SHARES))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_item_without_a_value_makes_nothing(name: str) -> None:
    with pytest.raises(NotDerivable, match="no value"):
        FUNCTIONS[name](item("revenue.2024q3", None, Unit.CNY), money(Decimal(1), "2023q3"))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_item_is_too_few(name: str) -> None:
    with pytest.raises(NotDerivable, match="two items"):
        FUNCTIONS[name](money(Decimal(1)))


@pytest.mark.parametrize("name", ["change", "yoy", "cagr"])
def test_nothing_grows_from_another_thing(name: str) -> None:
    with pytest.raises(NotDerivable):
        FUNCTIONS[name](money(Decimal(2)), money(Decimal(1), "2023q3", stem="n_income"))
    with pytest.raises(NotDerivable):
        FUNCTIONS[name](money(Decimal(2)), money(Decimal(1), "2023q3.ttm"))


@pytest.mark.parametrize("name", ["change", "difference", "yoy", "cagr"])
def test_the_later_period_comes_first(name: str) -> None:
    with pytest.raises(NotDerivable):
        FUNCTIONS[name](money(Decimal(2), "2023q3"), money(Decimal(1), "2024q3"))


def test_percentages_have_a_difference_in_points_and_no_growth() -> None:
    new, old = item("roe.2024q3", "12.5", Unit.PERCENT), item("roe.2023q3", "13", Unit.PERCENT)
    derived = FUNCTIONS["difference"](new, old)
    assert (derived.value, derived.unit, derived.signed) == (Decimal("-0.5"), Unit.POINTS, True)
    with pytest.raises(NotDerivable, match="difference"):
        FUNCTIONS["change"](new, old)


def test_the_difference_of_two_things_tells_no_direction_unless_both_do() -> None:
    margins = item("gross_margin.2024q3", "30", Unit.PERCENT), item("net_margin.2024q3", "12", Unit.PERCENT)
    returns = (item(id_, "3", Unit.PERCENT, period="20d", signed=True) for id_ in ("return.20d", "index.20d"))
    restated = item("revenue.2024q3.restated", "12", Unit.CNY), item("revenue.2024q3.first", "11", Unit.CNY)
    assert not FUNCTIONS["difference"](*margins).signed
    assert FUNCTIONS["difference"](*restated).signed
    assert FUNCTIONS["difference"](*returns).signed


def test_a_measure_is_an_id_without_its_report_period() -> None:
    assert measure(money(Decimal(1), "2024q3.ttm")) == "revenue.ttm"
    assert measure(item("return.20d", "1")) == "return.20d"


@pytest.mark.parametrize(
    ("period", "found"),
    [("2024q3", (2024, 3)), ("2024q3.ttm", (2024, 3)), ("2024-09-30", None), ("20d", None), (None, None)],
)
def test_a_quarter_is_read_from_a_report_period_alone(period: str | None, found: tuple[int, int] | None) -> None:
    assert quarter(item("x", "1", period=period)) == found
