"""A call over the wire: what is asked again and how often, how answers are opened, pages, and where the token must not be."""

from __future__ import annotations

import copy
import gzip
import logging
import pickle
import re
import socket
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from scripted import SECRET, Reply, envelope, page

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.sandbox.server import TOKEN
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.settings.errors import SettingsError
from stock_assistant_pipelines.tushare.decode import wire_types
from stock_assistant_pipelines.tushare.errors import (
    BadParameters,
    BadToken,
    HttpStatusError,
    MalformedAnswer,
    PermissionDenied,
    SchemaDrift,
    Throttled,
    TransportError,
    Truncated,
    TushareError,
    Window,
)
from stock_assistant_pipelines.tushare.transport import ATTEMPTS, Transport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scripted import Scripted

    from stock_assistant_pipelines.sandbox.server import Running
    from stock_assistant_pipelines.tushare.transport import Answer

DAY = {"trade_date": "20260303"}
TYPES: Mapping[str, Any] = {"ts_code": str, "close": float | None}
ROW = ["600000.SH", 8.5]
GOOD = page(TYPES, [ROW], has_more=False)
THROTTLE = envelope(
    40203, "抱歉，您每分钟最多访问该接口200次，权限的具体详情访问：https://tushare.pro/document/1?doc_id=108。"
)


def daily(transport: Transport) -> Answer:
    return transport.fetch("daily", DAY, wire_types(CATALOG["daily"]), row_cap=6000)


def closes(transport: Transport, row_cap: int | None = None) -> Answer:
    return transport.fetch("daily", DAY, TYPES, row_cap=row_cap)


# --- what is asked again


@pytest.mark.parametrize("fault", ["http_502", "html", "reset", "malformed", "null_data", "throttle"])
def test_what_heals_is_asked_again_and_then_answered(sandbox: Running, transport: Transport, fault: str) -> None:
    undisturbed = daily(transport).rows
    sandbox.inject(f"{fault}:times=1")
    assert daily(transport).rows == undisturbed


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("http_502", HttpStatusError),
        ("html", MalformedAnswer),
        ("reset", TransportError),
        ("malformed", MalformedAnswer),
        ("null_data", MalformedAnswer),
        ("throttle", Throttled),
    ],
)
def test_what_does_not_heal_in_time_is_given_up_after_five_attempts(
    sandbox: Running, transport: Transport, fault: str, kind: type[TushareError]
) -> None:
    sandbox.inject(fault)
    with pytest.raises(kind):
        daily(transport)
    assert sandbox.stats()["calls"] == {"daily": ATTEMPTS}


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("permission", PermissionDenied),
        ("bad_token", BadToken),
        ("throttle_hour", Throttled),
        ("throttle_day", Throttled),
        ("drop_field", SchemaDrift),
    ],
)
def test_what_stays_as_it_is_is_asked_once(
    sandbox: Running, transport: Transport, fault: str, kind: type[TushareError]
) -> None:
    sandbox.inject(fault)
    with pytest.raises(kind):
        daily(transport)
    assert sandbox.stats()["calls"] == {"daily": 1}


def test_an_answer_that_does_not_come_in_time_is_a_transport_error(sandbox: Running) -> None:
    sandbox.inject("timeout:seconds=30")
    with (
        Transport(SecretStr(TOKEN), sandbox.url, timeout=0.1, sleep=lambda _: None) as transport,
        pytest.raises(TransportError, match="ReadTimeout"),
    ):
        daily(transport)


def test_a_server_that_is_not_there_is_a_transport_error_that_says_so(pauses: list[float]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with (
            Transport(SecretStr(SECRET), url, sleep=pauses.append) as transport,
            pytest.raises(TransportError, match="refused"),
        ):
            closes(transport)
    assert len(pauses) == ATTEMPTS - 1


@pytest.mark.parametrize("status", [500, 503, 504, 408])
def test_a_passing_http_status_is_asked_again(server: Scripted, client: Transport, status: int) -> None:
    server.answer(Reply(status=status), GOOD)
    assert closes(client).rows == [tuple(ROW)]


@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 413])
def test_a_lasting_http_status_is_asked_once_and_named(server: Scripted, client: Transport, status: int) -> None:
    server.answer(Reply(status=status))
    with pytest.raises(HttpStatusError, match=str(status)):
        closes(client)
    assert len(server.calls) == 1


