"""Misbehaviour on request: each kind does what its name says, to the calls it is meant for, as often as it is told."""

from __future__ import annotations

import time

import httpx2
import pytest

from stock_assistant_pipelines.protocol.query import Query
from stock_assistant_pipelines.sandbox.faults import KINDS, Fault, FaultError, Faults

from .conftest import DAY, Client

BEFORE = "20251217"


def test_http_502_is_no_json(client: Client) -> None:
    client.sandbox.inject("http_502")
    assert client.post("daily", trade_date=DAY).status_code == 502


def test_html_comes_with_200(client: Client) -> None:
    client.sandbox.inject("html")
    response = client.post("daily", trade_date=DAY)
    assert (response.status_code, response.text[:6]) == (200, "<html>")


def test_timeout_holds_the_answer(client: Client) -> None:
    client.sandbox.inject("timeout:seconds=0.3:times=2")
    with pytest.raises(httpx2.ReadTimeout):
        client.http.post(client.sandbox.url, json=_call("daily"), timeout=0.1)
    begun = time.monotonic()
    assert client.rows("daily", trade_date=DAY)
    assert time.monotonic() - begun >= 0.3


def test_reset_closes_the_connection(client: Client) -> None:
    client.sandbox.inject("reset:times=1")
    with pytest.raises(httpx2.TransportError):
        client.post("daily", trade_date=DAY)
    assert client.rows("daily", trade_date=DAY)


def test_half_leaves_out_every_second_row(client: Client) -> None:
    whole = client.rows("daily", trade_date=DAY)
    client.sandbox.inject("half")
    assert client.rows("daily", trade_date=DAY) == whole[::2]


def test_yesterday_is_yesterday_and_says_so(client: Client) -> None:
    before = client.rows("daily", trade_date=BEFORE)
    client.sandbox.inject("yesterday")
    assert client.rows("daily", trade_date=DAY) == before


def test_stale_is_yesterday_under_todays_name(client: Client) -> None:
    before = client.rows("daily", trade_date=BEFORE)
    client.sandbox.inject("stale")
    assert client.rows("daily", trade_date=DAY) == [{**row, "trade_date": DAY} for row in before]


def test_stale_moves_each_day_of_a_range(client: Client) -> None:
    true = client.rows("index_daily", ts_code="000300.SH", start_date="20251215", end_date="20251217")
    client.sandbox.inject("stale")
    stale = client.rows("index_daily", ts_code="000300.SH", start_date="20251216", end_date=DAY)
    assert [row["close"] for row in stale] == [row["close"] for row in true]
    assert [row["trade_date"] for row in stale] == [DAY, "20251217", "20251216"]


def test_empty_has_columns_and_no_rows(client: Client) -> None:
    client.sandbox.inject("empty")
    data = client.data("daily", trade_date=DAY)
    assert data["items"] == []
    assert data["fields"]


@pytest.mark.parametrize(
    ("fault", "code", "text"),
    [
        (
            "throttle",
            40203,
            "抱歉，您访问接口(daily)频率超限(500次/分钟)，具体频次详情：https://tushare.pro/document/1?doc_id=108。",
        ),
        ("throttle_hour", 40203, "频率超限(1次/小时)"),
        ("throttle_day", 40203, "频率超限(5次/天)"),
        (
            "permission",
            40203,
            "抱歉，您没有接口(daily)访问权限，权限的具体详情访问：https://tushare.pro/document/1?doc_id=108。",
        ),
        ("bad_token", 40101, "您的token不对，请确认。"),
    ],
)
def test_refusals_on_request_read_like_tushares(client: Client, fault: str, code: int, text: str) -> None:
    client.sandbox.inject(fault)
    envelope = client.ask("daily", trade_date=DAY)
    assert envelope["code"] == code
    assert text in envelope["msg"]
    assert envelope["data"] is None


def test_malformed_json_cannot_be_read(client: Client) -> None:
    client.sandbox.inject("malformed")
    with pytest.raises(ValueError, match=r"."):
        client.post("daily", trade_date=DAY).json()


