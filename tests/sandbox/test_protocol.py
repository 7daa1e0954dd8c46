"""The wire: envelopes, columns, order, pages, refusals, and the real SDK on the other end."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
import tushare

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.grain import Grain
from stock_assistant_pipelines.catalog.index import FOLLOWED
from stock_assistant_pipelines.protocol.interfaces import INTERFACES
from stock_assistant_pipelines.sandbox.server import TOKEN

from .conftest import DAY, Client
from .reports import paged

ENOUGH = {
    "index_daily": {"ts_code": "000300.SH", "start_date": "20251201"},
    "suspend_d": {"start_date": "20251101", "end_date": DAY},
}


def sdk(client: Client, token: str = TOKEN) -> object:
    api = tushare.pro_api(token)
    api._DataApi__http_url = client.sandbox.url
    return api


def enough(api: str) -> dict[str, str]:
    """Parameters with which an interface surely has rows."""
    by_grain = {Grain.TRADE_DATE: {"trade_date": DAY}, Grain.REPORT_PERIOD: {"ts_code": "600000.SH"}}
    return ENOUGH.get(api) or by_grain.get(INTERFACES[api].grain, {})


@pytest.mark.parametrize("path", ["/", "/dataapi", "/dataapi/daily"])
def test_every_path_that_an_sdk_ever_used_answers(client: Client, path: str) -> None:
    body = {"api_name": "daily", "token": TOKEN, "params": {"trade_date": DAY}, "fields": "ts_code"}
    assert client.http.post(client.sandbox.root + path, json=body).json()["code"] == 0


def test_the_envelope_is_tushares_and_says_what_it_is(client: Client) -> None:
    response = client.post("daily", trade_date=DAY)
    assert response.headers["X-Stock-Assistant-Sandbox"] == "synthetic"
    envelope = response.json()
    assert list(envelope) == ["request_id", "code", "data", "msg", "detail"]
    assert (envelope["code"], envelope["msg"]) == (0, "")
    assert "SANDBOX" in envelope["detail"]
    assert list(envelope["data"]) == ["fields", "items", "has_more", "count"]
    assert (envelope["data"]["has_more"], envelope["data"]["count"]) == (False, -1)


@pytest.mark.parametrize("api", INTERFACES)
def test_every_interface_has_rows(client: Client, api: str) -> None:
    assert client.data(api, **enough(api))["items"]


@pytest.mark.parametrize("api", INTERFACES)
def test_without_fields_the_default_columns_come_in_catalog_order(client: Client, api: str) -> None:
    expected = [column.name for column in INTERFACES[api].columns if column.default and not column.ours]
    assert client.data(api, **enough(api))["fields"] == expected


@pytest.mark.parametrize("api", INTERFACES)
def test_keys_are_unique_in_what_the_catalogs_calls_bring(client: Client, api: str) -> None:
    """Of datasets with versions whole rows are: several tell the same key."""
    dataset = INTERFACES[api]
    more = enough(api) if dataset.by_period else {}
    calls = getattr(dataset.calls, "variants", None) or [enough(api)]
    names = dataset.asked if dataset.versions else dataset.key
    keys = [
        tuple(row[name] for name in names)
        for call in calls
        for row in paged(client, api, ",".join(dataset.asked), **more, **call)
    ]
    assert len(keys) == len(set(keys))


def test_fields_come_as_asked_and_unknown_ones_are_left_out(client: Client) -> None:
    data = client.data("stk_limit", "pre_close,nonsense,ts_code", trade_date=DAY)
    assert data["fields"] == ["pre_close", "ts_code"]
    assert len(data["items"][0]) == 2


def test_the_sdks_own_parameter_and_empty_ones_are_ignored(client: Client) -> None:
    plain = client.data("daily", trade_date=DAY)
    assert client.data("daily", trade_date=DAY, ts_code="", ts_type_name="http://x", limit=None) == plain


def test_one_day_comes_in_the_order_of_codes_and_one_code_newest_first(client: Client) -> None:
    codes = [row["ts_code"] for row in client.rows("daily", trade_date=DAY)]
    assert codes == sorted(codes)
    days = [row["trade_date"] for row in client.rows("daily", ts_code=codes[0], start_date="20250101")]
    assert days == sorted(days, reverse=True)
    assert len(days) > 150


def test_a_list_of_codes_and_a_range_of_days_narrow_the_answer(client: Client) -> None:
    codes = [row["ts_code"] for row in client.rows("adj_factor", trade_date=DAY)][:2]
    rows = client.rows("adj_factor", ts_code=",".join(codes), start_date="20251215", end_date="20251216")
    assert [(row["trade_date"], row["ts_code"]) for row in rows] == [
        (day, code) for day in ("20251216", "20251215") for code in codes
    ]


def test_answers_are_cut_at_the_row_cap_and_say_so(client: Client) -> None:
    data = client.data("daily", start_date="20200101", end_date=DAY)
    assert (len(data["items"]), data["has_more"]) == (CATALOG["daily"].row_cap, True)


def test_pages_join_without_gap_or_overlap(client: Client) -> None:
    whole = client.data("daily", start_date="20251215", end_date=DAY)["items"]
    pages = [
        client.data("daily", start_date="20251215", end_date=DAY, limit=250, offset=at)
        for at in range(0, len(whole), 250)
    ]
    assert [item for page in pages for item in page["items"]] == whole
    assert [page["has_more"] for page in pages] == [True] * (len(pages) - 1) + [False]


def test_snapshots_have_tushares_default_filters(client: Client) -> None:
    assert {row["list_status"] for row in client.rows("stock_basic", "list_status")} == {"L"}
    assert {row["list_status"] for row in client.rows("stock_basic", "list_status", list_status="D")} == {"D"}
    assert {row["list_status"] for row in client.rows("stock_basic", "list_status", list_status="P")} == {"P"}
    assert {row["exchange"] for row in client.rows("trade_cal", start_date="20251201")} == {"SSE"}
    assert {row["market"] for row in client.rows("index_basic")} == {"SSE"}


def test_names_are_found_by_the_day_of_their_announcement(client: Client) -> None:
    every = client.rows("namechange")
    found = client.rows("namechange", start_date="20240101", end_date="20251231")
    assert found == [row for row in every if "20240101" <= (row["ann_date"] or row["start_date"]) <= "20251231"]
    assert 0 < len(found) < len(every)


def test_the_calendar_runs_to_the_end_of_the_year_with_whole_numbers(client: Client) -> None:
    rows = client.rows("trade_cal", "cal_date,is_open,pretrade_date", start_date="19901219")
    assert (rows[0]["cal_date"], rows[-1]) == (
        "20251231",
        {"cal_date": "19901219", "is_open": 1, "pretrade_date": None},
    )
    assert {type(row["is_open"]) for row in rows} == {int}
    assert sum(row["is_open"] for row in rows if row["cal_date"].startswith("2025")) == 243


def test_every_followed_index_is_known(client: Client) -> None:
    known = {row["ts_code"] for market in ("SSE", "SZSE", "CSI") for row in client.rows("index_basic", market=market)}
    assert known >= set(FOLLOWED)


@pytest.mark.parametrize(
    ("api", "params", "code", "message"),
    [
        ("dialy", {}, 50101, "请指定正确的接口名"),
        ("daily", {}, 50101, "必填参数, trade_date"),
        ("index_daily", {"trade_date": DAY}, 50101, "必填参数, ts_code"),
        ("daily", {"trade_date": DAY, "offset": 100_001}, 50101, "offset不能大于100000"),
        ("daily", {"trade_date": "2025-12-18"}, 50101, "查询数据失败，请确认参数！可以反馈管理员协助您排查问题"),
        (
            "daily",
            {"trade_date": DAY, "limit": "many"},
            50101,
            "查询数据失败，请确认参数！可以反馈管理员协助您排查问题",
        ),
    ],
)
def test_refusals_have_tushares_codes_and_texts(
    client: Client, api: str, params: dict[str, object], code: int, message: str
) -> None:
    response = client.post(api, **params)
    envelope = response.json()
    assert (response.status_code, envelope["code"], envelope["msg"], envelope["data"]) == (200, code, message, None)


def test_a_wrong_token_is_refused(client: Client) -> None:
    envelope = client.ask("daily", token="wrong", trade_date=DAY)
    assert (envelope["code"], envelope["msg"]) == (40101, "您的token不对，请确认。")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"api_name": "daily", "params": 3}'])
def test_a_body_that_is_no_call_is_refused(client: Client, body: bytes) -> None:
    assert client.http.post(client.sandbox.url, content=body).json()["code"] == 50101


def test_a_day_is_out_from_its_hour_of_publication_on(client: Client) -> None:
    published = CATALOG["daily"].published
    assert published is not None
    at = client.sandbox
    for clock, there in (((published.hour - 1, 59), False), ((published.hour, 0), True)):
        at.set_clock(datetime(2025, 12, 18, *clock))  # noqa: DTZ001
        assert bool(client.rows("daily", trade_date=DAY)) is there
        assert client.rows("daily", trade_date="20251217")
        assert not client.rows("daily", trade_date="20251219")


def test_the_unmodified_sdk_reads_rows(client: Client) -> None:
    frame = sdk(client).daily(trade_date=DAY)  # type: ignore[attr-defined]
    assert list(frame.columns) == list(CATALOG["daily"].fields)
    assert len(frame) == len(client.rows("daily", trade_date=DAY))
    assert frame["close"].dtype == "float64"


def test_the_unmodified_sdk_raises_tushares_message(client: Client) -> None:
    with pytest.raises(Exception, match="您的token不对"):
        sdk(client, "wrong").daily(trade_date=DAY)  # type: ignore[attr-defined]


def test_what_was_asked_can_be_proven(client: Client) -> None:
    client.rows("daily", "ts_code", trade_date=DAY)
    client.ask("daily")
    rows, refused = client.sandbox.calls()
    assert (rows["api"], rows["params"], rows["fields"], rows["outcome"]) == (
        "daily",
        {"trade_date": DAY},
        "ts_code",
        "rows",
    )
    assert refused["outcome"] == "parameters"
    stats = client.sandbox.stats()
    assert stats["calls"] == {"daily": 2}
    assert stats["rejections"] == {"daily": {"parameters": 1}}
    assert stats["rows"] == {"daily": rows["rows"]}


def test_health_says_which_source_and_what_time(client: Client) -> None:
    health = json.loads(client.http.get(client.sandbox.root + "/_sandbox/health").text)
    assert health == {"status": "ok", "source": "synthetic", "now": "2025-12-18T18:00:00+08:00"}