def test_a_redirect_is_not_followed_since_it_would_carry_the_token_elsewhere(
    server: Scripted, client: Transport
) -> None:
    server.answer(Reply(status=307, headers=(("Location", f"{server.url}/elsewhere"),)), GOOD)
    with pytest.raises(HttpStatusError, match="307"):
        closes(client)
    assert server.paths == ["/dataapi/daily"]


# --- how long it waits before it asks again


def test_a_throttled_minute_is_waited_out_in_full(server: Scripted, client: Transport, pauses: list[float]) -> None:
    server.answer(THROTTLE, THROTTLE, GOOD)
    closes(client)
    assert pauses == [61.0, 61.0]


def test_the_settings_say_how_long_a_throttled_minute_is(server: Scripted, pauses: list[float]) -> None:
    server.answer(THROTTLE, GOOD)
    with Transport(SecretStr(SECRET), server.url, throttle_seconds=7.5, sleep=pauses.append) as transport:
        closes(transport)
    assert pauses == [7.5]


def test_http_429_is_throttling_and_is_waited_out_like_it(
    server: Scripted, client: Transport, pauses: list[float]
) -> None:
    server.answer(Reply(status=429), GOOD)
    closes(client)
    assert pauses == [61.0]


def test_http_429_that_does_not_end_is_throttling_by_the_minute(server: Scripted, client: Transport) -> None:
    server.answer(Reply(status=429))
    with pytest.raises(Throttled) as caught:
        closes(client)
    assert caught.value.window is Window.MINUTE


def test_a_server_cannot_make_the_client_wait_for_longer(
    server: Scripted, client: Transport, pauses: list[float]
) -> None:
    server.answer(Reply(status=503, headers=(("Retry-After", "999999"),)))
    with pytest.raises(HttpStatusError):
        closes(client)
    assert sum(pauses) < 10


def test_other_pauses_grow_from_one_attempt_to_the_next(
    server: Scripted, client: Transport, pauses: list[float]
) -> None:
    server.answer(Reply(status=502))
    with pytest.raises(HttpStatusError):
        closes(client)
    assert [0.2 * 2**n <= pause <= 0.2 * 2**n + 1 for n, pause in enumerate(pauses)] == [True] * (ATTEMPTS - 1)


# --- opening the envelope


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b""),
        Reply(b"null"),
        Reply(b"[]"),
        Reply(b"{}"),
        Reply(b'{"code": "zero"}'),
        Reply(b'{"code": 0}'),
        Reply(b'{"code": 0, "data": {}}'),
        Reply(b'{"code": 0, "data": {"fields": ["ts_code"]}}'),
        Reply(b'{"code": 0, "data": {"fields": null, "items": []}}'),
        Reply(b'{"code": 0, "data": {"fields": ["ts_code", "close"], "items": [["\xff", 1]]}}'),
        Reply(b'{"code": 0, "data": {"fields": ["\xff"], "items": []}}'),
        Reply(b'{"code": 0, "data": {"fields": ["ts_code", "close"], "items": [["a", NaN]]}}'),
        Reply(b"\xff\xfe\x00"),
        Reply(b"\x1f\x8b\x08 no gzip", headers=(("Content-Encoding", "gzip"),)),
    ],
    ids=lambda reply: repr(reply.body),
)
def test_an_answer_that_is_not_the_protocols_is_malformed(server: Scripted, client: Transport, reply: Reply) -> None:
    server.answer(reply)
    with pytest.raises(MalformedAnswer):
        closes(client)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n",
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"cod',
        b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"code": 0',
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"",
    ],
)
def test_garbage_on_the_connection_is_a_transport_error(server: Scripted, client: Transport, raw: bytes) -> None:
    server.answer(Reply(raw=raw))
    with pytest.raises(TransportError):
        closes(client)


