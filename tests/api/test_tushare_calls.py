"""Calls of Tushare's protocol on the wire: every answer has status 200 and is an envelope, whatever is sent."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import fuzz
import pytest
import schemathesis
import tushare
from hypothesis import given
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, load_all_checks
from small_market import application, served

from api import keys
from api.problems import Kind, Problem
from api.tushare import rows
from stock_assistant_pipelines.catalog import CATALOG

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

DAY = "20240103"
PARAMETERS = "查询数据失败，请确认参数！可以反馈管理员协助您排查问题"

load_all_checks()
# A call with parameters that cannot be meant is refused in the envelope, with status 200: the SDK takes no other.
CHECKED = [
    check for check in CHECKS.get_all() if check.__name__ not in {"negative_data_rejection", "unsupported_method"}
]


def call(client: httpx2.Client, api: str, path: str = "/tushare", fields: str = "", **params: Any) -> dict[str, Any]:
    body = {"api_name": api, "token": "any", "params": params, "fields": fields}
    response = client.post(path, json=body)
    assert response.status_code == 200
    envelope: dict[str, Any] = response.json()
    return envelope


def refused(client: httpx2.Client, api: str, **params: Any) -> tuple[int, str]:
    envelope = call(client, api, **params)
    assert envelope["data"] is None
    return envelope["code"], envelope["msg"]


@pytest.fixture(scope="module")
def reported(reports: str) -> Iterator[httpx2.Client]:
    """A client of the API over the small market and its reports."""
    with served(application(reports)) as client:
        yield client


def test_the_envelope_is_tushares_and_says_whose_rows_these_are(client: httpx2.Client) -> None:
    response = client.post("/tushare/daily", json={"api_name": "daily", "params": {"trade_date": DAY}})
    assert list(response.json()) == ["request_id", "code", "data", "msg", "detail"]
    assert list(response.json()["data"]) == ["fields", "items", "has_more", "count"]
    assert response.json()["detail"] == response.headers["X-Data-Source"] == "sandbox: synthetic"
    assert response.headers["X-Stock-Assistant-Sandbox"] == "synthetic"


@pytest.mark.parametrize(
    ("api", "params", "complete", "partitions"),
    [
        ("daily", {"trade_date": DAY}, "true", {"complete": 1, "not_landed": 0}),
        (
            "daily",
            {"start_date": "20240101", "end_date": "20240105"},
            "false",
            {"closed": 1, "complete": 3, "partial": 1, "not_landed": 0},
        ),
        ("adj_factor", {"start_date": "20240102", "end_date": "20240105"}, "false", {"complete": 3, "not_landed": 1}),
        ("income_vip", {"period": "20231231"}, "true", {"complete": 1, "not_landed": 0}),
        ("daily", {"trade_date": "20240101"}, "true", {"closed": 1, "not_landed": 0}),
        ("stock_basic", {}, "true", {"complete": 1, "not_landed": 0}),
    ],
    ids=str,
)
def test_headers_say_whether_that_is_all(
    reported: httpx2.Client, api: str, params: dict[str, str], complete: str, partitions: dict[str, int]
) -> None:
    response = reported.post("/tushare", json={"api_name": api, "params": params})
    assert (response.json()["code"], response.json()["msg"]) == (0, "")
    assert response.headers["X-Complete"] == complete
    assert json.loads(response.headers["X-Partitions"]) == {api.removesuffix("_vip"): partitions}


@pytest.mark.parametrize("path", ["/tushare", "/tushare/daily", "/tushare/", "/tushare//daily"])
def test_every_path_that_an_sdk_ever_used_answers(client: httpx2.Client, path: str) -> None:
    assert len(call(client, "daily", path, trade_date=DAY)["data"]["items"]) == 2


def test_the_path_names_the_interface_where_the_body_does_not(client: httpx2.Client) -> None:
    assert client.post("/tushare/daily", json={"params": {"trade_date": DAY}}).json()["code"] == 0


def test_the_sdk_can_be_pointed_here_for_the_whole_process(
    client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = str(client.base_url.join("/tushare"))
    monkeypatch.setattr(tushare.pro.client.DataApi, "_DataApi__http_url", url)
    assert len(tushare.pro_api("any").daily(trade_date=DAY)) == 2


def test_a_time_behind_a_day_is_left_out(client: httpx2.Client) -> None:
    """As `vnpy_tushare` sends it."""
    days = {"start_date": "20240103 00:00:00", "end_date": "20240103 15:30:00"}
    assert len(call(client, "daily", **days)["data"]["items"]) == 2


def test_text_is_told_to_the_letter(client: httpx2.Client) -> None:
    data = call(client, "stock_basic", fields="enname,fullname", ts_code="600519.SH")["data"]
    assert data["items"] == [['Kweichow Moutai Co.,Ltd. "茅台"', "贵州茅台酒股份有限公司"]]


def test_of_versions_those_are_told_that_the_source_told_last(reported: httpx2.Client) -> None:
    told = call(reported, "income", fields="update_flag,revenue,f_ann_date", ts_code="600519.SH", period="20231231")
    assert told["data"]["items"] == [["1", 1505.0, "20240820"]]


def test_both_rows_of_a_report_are_told_where_the_source_keeps_both(reported: httpx2.Client) -> None:
    told = call(reported, "fina_indicator", fields="update_flag,eps", ts_code="600519.SH", period="20231231")
    assert told["data"]["items"] == [["1", 59.49], ["0", 20.0]]


def test_what_is_quarantined_is_told_as_the_source_tells_it(reported: httpx2.Client) -> None:
    told = call(reported, "income", fields="ann_date,revenue", ts_code="000001.SZ", period="20240331")
    assert told["data"]["items"] == [["20240120", 9.0]]


@pytest.mark.parametrize("api", ["weekly", "dialy", "", "daily;drop table daily"])
def test_an_interface_that_is_not_kept_is_refused_with_what_there_is(client: httpx2.Client, api: str) -> None:
    code, text = refused(client, api)
    assert code == 50101
    assert text.startswith(f"请指定正确的接口名：本站没有保存 {api}（not kept here）")
    assert all(name in text for name in CATALOG)


@pytest.mark.parametrize(
    ("api", "params", "words"),
    [
        ("trade_cal", {"exchange": "SZSE"}, "trade_cal 的 exchange=SZSE（not kept here），只有 exchange=SSE"),
        ("index_daily", {"ts_code": "000300.SH,000970.CSI"}, "index_daily 的 ts_code=000970.CSI（not kept here）"),
        ("income", {"ts_code": "600519.SH", "report_type": "1,6"}, "income 的 report_type=6（not kept here）"),
        ("daily", {"trade_date": "20230103"}, "daily 的这部分数据尚未入库（not landed here）"),
        ("daily", {"trade_date": "20240108"}, "daily 的这部分数据尚未入库（not landed here）：failed 1"),
        ("daily_basic", {"ts_code": "600519.SH"}, "daily_basic 的这部分数据尚未入库（not landed here）"),
        ("income_vip", {"period": "20230930"}, "income 的这部分数据尚未入库（not landed here）：failed 1"),
        ("index_basic", {}, "index_basic 的这部分数据尚未入库（not landed here）"),
    ],
    ids=str,
)
def test_what_is_not_kept_is_refused_instead_of_answered_without_rows(
    reported: httpx2.Client, api: str, params: dict[str, str], words: str
) -> None:
    code, text = refused(reported, api, **params)
    assert code == 50101
    assert words in text


@pytest.mark.parametrize(
    ("api", "params"),
    [
        ("daily", {"ts_code": "999999.SH"}),
        ("daily", {"trade_date": "20240101"}),
        ("daily", {"trade_date": "20240106"}),
        ("daily", {"trade_date": "20991231"}),
        ("daily", {"trade_date": "20240230"}),
        ("daily", {"trade_date": DAY, "ts_code": "\0"}),
        ("daily", {"trade_date": DAY, "close": "\0"}),
        ("daily", {"start_date": "20240105", "end_date": "20240103"}),
        ("daily", {"trade_date": DAY, "limit": 0}),
        ("stock_basic", {"name": "' or 1=1 --"}),
        ("income_vip", {"period": "20991231"}),
        ("income_vip", {"period": "2023"}),
    ],
    ids=str,
)
def test_where_there_is_nothing_the_table_is_empty(reported: httpx2.Client, api: str, params: dict[str, Any]) -> None:
    envelope = call(reported, api, **params)
    assert (envelope["code"], envelope["data"]["items"]) == (0, [])


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"api_name": "daily", "params": 3}', b"\xff", b"[" * 10_000])
def test_a_body_that_is_no_call_is_refused(client: httpx2.Client, body: bytes) -> None:
    response = client.post("/tushare", content=body)
    assert (response.status_code, response.json()["code"], response.json()["msg"]) == (200, 50101, PARAMETERS)


def test_a_body_without_end_is_not_read_to_the_end(client: httpx2.Client) -> None:
    code, text = refused(client, "daily", trade_date=DAY, ts_code="600519.SH," * 10_000)
    assert (code, "65,536 bytes" in text) == (50101, True)


def test_a_call_with_a_key_of_ours_that_is_none_is_refused_in_tushares_words(client: httpx2.Client) -> None:
    envelope = client.post("/tushare", json={"api_name": "daily", "token": "sa_guessed"}).json()
    assert (envelope["code"], envelope["msg"]) == (40101, "您的token不对，请确认。")


def test_the_gate_too_speaks_tushare_to_who_does(market: str) -> None:
    with served(application(market, api_open_on_loopback=False)) as client:
        headers = {"Authorization": "Bearer sa_guessed"}
        response = client.post("/tushare", json={"api_name": "daily"}, headers=headers)
        assert (response.status_code, response.json()["code"]) == (200, 40101)


def test_calls_are_counted_once_and_the_last_is_refused_in_tushares_words(market: str) -> None:
    with served(application(market, api_calls_per_minute=2)) as client:
        codes = [call(client, "daily", trade_date=DAY)["code"] for _ in range(3)]
        assert codes == [0, 0, 40203]
        assert refused(client, "daily", trade_date=DAY)[1].startswith("抱歉，您访问接口(daily)频率超限(2次/分钟)")


def test_what_is_no_call_is_counted_as_well(market: str) -> None:
    with served(application(market, api_calls_per_minute=2)) as client:
        answers = [client.post("/tushare", content=b"{").json() for _ in range(3)]
        assert [answer["code"] for answer in answers] == [50101, 50101, 40203]
        assert call(client, "daily", trade_date=DAY)["code"] == 40203


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (HTTPStatus.UNAUTHORIZED, 40101, "您的token不对"),
        (HTTPStatus.FORBIDDEN, 40203, "抱歉，您没有接口(daily)访问权限"),
        (HTTPStatus.TOO_MANY_REQUESTS, 40203, "抱歉，您访问接口(daily)频率超限(60次/分钟)"),
        (HTTPStatus.REQUEST_URI_TOO_LONG, 50101, "查询数据失败：In words."),
        (HTTPStatus.SERVICE_UNAVAILABLE, 50101, "查询数据失败，请稍后再试：In words."),
    ],
)
def test_problems_read_as_tushares_refusals(
    client: httpx2.Client, monkeypatch: pytest.MonkeyPatch, status: HTTPStatus, code: int, words: str
) -> None:
    async def closed(*_: Any) -> None:
        raise Problem(Kind("closed", status, "Closed"), "In words.", retry_after=7, limit=60)

    monkeypatch.setattr(keys, "admit", closed)
    response = client.post("/tushare/daily", json={"api_name": "daily", "params": {"trade_date": DAY}})
    assert (response.status_code, response.json()["code"]) == (200, code)
    assert response.json()["msg"].startswith(words)
    assert response.headers["Retry-After"] == "7"


def test_without_a_database_the_sdk_is_told_so_and_not_given_an_empty_table() -> None:
    with served(application("postgresql://postgres@/absent?host=/nowhere")) as client:
        api = tushare.pro_api("any")
        api._DataApi__http_url = str(client.base_url.join("/tushare"))
        with pytest.raises(Exception, match="请稍后再试：The database does not answer"):
            api.daily(trade_date=DAY)


def test_a_mistake_of_ours_raises_in_the_sdk_too(client: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "read", lambda *_: 1 / 0)
    code, text = refused(client, "daily", trade_date=DAY)
    assert (code, text.startswith("查询数据失败：服务器出错")) == (50101, True)


def test_other_methods_are_told_to_post(client: httpx2.Client) -> None:
    response = client.get("/tushare")
    assert (response.status_code, response.headers["Allow"]) == (405, "POST, OPTIONS")
    assert "ask with POST, not GET" in response.json()["detail"]


@pytest.fixture(scope="module")
def openapi(reported: httpx2.Client) -> Any:
    return schemathesis.openapi.from_url(f"{reported.base_url}/api/v1/openapi.json")


@pytest.mark.parametrize("path", ["/tushare", "/tushare/{api_name}"])
def test_every_answer_is_documented(openapi: Any, path: str) -> None:
    operation = openapi[path]["POST"]
    params = st.dictionaries(
        st.sampled_from(
            ["ts_code", "trade_date", "start_date", "end_date", "period", "limit", "offset", "is_open", "name"]
        ),
        st.one_of(st.text(max_size=12), st.integers(), st.sampled_from([DAY, "600519.SH", "20231231", "1"])),
    )

    @fuzz.trials(60)
    @given(case=operation.as_strategy(), api=st.sampled_from([*CATALOG, "nothing"]), params=st.none() | params)
    def answered(case: schemathesis.Case, api: str, params: dict[str, Any] | None) -> None:
        if params is not None:
            case.body = {"api_name": api, "params": params, "fields": ""}
        response = case.call_and_validate(checks=CHECKED)
        fuzz.ANSWERED[response.status_code] += 1

    answered()