def test_drop_field_drops_the_last_one_everywhere(client: Client) -> None:
    client.sandbox.inject("drop_field")
    data = client.data("daily", "ts_code,trade_date,close", trade_date=DAY)
    assert data["fields"] == ["ts_code", "trade_date"]
    assert {len(item) for item in data["items"]} == {2}


def test_null_data_has_code_0(client: Client) -> None:
    client.sandbox.inject("null_data")
    envelope = client.ask("daily", trade_date=DAY)
    assert (envelope["code"], envelope["data"]) == (0, None)


def test_selectors_spare_other_calls_and_times_heals(client: Client) -> None:
    client.sandbox.inject(f"empty:api=daily:day={DAY}:times=1")
    assert client.rows("daily", trade_date=BEFORE)
    assert client.rows("adj_factor", trade_date=DAY)
    assert not client.rows("daily", trade_date=DAY)
    assert client.rows("daily", trade_date=DAY)
    assert client.sandbox.stats()["faults"] == {"empty": 1}
    assert [call.get("fault") for call in client.sandbox.calls()] == [
        None,
        None,
        f"empty:api=daily:day={DAY}:times=1",
        None,
    ]


def test_a_day_within_the_range_of_a_call_is_covered(client: Client) -> None:
    client.sandbox.inject(f"empty:day={DAY}")
    assert not client.rows("suspend_d", start_date="20251101", end_date="20251231")
    assert client.rows("suspend_d", start_date="20251001", end_date="20251130")


def test_a_fault_counts_the_calls_it_waits_through() -> None:
    faults = Faults(Fault, ["half:every=3:times=2"])
    fired = [faults.due(lambda each: each.matches("daily", Query())) is not None for _ in range(12)]
    assert fired == [False, False, True] * 2 + [False] * 6


def test_a_fault_that_spares_the_first_calls_befalls_all_others() -> None:
    faults = Faults(Fault, ["throttle_day:api=daily:after=3"])
    fired = [faults.due(lambda each: each.matches("daily", Query())) is not None for _ in range(8)]
    assert fired == [False] * 3 + [True] * 5


def test_faults_are_listed_and_ended_one_by_one(client: Client) -> None:
    client.sandbox.inject("empty:api=daily", "half:api=adj_factor")
    path = client.sandbox.root + "/_sandbox/faults"
    listed = client.http.get(path).json()
    assert listed["kinds"] == KINDS
    first, second = listed["active"]
    assert (first["spec"], second["spec"]) == ("empty:api=daily", "half:api=adj_factor")
    assert client.http.delete(path, params={"id": first["id"]}).json()["active"] == [second]
    assert client.rows("daily", trade_date=DAY)


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("explode", "`explode` is no fault; there are http_502, html"),
        ("half:api=dialy", "not in the catalog"),
        ("half:day=2025-12-18", "takes a day as YYYYMMDD"),
        ("half:times=0", "takes a whole number above zero"),
        ("half:after=0", "takes a whole number above zero"),
        ("half:every=x", "takes a whole number above zero"),
        ("timeout:seconds=-1", "takes seconds"),
        ("half:color=red", "there are api=, day=, after=, times=, every=, seconds="),
    ],
)
def test_a_specification_that_cannot_be_read_says_what_it_takes(client: Client, spec: str, complaint: str) -> None:
    with pytest.raises(FaultError, match=complaint):
        Fault.parse(spec)
    with pytest.raises(ValueError, match=complaint):
        client.sandbox.inject("half", spec)
    assert client.http.get(client.sandbox.root + "/_sandbox/faults").json()["active"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_specification_reads_back_as_written(kind: str) -> None:
    spec = f"{kind}:api=daily:day={DAY}:after=4:times=3:every=2"
    assert Fault.parse(str(Fault.parse(spec))) == Fault.parse(spec)


def _call(api: str) -> dict[str, object]:
    return {"api_name": api, "token": "sandbox", "params": {"trade_date": DAY}, "fields": ""}