def test_a_compressed_answer_is_read(server: Scripted, client: Transport) -> None:
    server.answer(Reply(gzip.compress(GOOD.body), headers=(("Content-Encoding", "gzip"),)))
    assert closes(client).rows == [tuple(ROW)]


@pytest.mark.parametrize("data", [None, {}, [], "", {"fields": None}])
def test_a_refusal_is_understood_whatever_stands_in_its_data(server: Scripted, client: Transport, data: Any) -> None:
    server.answer(envelope(40101, "您的token不对，请确认。", data))
    with pytest.raises(BadToken):
        closes(client)


def test_a_refusal_without_a_reason_says_so(server: Scripted, client: Transport) -> None:
    server.answer(envelope(50101, None))
    with pytest.raises(BadParameters, match="code 50101: no reason given"):
        closes(client)


def test_the_answer_says_that_it_comes_from_a_sandbox(transport: Transport) -> None:
    assert daily(transport).source == "sandbox: synthetic"


def test_an_answer_without_the_sandboxs_header_is_tushares(server: Scripted, client: Transport) -> None:
    server.answer(GOOD)
    assert closes(client).source == "tushare"


# --- the request


def test_a_call_says_its_name_in_the_path_and_in_the_body(server: Scripted, client: Transport) -> None:
    server.answer(GOOD)
    closes(client)
    assert server.paths == ["/dataapi/daily"]
    assert server.calls == [{"api_name": "daily", "token": SECRET, "params": DAY, "fields": "ts_code,close"}]


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}])
def test_a_parameter_that_is_no_json_is_refused_before_anything_is_sent(
    server: Scripted, client: Transport, value: Any
) -> None:
    with pytest.raises(BadParameters, match="days text such as 20251218"):
        client.fetch("daily", {"trade_date": value}, TYPES)
    assert server.calls == []


def test_calls_share_one_connection(server: Scripted, client: Transport) -> None:
    server.answer(GOOD)
    for _ in range(5):
        closes(client)
    assert len(server.connections) == 1


def test_threads_share_one_client_and_wait_for_a_free_connection(server: Scripted) -> None:
    server.answer(GOOD)
    with Transport(SecretStr(SECRET), server.url, connections=2) as transport, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(closes, [transport] * 24))
    assert [answer.rows for answer in answers] == [[tuple(ROW)]] * 24
    assert len(server.connections) <= 2


