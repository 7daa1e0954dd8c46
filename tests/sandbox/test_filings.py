"""When synthetic companies file, which versions of a report there are, and how they are asked for."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import httpx2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stock_assistant_pipelines.sandbox.market.filings.periods import COUNT
from stock_assistant_pipelines.sandbox.market.listing import NEVER
from stock_assistant_pipelines.sandbox.server import running

from .conftest import DAY, NOW, Client
from .reports import CENT, PERIODS, STATEMENTS, TRADING_DAYS, Row, asked, by_stock, evening, standing, whole

if TYPE_CHECKING:
    from stock_assistant_pipelines.sandbox.market.days import Days

few = settings(max_examples=12, deadline=None)


# --- versions -----------------------------------------------------------------------------------------------------------


def test_reports_have_every_sort_of_version(shared_client: Client) -> None:
    periods = [f"{year}{day}" for year in range(2012, 2024) for day in ("0630", "1231")]
    rows: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in (row for period in periods for row in whole(shared_client, "income", period=period)):
        rows[row["ts_code"], row["end_date"]].append(row)
    sorts: Counter[str] = Counter()
    for told in rows.values():
        flags = [row["update_flag"] for row in told]
        possible = [row for row in told if row["ann_date"] >= row["end_date"]]
        if len(possible) < len(told):
            sorts["impossible"] += 1
            assert len({row["n_income"] for row in told}) == 1
        elif flags == ["0"]:
            sorts["zero"] += 1
        elif flags == ["1", "0"] and told[0] == {**told[1], "update_flag": "1"}:
            sorts["twin"] += 1
        elif flags == ["1", "0"]:
            sorts["beside"] += 1
            assert told[0]["f_ann_date"] > told[1]["f_ann_date"] == told[0]["ann_date"] == told[1]["ann_date"]
            assert told[0]["n_income"] != told[1]["n_income"]
        else:
            assert flags == ["1"]
            sorts["corrected" if told[0]["f_ann_date"] > told[0]["ann_date"] else "plain"] += 1
    share = {sort: count / sum(sorts.values()) for sort, count in sorts.items()}
    assert 0.2 < share["twin"] < 0.4
    assert 0.03 < share["zero"] < 0.1
    assert 0.01 < share["beside"] < 0.06
    assert 0.005 < share["corrected"] < 0.05
    assert 0 < share["impossible"] < 0.01


def test_what_was_corrected_is_kept_as_the_original(shared_client: Client) -> None:
    periods = [f"{year}1231" for year in range(2012, 2024)]
    originals = [
        row for period in periods for row in whole(shared_client, "balancesheet", period=period, report_type="5")
    ]
    assert originals
    for original in originals:
        (corrected,) = shared_client.rows(
            "balancesheet", asked("balancesheet"), ts_code=original["ts_code"], period=original["end_date"]
        )
        assert corrected["report_type"] == "1"
        assert original["f_ann_date"] == original["ann_date"] == corrected["ann_date"] < corrected["f_ann_date"]
        slip = original["total_assets"] - corrected["total_assets"]
        assert original["undistr_porfit"] - corrected["undistr_porfit"] == pytest.approx(slip, abs=CENT)
        assert original["total_liab"] == corrected["total_liab"]


def test_comparatives_come_with_the_report_of_the_year_after(shared_client: Client) -> None:
    own = whole(shared_client, "income", period="20231231", report_type="1,4")
    later = {row["ts_code"]: row["ann_date"] for row in whole(shared_client, "income", period="20241231")[::-1]}
    compared = [row for row in own if row["report_type"] == "4"]
    stands = standing([row for row in own if row["report_type"] == "1"])
    assert 0.04 < len(compared) / len(stands) < 0.25
    for row in compared:
        assert row["ann_date"] == row["f_ann_date"] == later[row["ts_code"]]
        assert row["n_income"] != stands[row["ts_code"], "20231231"]["n_income"]


def test_without_a_report_type_only_the_companys_own_is_told(shared_client: Client) -> None:
    assert {row["report_type"] for row in whole(shared_client, "cashflow", period="20231231")} == {"1"}


# --- the clock ----------------------------------------------------------------------------------------------------------


@few
@given(
    day=st.sampled_from(TRADING_DAYS[2500:]),
    api=st.sampled_from([*STATEMENTS, "fina_indicator", "forecast", "express"]),
)
def test_nothing_is_told_before_it_is_announced(shared_client: Client, day: str, api: str) -> None:
    end = next(period for period in reversed(PERIODS) if period <= day)
    shared_client.sandbox.set_clock(evening(day))
    try:
        known = whole(shared_client, api, period=end)
    finally:
        shared_client.sandbox.set_clock(NOW)
    assert all(max(row["ann_date"], row.get("f_ann_date") or "") <= day for row in known)
    if api == "forecast":
        assert known == [row for row in whole(shared_client, api, period=end) if row["ann_date"] <= day]


def test_rows_change_in_place_and_come_beside_each_other_as_time_passes(client: Client) -> None:
    kept = next(
        row for year in range(2023, 2010, -1) for row in whole(client, "income", period=f"{year}1231", report_type="5")
    )
    mine = {"ts_code": kept["ts_code"], "period": kept["end_date"]}
    (corrected,) = client.rows("income", asked("income"), **mine)
    days = {}
    for day in (corrected["ann_date"], corrected["f_ann_date"]):
        before = TRADING_DAYS[TRADING_DAYS.index(day) - 1]
        for when in (before, day):
            client.sandbox.set_clock(evening(when))
            days[when] = client.rows("income", asked("income"), report_type="1,5", **mine)
    first, second, third, fourth = days.values()
    assert first == []
    assert [row["n_income"] for row in second] == [row["n_income"] for row in third] == [kept["n_income"]]
    assert [row["report_type"] for row in second] == ["1"]
    assert [(row["report_type"], row["n_income"]) for row in fourth] == [
        ("1", corrected["n_income"]), ("5", kept["n_income"])
    ]  # fmt: skip


# --- the calendar -------------------------------------------------------------------------------------------------------


def test_reports_keep_to_the_law(largest: Days) -> None:
    table, periods = largest.ledger.timetable, largest.ledger.periods
    told = table.filed < NEVER
    own = told & (table.filed == table.ordinary)
    assert (table.filed > periods.closing)[told].all()
    assert (table.filed >= periods.opens)[own].all()
    late = (table.filed > periods.deadline)[own]
    assert 0.001 < late.mean() < 0.01
    assert (table.filed < largest.stocks.last[:, None])[told].all()
    last = np.maximum.accumulate(np.where(told, table.filed, -1), axis=1)
    assert (last == table.filed)[told].all(), "a report comes before the one of the quarter before"
    assert np.isin(np.arange(COUNT), np.flatnonzero(told.any(axis=0))).sum() > 4 * 35


def test_filings_crowd_towards_the_deadline(largest: Days) -> None:
    table, calendar = largest.ledger.timetable, largest.sessions
    days = [calendar.at_or_before(day) for day in ("20250411", "20250418", "20250425", "20250430")]
    out = [int((table.filed[:, (2025 - 1986) * 4] <= day).sum()) for day in days]
    assert 100 < out[0] < out[1] < out[2] < out[3]
    assert (table.filed == days[-1]).sum() > 1500


def test_a_prospectus_tells_of_three_years(shared_client: Client) -> None:
    stock = next(
        row
        for row in shared_client.rows("stock_basic", list_status="L")
        if row["list_date"][:6] == "201709" or row["list_date"][:4] == "2018"
    )
    reported = standing(by_stock(shared_client, "income", stock["ts_code"]))
    before = [period for (_, period), row in reported.items() if row["ann_date"] < stock["list_date"]]
    years = int(stock["list_date"][:4])
    assert {f"{years - back}1231" for back in (2, 3)} <= set(before)
    assert min(before) == f"{years - 3}0630"


@few
@given(period=st.sampled_from(PERIODS))
def test_the_plan_tells_when_it_was_done(shared_client: Client, period: str) -> None:
    plans = {
        row["ts_code"]: row for row in shared_client.rows("disclosure_date", asked("disclosure_date"), end_date=period)
    }
    stocks = {
        row["ts_code"]: row
        for status in "LDP"
        for row in shared_client.rows("stock_basic", asked("stock_basic"), list_status=status)
    }
    listed = {code for code, row in stocks.items() if row["list_date"] <= period < (row["delist_date"] or "99999999")}
    assert listed <= set(plans)
    filed = {
        row["ts_code"]: row["ann_date"]
        for row in whole(shared_client, "income", period=period)
        if row["ann_date"] > period
    }
    for code, plan in plans.items():
        assert plan["actual_date"] == filed.get(code)
        assert plan["pre_date"] > period
        assert plan["actual_date"] is None or plan["actual_date"] >= plan["pre_date"]
        assert plan["pre_date"] not in (plan["modify_date"] or "").split(",")
        assert plan["ann_date"] <= (plan["actual_date"] or DAY)


def test_plans_are_overwritten_as_time_passes(client: Client) -> None:
    plans = client.rows("disclosure_date", asked("disclosure_date"), end_date="20241231")
    moved = [row for row in plans if row["modify_date"]]
    assert 5 < len(moved) < 60
    client.sandbox.set_clock(evening("20250102"))
    before = {
        row["ts_code"]: row for row in client.rows("disclosure_date", asked("disclosure_date"), end_date="20241231")
    }
    assert all(row["actual_date"] is None for row in before.values())
    assert [row["modify_date"].split(",")[0] for row in moved] == [
        (before[row["ts_code"]]["modify_date"] or before[row["ts_code"]]["pre_date"]).split(",")[0] for row in moved
    ]


# --- the protocol -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "api", ["income", "fina_indicator", "fina_mainbz", "express", "fina_audit", "forecast", "dividend"]
)
def test_a_stock_must_be_named_where_tushare_wants_one(shared_client: Client, api: str) -> None:
    envelope = shared_client.ask(api, period="20241231")
    assert (envelope["code"], envelope["msg"]) == (50101, "必填参数, ts_code")


def test_the_whole_market_takes_more_points() -> None:
    with running(stocks=50, now=NOW, points=2000) as sandbox, httpx2.Client(trust_env=False) as http:
        poor = Client(sandbox, http)
        assert poor.ask("income_vip", period="20241231")["code"] == 40203
        assert poor.rows("income", ts_code="600000.SH")
        assert poor.rows("disclosure_date", end_date="20241231")


def test_days_of_announcement_or_periods_bound_a_range(shared_client: Client) -> None:
    announced = shared_client.rows("income", ts_code="600000.SH", start_date="20240101", end_date="20241231")
    assert announced
    assert all("20240101" <= row["ann_date"] <= "20241231" for row in announced)
    periods = shared_client.rows("fina_indicator", ts_code="600000.SH", start_date="20240101", end_date="20241231")
    assert {row["end_date"] for row in periods} == {"20240331", "20240630", "20240930", "20241231"}


@pytest.mark.parametrize("column", ["ann_date", "f_ann_date"])
def test_a_day_of_announcement_finds_what_was_told_on_it(shared_client: Client, column: str) -> None:
    found = shared_client.rows("income_vip", asked("income"), **{column: "20250430"})
    expected = [
        row for period in ("20250331", "20241231", "20240930", "20240630")
        for row in whole(shared_client, "income", period=period) if row[column] == "20250430"
    ]  # fmt: skip
    assert found[: len(expected)] == expected
    assert expected


def test_an_answer_of_the_whole_market_is_paged() -> None:
    with running(stocks=50, now=NOW, quota=False) as sandbox, httpx2.Client(trust_env=False) as http:
        client = Client(sandbox, http)
        every = client.rows("balancesheet_vip", "ts_code,update_flag", period="20241231")
        pages = [
            client.data("balancesheet_vip", "ts_code,update_flag", period="20241231", limit="20", offset=str(n))
            for n in range(0, len(every), 20)
        ]
    assert [page["has_more"] for page in pages] == [True] * (len(pages) - 1) + [False]
    assert [item for page in pages for item in page["items"]] == [list(row.values()) for row in every]


def test_one_stock_has_more_indicators_than_an_answer_holds(shared_client: Client) -> None:
    data = shared_client.data("fina_indicator", ts_code="600000.SH")
    assert (len(data["items"]), data["has_more"]) == (100, True)


@pytest.mark.parametrize("fault", ["half:api=income", "half:api=income_vip", "half:api=income:day=20241231"])
def test_faults_befall_calls_for_the_whole_market(client: Client, fault: str) -> None:
    rows = whole(client, "income", period="20241231")
    client.sandbox.inject(fault)
    assert whole(client, "income", period="20241231") == rows[::2]
