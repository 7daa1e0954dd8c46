"""Statements, as they were known on a day."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from small_market import application, served
from small_reports import MAOTAI, PINGAN

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog import CATALOG

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

INCOME = f"/api/v1/stocks/{MAOTAI}/statements/income"
MARKET = "/api/v1/statements/income"


@pytest.fixture(scope="module")
def client(reports: str) -> Iterator[httpx2.Client]:
    with served(application(reports)) as client:
        yield client


def ask(client: httpx2.Client, path: str = INCOME, **asked: Any) -> Any:
    response = client.get(path, params=asked)
    assert response.status_code == 200, response.text
    return response.json()


def told(answer: Any, *names: str) -> list[Any]:
    """These columns of the rows; bare values where it is one."""
    rows = [tuple(item[answer["fields"].index(name)] for name in names) for item in answer["items"]]
    return [row[0] for row in rows] if len(names) == 1 else rows


def refused(client: httpx2.Client, path: str, kind: str = "invalid-parameter", **asked: Any) -> str:
    response = client.get(path, params=asked)
    assert response.json()["type"] == f"/problems/{kind}", response.text
    return str(response.json()["detail"])


def test_rows_are_tushare_s_columns_and_since_when_they_are_known(client: httpx2.Client) -> None:
    answer = ask(client, as_of="20240430")
    assert answer["dataset"] == "income"
    assert answer["fields"] == [*CATALOG["income"].fields, "known_at"]
    assert told(answer, "end_date", "revenue", "known_at")[-2:] == [
        ("20231231", 1500, "2024-04-04T00:00:00+08:00"),
        ("20240331", 465, "2024-04-28T00:00:00+08:00"),
    ]
    assert answer["meta"]["units"]["revenue"] == "CNY"
    assert answer["meta"]["known_as_of"] == "2024-04-30"


def test_an_announcement_is_known_at_the_end_of_its_day_and_not_before(client: httpx2.Client) -> None:
    assert told(ask(client, as_of="20240402"), "end_date")[-1] == "20230630"
    assert told(ask(client, as_of="20240403"), "end_date")[-1] == "20231231"


def test_before_the_first_announcement_there_is_nothing(client: httpx2.Client) -> None:
    assert ask(client, as_of="20220426")["items"] == []


def test_a_correction_stands_from_its_own_day_on(client: httpx2.Client) -> None:
    def annual(**asked: Any) -> Any:
        return told(ask(client, periods="20231231", **asked), "revenue")

    assert annual(as_of="20240819") == [1500]
    assert annual(as_of="20240820") == annual() == [1505]


def test_of_two_rows_of_one_day_the_one_that_is_flagged_stands(client: httpx2.Client) -> None:
    assert told(ask(client, periods="20221231"), "update_flag", "revenue") == [("1", 1241)]


def test_a_report_restates_the_year_before_only_where_that_is_asked_for(client: httpx2.Client) -> None:
    def year_before(**asked: Any) -> Any:
        return told(ask(client, periods="20221231", restated=True, **asked), "report_type", "revenue")

    assert year_before(as_of="20240402") == [("1", 1241)]
    assert year_before(as_of="20240403") == [("4", 1250)]


@pytest.mark.parametrize(
    ("periods", "expected"),
    [
        ("1", ["20240331"]),
        ("3", ["20230630", "20231231", "20240331"]),
        ("99", ["20220331", "20220630", "20221231", "20230331", "20230630", "20231231", "20240331"]),
        ("2023-12-31", ["20231231"]),
        ("20230101..20231231", ["20230331", "20230630", "20231231"]),
        ("20231231..", ["20231231", "20240331"]),
        ("..20220630", ["20220331", "20220630"]),
    ],
)
def test_periods_are_counted_from_the_newest_or_named(client: httpx2.Client, periods: str, expected: list[str]) -> None:
    assert told(ask(client, periods=periods), "end_date") == expected


def test_periods_are_counted_from_the_newest_that_was_known(client: httpx2.Client) -> None:
    assert told(ask(client, periods="1", as_of="20240402"), "end_date") == ["20230630"]


def test_all_versions_are_listed_in_the_order_in_which_they_became_known(client: httpx2.Client) -> None:
    answer = ask(client, versions="all", periods="20221231..20231231", restated=True)
    assert told(answer, "end_date", "report_type", "update_flag", "revenue") == [
        ("20221231", "1", "0", 1240),
        ("20221231", "1", "1", 1241),
        ("20221231", "4", "1", 1250),
        ("20230331", "1", "1", 390),
        ("20230630", "1", "1", 710),
        ("20231231", "1", "1", 1500),
        ("20231231", "1", "1", 1505),
    ]
    assert answer["fields"][-4:] == ["known_at", "ingested_at", "replaced_at", "flaw"]
    read, corrected = "2024-07-01T20:00:00+08:00", "2024-09-01T20:00:00+08:00"
    assert told(answer, "ingested_at", "replaced_at")[-2:] == [(read, corrected), (corrected, None)]


def test_versions_tell_nothing_of_what_happened_to_them_later(client: httpx2.Client) -> None:
    answer = ask(client, versions="all", periods="20231231", as_of="20240731")
    assert told(answer, "revenue", "replaced_at") == [(1500, None)]


def test_a_version_with_impossible_days_stands_never_and_is_listed_with_its_flaw(client: httpx2.Client) -> None:
    path = f"/api/v1/stocks/{PINGAN}/statements/income"
    assert told(ask(client, path), "end_date") == ["20231231"]
    assert told(ask(client, path, versions="all"), "end_date", "known_at", "flaw")[-1] == (
        "20240331", None, "it was announced before its period was over"
    )  # fmt: skip
    assert told(ask(client, path, versions="all", as_of="20240630"), "end_date") == ["20231231"]


def test_what_was_read_counts_instead_of_what_was_announced_on_request(client: httpx2.Client) -> None:
    def annual(**asked: Any) -> Any:
        return told(ask(client, periods="20231231", known="read", **asked), "revenue")

    assert annual(as_of="20240630") == []
    assert annual(as_of="20240701") == annual(as_of="20240831") == [1500]
    assert annual(as_of="20240901") == annual() == [1505]
    assert told(ask(client, known="read", versions="all", periods="20231231"), "revenue") == [1500, 1505]


def test_quarters_are_derived_from_what_was_known(client: httpx2.Client) -> None:
    answer = ask(client, basis="quarter", as_of="20240430")
    assert answer["fields"][:3] == ["ts_code", "end_date", "comp_type"]
    assert {"revenue", "n_income"} < set(answer["fields"])
    assert not {"basic_eps", "update_flag"} & set(answer["fields"])
    assert told(answer, "end_date", "revenue") == [
        ("20220331", 330),
        ("20220630", 270),
        ("20221231", None),  # nobody told of its third quarter
        ("20230331", 390),
        ("20230630", 320),
        ("20231231", None),
        ("20240331", 465),
    ]
    assert answer["meta"]["basis"] == "quarter"


def test_twelve_months_are_derived_from_what_was_known(client: httpx2.Client) -> None:
    def trailing(**asked: Any) -> Any:
        return told(ask(client, basis="ttm", periods="1", **asked), "end_date", "revenue", "known_at")

    assert trailing(as_of="20240430") == [("20240331", 465 + 1500 - 390, "2024-04-28T00:00:00+08:00")]
    assert trailing(as_of="20240820") == [("20240331", 465 + 1505 - 390, "2024-08-21T00:00:00+08:00")]


def test_figures_are_derived_from_what_was_read_on_request(client: httpx2.Client) -> None:
    def derived(path: str, **asked: Any) -> Any:
        return told(ask(client, path, known="read", **asked), "end_date", "revenue")

    trailing = {"basis": "ttm", "periods": "20240331"}
    assert derived(INCOME, **trailing, as_of="20240630") == []
    assert derived(INCOME, **trailing, as_of="20240831") == [("20240331", 465 + 1500 - 390)]
    assert derived(INCOME, **trailing, as_of="20240901") == [("20240331", 465 + 1505 - 390)]
    assert derived(INCOME, basis="quarter", periods="20230630", as_of="20240701") == [("20230630", 320)]
    market = {"basis": "ttm", "period": "20231231"}
    assert derived(MARKET, **market, as_of="20240630") == []
    assert derived(MARKET, **market, as_of="20240701") == [("20231231", 1647), ("20231231", 1500)]
    assert derived(MARKET, **market) == [("20231231", 1647), ("20231231", 1505)]


def test_indicators_have_no_restated_reports_and_no_quarters(client: httpx2.Client) -> None:
    path = f"/api/v1/stocks/{MAOTAI}/statements/indicators"
    answer = ask(client, path)
    assert (answer["dataset"], told(answer, "eps")) == ("fina_indicator", [59.49])
    assert told(ask(client, path, versions="all"), "eps") == [20, 59.49]
    assert "Leave restated out" in refused(client, path, restated=True)
    assert "those of income, cashflow" in refused(client, path, basis="ttm")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"basis": "quarter"}, "those of income, cashflow"),
        ({"basis": "ttm", "versions": "all"}, "versions=all goes with basis=ytd"),
        ({"periods": "0"}, "takes how many of the newest"),
        ({"periods": ".."}, "takes how many of the newest"),
        ({"periods": "20231230"}, "no report period ends on 2023-12-30"),
        ({"periods": "20231231..20230331"}, "2023-12-31 is after 2023-03-31"),
        ({"periods": "1..2"}, "takes a day as YYYYMMDD"),
        ({"as_of": (calendar.now() + timedelta(days=1)).strftime("%Y%m%d")}, "is still to come"),
        ({"fields": "revenu,ts_code"}, "there is no column revenu. There are ts_code, ann_date"),
        ({"fields": "ts_code,ts_code"}, "a column is named twice"),
    ],
)
def test_what_cannot_be_answered_is_a_problem_that_says_why(
    client: httpx2.Client, asked: dict[str, str], words: str
) -> None:
    assert words in refused(client, f"/api/v1/stocks/{MAOTAI}/statements/balancesheet", **asked)


def test_a_statement_that_there_is_not_is_a_problem_that_names_those_there_are(client: httpx2.Client) -> None:
    assert "'income', 'balancesheet', 'cashflow' or 'indicators'" in refused(
        client, f"/api/v1/stocks/{MAOTAI}/statements/equity"
    )


def test_a_company_that_reported_nothing_answers_with_nothing_and_an_unknown_one_with_a_problem(
    client: httpx2.Client,
) -> None:
    assert ask(client, "/api/v1/stocks/000003.SZ/statements/income")["items"] == []
    refused(client, "/api/v1/stocks/600520.SH/statements/income", "unknown-code")


def test_only_the_columns_that_are_named_are_answered_in_their_order(client: httpx2.Client) -> None:
    answer = ask(client, fields="known_at,revenue", periods="20220630")
    assert (answer["fields"], answer["items"]) == (
        ["known_at", "revenue"],
        [["2022-08-04T00:00:00+08:00", 600]],
    )
    assert answer["meta"]["units"] == {"revenue": "CNY"}


def test_an_answer_is_whole_when_the_report_periods_it_was_taken_from_are(client: httpx2.Client) -> None:
    assert ask(client, periods="20231231")["meta"]["complete"]
    meta = ask(client, periods="20230930..20240331")["meta"]
    assert (meta["complete"], meta["source"]) == (False, "sandbox: synthetic")
    assert meta["partitions"] == {"income": {"complete": 2, "failed": 1, "not_landed": 0}}
    assert ask(client, periods="20230630..20231231")["meta"]["partitions"]["income"]["not_landed"] == 1
    assert ask(client, periods="2", as_of="20240430")["meta"]["complete"]
    # A quarter rests on the one before it, twelve months on the year before.
    assert ask(client, periods="20231231", basis="quarter")["meta"]["partitions"]["income"] == {
        "complete": 1, "failed": 1, "not_landed": 0
    }  # fmt: skip
    assert ask(client, periods="20240331", basis="ttm")["meta"]["partitions"]["income"] == {
        "complete": 2, "not_landed": 1
    }  # fmt: skip


def test_a_period_of_the_whole_market_holds_whoever_had_reported(client: httpx2.Client) -> None:
    def reported(**asked: Any) -> Any:
        return told(ask(client, MARKET, period="20231231", **asked), "ts_code", "revenue")

    assert reported(as_of="20240314") == []
    assert reported(as_of="20240402") == [(PINGAN, 1647)]
    assert reported(as_of="20240403") == [(PINGAN, 1647), (MAOTAI, 1500)]
    assert reported() == [(PINGAN, 1647), (MAOTAI, 1505)]
    assert reported(known="read", as_of="20240701") == [(PINGAN, 1647), (MAOTAI, 1500)]
    assert reported(basis="ttm") == [(PINGAN, 1647), (MAOTAI, 1505)]


def test_a_period_says_where_it_stands(client: httpx2.Client) -> None:
    answer = ask(client, MARKET, period="2023-12-31", fields="ts_code,revenue", as_of="20240501")
    assert answer["fields"] == ["ts_code", "revenue"]
    meta = answer["meta"]
    assert (meta["period"], meta["known_as_of"], meta["status"], meta["expected"], meta["missing"], meta["more"]) == (
        "2023-12-31", "2024-05-01", "complete", 2, 0, False
    )  # fmt: skip
    assert meta["complete"]


def test_pages_of_a_period_hold_all_rows_once(client: httpx2.Client) -> None:
    whole = ask(client, MARKET, period="20231231")["items"]
    pages = [ask(client, MARKET, period="20231231", limit=1, offset=offset) for offset in range(2)]
    assert [page["items"] for page in pages] == [[row] for row in whole]
    assert [(page["meta"]["rows"], page["meta"]["more"]) for page in pages] == [(1, True), (1, False)]


@pytest.mark.parametrize(
    ("statement", "period", "words"),
    [
        ("income", "20230930", "did not come (failed)"),
        ("balancesheet", "20231231", "did not come (empty)"),
        ("income", "20220930", "has not landed. Materialise it"),
        ("income", f"{calendar.now().year + 1}1231", "has not ended yet"),
    ],
)
def test_a_period_without_rows_is_a_problem_that_says_why(
    client: httpx2.Client, statement: str, period: str, words: str
) -> None:
    assert words in refused(client, f"/api/v1/statements/{statement}", "not-landed", period=period)


def test_a_period_is_the_end_of_a_quarter(client: httpx2.Client) -> None:
    assert "take the last day of a quarter" in refused(client, MARKET, period="20231230")
    assert "period: is required" in refused(client, MARKET)