def test_this_machine_is_asked_directly_even_where_a_proxy_is_set(
    server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.answer(GOOD)
    with Transport(SecretStr(SECRET), server.url, sleep=lambda _: None) as transport:
        assert closes(transport).rows == [tuple(ROW)]


def test_a_proxy_leads_to_other_machines_and_never_sees_the_token(
    server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", server.url.removesuffix("/dataapi"))
    for name in ("NO_PROXY", "no_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    server.answer(GOOD)
    with (
        Transport(SecretStr(SECRET), "https://tushare.invalid/dataapi", sleep=lambda _: None) as transport,
        pytest.raises(TransportError, match="ProxyError"),
    ):
        closes(transport)
    assert server.paths == ["tushare.invalid:443"] * ATTEMPTS
    assert server.calls == []


def test_a_proxy_that_cannot_be_used_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks://someone:hush@127.0.0.1:7891")
    with pytest.raises(SettingsError, match="ALL_PROXY") as caught:
        Transport(SecretStr(SECRET), "https://tushare.invalid/dataapi")
    assert "hush" not in str(caught.value)


# --- pages


def test_pages_are_fetched_until_nothing_is_left(server: Scripted, client: Transport) -> None:
    pages = [[["a", 1], ["b", 2]], [["c", 3], ["d", 4]], [["e", 5]]]
    server.answer(*(page(TYPES, items, has_more=items is not pages[-1]) for items in pages))
    answer = closes(client)
    assert answer.rows == [("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5)]
    assert answer.calls == 3
    assert server.offsets == [None, 2, 4]


def test_the_sandboxs_pages_hold_every_row_once(sandbox: Running, transport: Transport) -> None:
    params = {"start_date": "20250601", "end_date": "20260304"}
    dataset = CATALOG["daily"]
    answer = transport.fetch("daily", params, wire_types(dataset), row_cap=dataset.row_cap)
    keys = {row[:2] for row in answer.rows}
    assert answer.calls == 2
    assert len(keys) == len(answer.rows) > 6000
    assert sum(call["rows"] for call in sandbox.calls()) == len(answer.rows)


def test_an_answer_at_the_cap_that_does_not_say_whether_more_follows_is_asked_for_more(
    server: Scripted, client: Transport
) -> None:
    server.answer(page(TYPES, [["a", 1], ["b", 2]]), page(TYPES, [["c", 3]]))
    assert closes(client, row_cap=2).rows == [("a", 1), ("b", 2), ("c", 3)]


def test_an_answer_that_ends_exactly_at_the_cap_is_complete_when_the_next_page_is_empty(
    server: Scripted, client: Transport
) -> None:
    server.answer(page(TYPES, [["a", 1], ["b", 2]]), page(TYPES, []))
    assert closes(client, row_cap=2).rows == [("a", 1), ("b", 2)]


@pytest.mark.parametrize("row_cap", [None, 3])
def test_an_answer_below_the_cap_that_does_not_say_whether_more_follows_is_believed(
    server: Scripted, client: Transport, row_cap: int | None
) -> None:
    server.answer(page(TYPES, [["a", 1], ["b", 2]]))
    assert closes(client, row_cap).calls == 1


def test_an_answer_at_the_cap_that_says_that_nothing_follows_is_believed(server: Scripted, client: Transport) -> None:
    server.answer(page(TYPES, [["a", 1], ["b", 2]], has_more=False))
    assert closes(client, row_cap=2).calls == 1


def test_an_empty_answer_is_an_answer(server: Scripted, client: Transport) -> None:
    server.answer(page(TYPES, [], has_more=False))
    assert closes(client, row_cap=2).rows == []


@pytest.mark.parametrize("first", [[], [["a", 1]]])
def test_more_that_is_announced_and_not_given_is_truncated(
    server: Scripted, client: Transport, first: list[list[Any]]
) -> None:
    server.answer(page(TYPES, first, has_more=True), page(TYPES, [], has_more=True))
    with pytest.raises(Truncated, match=f"more follows {len(first)} rows"):
        closes(client)


@pytest.mark.parametrize("has_more", [True, None])
def test_a_server_that_ignores_the_offset_is_noticed_at_its_second_answer(
    server: Scripted, client: Transport, has_more: bool | None
) -> None:
    server.answer(page(TYPES, [["a", 1], ["b", 2]], has_more=has_more))
    with pytest.raises(Truncated, match="offset 2"):
        closes(client, row_cap=2)
    assert len(server.calls) == 2


def test_paging_ends_where_tushare_takes_no_larger_offset(server: Scripted, client: Transport) -> None:
    server.answer(*(page(TYPES, [[f"{n}", at] for at in range(40_000)], has_more=True) for n in range(4)))
    with pytest.raises(Truncated, match="120000 rows"):
        closes(client)
    assert server.offsets == [None, 40_000, 80_000]


def test_a_failing_page_is_asked_again_by_itself(server: Scripted, client: Transport) -> None:
    server.answer(page(TYPES, [["a", 1]], has_more=True), Reply(status=502), page(TYPES, [["b", 2]], has_more=False))
    assert closes(client).rows == [("a", 1), ("b", 2)]
    assert server.offsets == [None, 1, 1]


# --- typed rows


def test_columns_may_come_in_another_order_and_with_others_between(server: Scripted, client: Transport) -> None:
    server.answer(page(["close", "news", "ts_code"], [[8.5, {"a": [1]}, "600000.SH"]], has_more=False))
    assert closes(client).rows == [("600000.SH", 8.5)]


def test_pages_may_order_their_columns_differently(server: Scripted, client: Transport) -> None:
    server.answer(
        page(["ts_code", "close"], [["a", 1]], has_more=True), page(["close", "ts_code"], [[2, "b"]], has_more=False)
    )
    assert closes(client).rows == [("a", 1), ("b", 2)]


@pytest.mark.parametrize(("sent", "read"), [("8.50", 8.5), ("-3", -3.0), ("1e3", 1000.0), (8, 8.0), (None, None)])
def test_numbers_may_come_as_text(server: Scripted, client: Transport, sent: Any, read: float | None) -> None:
    server.answer(page(TYPES, [["a", sent]], has_more=False))
    assert closes(client).rows == [("a", read)]


@pytest.mark.parametrize("sent", ["nan", "inf", "-inf", "", "None", "--", True, [1], {"a": 1}])
def test_what_is_no_number_is_not_read_as_one(server: Scripted, client: Transport, sent: Any) -> None:
    server.answer(page(CATALOG["adj_factor"].fields, [["a", "20260303", sent]], has_more=False))
    with pytest.raises(SchemaDrift):
        client.fetch("adj_factor", DAY, wire_types(CATALOG["adj_factor"]))


@pytest.mark.parametrize("sent", [20260303, "2026-03-03", "2026033", "20260303\n", "２０２６０３０３", "today"])
def test_what_is_no_day_is_not_read_as_one(server: Scripted, client: Transport, sent: Any) -> None:
    server.answer(page(CATALOG["adj_factor"].fields, [["a", sent, 1.5]], has_more=False))
    with pytest.raises(SchemaDrift):
        client.fetch("adj_factor", DAY, wire_types(CATALOG["adj_factor"]))


@pytest.mark.parametrize("sent", [1, "1", 1.0])
def test_an_integer_may_come_as_text_or_with_a_point(server: Scripted, client: Transport, sent: Any) -> None:
    server.answer(page(["is_open"], [[sent]], has_more=False))
    rows = client.fetch("trade_cal", {}, {"is_open": int | None}).rows
    assert rows == [(1,)]
    assert type(rows[0][0]) is int


def test_a_value_of_another_type_is_named_with_its_column(server: Scripted, client: Transport) -> None:
    server.answer(page(TYPES, [["a", 1.5], ["b", {}]], has_more=False))
    with pytest.raises(SchemaDrift, match=re.escape("$[1][1]`; columns are ts_code, close")):
        closes(client)


def test_a_column_that_is_missing_is_named(server: Scripted, client: Transport) -> None:
    server.answer(page(["ts_code"], [["a"]], has_more=False))
    with pytest.raises(SchemaDrift, match="lacks the columns close"):
        closes(client)


@pytest.mark.parametrize("items", [[["a"]], [["a", 1, 2]], {}, None, "rows", [1]])
def test_rows_that_do_not_fit_the_columns_are_a_drift(server: Scripted, client: Transport, items: Any) -> None:
    server.answer(page(TYPES, items, has_more=False))
    with pytest.raises(SchemaDrift):
        closes(client)


# --- the token

FAILURES = {
    "reset": Reply(raw=b""),
    "garbage": Reply(raw=b"SSH-2.0\r\n"),
    "502": Reply(status=502),
    "404": Reply(status=404),
    "429": Reply(status=429),
    "html": Reply(b"<html></html>"),
    "bad gzip": Reply(b"no gzip", headers=(("Content-Encoding", "gzip"),)),
    "refusal": envelope(40101, "您的token不对，请确认。"),
    "no data": envelope(),
    "wrong type": page(TYPES, [["a", {}]]),
}
QUOTING = [
    envelope(40101, f"您的token不对，请确认。{SECRET}"),
    envelope(40203, f"每天最多访问 {SECRET}"),
    envelope(1, SECRET),
    Reply(f"<html>{SECRET}</html>".encode()),
    Reply(f'{{"{SECRET}": '.encode()),
    Reply(SECRET.encode(), headers=(("Content-Encoding", "gzip"),)),
    Reply(raw=f"HTTP/1.1 {SECRET}\r\n".encode()),
    Reply(raw=f"{SECRET}\r\n".encode()),
]


def texts(error: BaseException | None) -> str:
    """All that an error and those it came from say of themselves."""
    told = []
    while error is not None:
        told += [str(error), repr(error), repr(error.args), repr(vars(error))]
        error = error.__cause__ or error.__context__
    return "\n".join(told)


def traceback_with_variables(error: BaseException) -> str:
    """An error as some tools print it: with the variables of each frame, but for the test's own."""
    assert error.__traceback__ is not None
    frames = traceback.TracebackException(type(error), error, error.__traceback__.tb_next, capture_locals=True)
    return "".join(frames.format())


@pytest.mark.parametrize("failure", FAILURES)
def test_no_error_tells_the_token_not_even_with_the_variables_of_its_frames(
    server: Scripted, client: Transport, failure: str
) -> None:
    server.answer(FAILURES[failure])
    with pytest.raises(TushareError) as caught:
        closes(client)
    assert "self = <" in traceback_with_variables(caught.value)
    assert SECRET not in texts(caught.value) + traceback_with_variables(caught.value)


@pytest.mark.parametrize("reply", QUOTING, ids=lambda reply: repr(reply.body or reply.raw)[:40])
def test_a_server_that_quotes_the_token_does_not_bring_it_into_an_error(
    server: Scripted, client: Transport, reply: Reply
) -> None:
    server.answer(reply)
    with pytest.raises(TushareError) as caught:
        closes(client)
    assert SECRET not in texts(caught.value) + "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("failure", ["reset", "garbage", "bad gzip"])
def test_an_error_holds_no_request_in_which_the_token_stands(server: Scripted, client: Transport, failure: str) -> None:
    server.answer(FAILURES[failure])
    with pytest.raises(TushareError) as caught:
        closes(client)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_an_impossible_parameter_does_not_tell_the_token(client: Transport) -> None:
    with pytest.raises(BadParameters) as caught:
        client.fetch("daily", {"trade_date": object()}, TYPES)
    assert SECRET not in texts(caught.value) + traceback_with_variables(caught.value)


@pytest.mark.parametrize("reply", [GOOD, Reply(status=502), Reply(raw=b""), envelope(40101, f"token {SECRET}")])
def test_no_log_tells_the_token_at_any_level(
    server: Scripted, client: Transport, caplog: pytest.LogCaptureFixture, reply: Reply
) -> None:
    server.answer(reply)
    with caplog.at_level(logging.DEBUG), suppress(TushareError):
        closes(client)
    assert {"httpx2", "httpcore2.http11"} & {record.name for record in caplog.records}
    assert SECRET not in caplog.text
    assert all(SECRET not in repr(vars(record)) for record in caplog.records)


def test_a_transport_does_not_show_the_token(client: Transport) -> None:
    assert SECRET not in f"{client} {client!r} {vars(client)}"


@pytest.mark.parametrize("copying", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_transport_cannot_be_copied_or_pickled(client: Transport, copying: Any) -> None:
    with pytest.raises(TypeError, match="one per process"):
        copying(client)


def test_without_a_token_the_message_says_what_to_do() -> None:
    with pytest.raises(SettingsError, match=r"TUSHARE_TOKEN is not set: .*stock-assistant sandbox"):
        Transport.from_settings(Settings(_env_file=None))


def test_it_connects_as_the_settings_say(server: Scripted) -> None:
    server.answer(GOOD)
    settings = Settings(_env_file=None, tushare_token=SECRET, tushare_base_url=f"{server.url}/")
    with Transport.from_settings(settings) as transport:
        closes(transport)
    assert server.calls[0]["token"] == SECRET
    assert server.paths == ["/dataapi/daily"]
