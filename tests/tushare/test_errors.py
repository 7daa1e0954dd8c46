"""What Tushare's refusals mean, which of them heal, and how long each is to be waited out."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.errors import (
    BadParameters,
    BadToken,
    CallRefused,
    ConflictingRows,
    HttpStatusError,
    IpLimit,
    MalformedAnswer,
    PermissionDenied,
    QuotaUnavailable,
    SchemaDrift,
    Throttled,
    TransportError,
    Truncated,
    TushareError,
    Window,
    WrongDay,
    refusal,
)

DETAILS = "权限的具体详情访问：https://tushare.pro/document/1?doc_id=108。"
CATALOGUE = [
    (40101, "您的token不对，请确认。", BadToken, None),
    (40001, "invalid api key", BadToken, None),
    (40203, f"抱歉，您没有接口访问权限，{DETAILS}", PermissionDenied, None),
    (40203, f"抱歉，您没有接口(fina_indicator)访问权限，{DETAILS}", PermissionDenied, None),
    (40203, f"抱歉，您没有访问该接口的权限，{DETAILS}", PermissionDenied, None),
    (40203, "抱歉，您没有权限访问该接口", PermissionDenied, None),
    (40203, "抱歉，您的积分不足", PermissionDenied, None),
    (2002, "没有开通", PermissionDenied, None),
    (40203, f"抱歉，您每分钟最多访问该接口200次，{DETAILS}", Throttled, Window.MINUTE),
    (40203, f"抱歉，您每小时最多访问该接口1次，{DETAILS}", Throttled, Window.HOUR),
    (40203, f"抱歉，您每天最多访问该接口2次，{DETAILS}", Throttled, Window.DAY),
    (40203, f"抱歉，您访问接口(fina_audit)频率超限(400次/分钟)，具体频次详情：{DETAILS}", Throttled, Window.MINUTE),
    (40203, f"抱歉，您访问接口(stock_basic)频率超限(1次/小时)，具体频次详情：{DETAILS}", Throttled, Window.HOUR),
    (40203, f"抱歉，您访问接口(index_daily)频率超限(5次/天)，具体频次详情：{DETAILS}", Throttled, Window.DAY),
    (40203, f"抱歉，您访问接口频率超限，{DETAILS}", Throttled, Window.MINUTE),
    (40204, "您的IP数量超限，最大数量为5个！", IpLimit, None),
    (50101, "查询数据失败，请确认参数！可以反馈管理员协助您排查问题", BadParameters, None),
    (50101, "查询数据失败，请确认参数！可以反馈管理员协助您排查问题, Error 1054 (42S22)", BadParameters, None),
    (50101, "offset不能大于100000", BadParameters, None),
    (50101, "必填参数, trade_date", BadParameters, None),
    (-1, "参数校验失败,ts_code", BadParameters, None),
    (50101, "请指定正确的接口名", BadParameters, None),
    (99999, "a reason nobody has seen before", BadParameters, None),
]
EVERY_ERROR = [
    TransportError("daily", "no answer"),
    HttpStatusError("daily", 502),
    MalformedAnswer("daily", "cut off"),
    SchemaDrift("daily", "lacks close"),
    WrongDay("daily", "another day"),
    ConflictingRows("daily", "two rows"),
    Truncated("daily", "cut"),
    BadToken("daily", "no"),
    PermissionDenied("daily", "no"),
    IpLimit("daily", "no"),
    BadParameters("daily", "no"),
    CallRefused("daily", "no"),
    Throttled("daily", Window.HOUR, "too many"),
    QuotaUnavailable("daily", "no database"),
]
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1), timezones=st.sampled_from([UTC, SHANGHAI]))  # noqa: DTZ001 - hypothesis adds the zone


@pytest.mark.parametrize(("code", "text", "kind", "window"), CATALOGUE)
def test_a_refusal_is_told_apart_by_its_text(
    code: int, text: str, kind: type[TushareError], window: Window | None
) -> None:
    error = refusal("daily", code, text)
    assert type(error) is kind
    assert getattr(error, "window", None) is window


@pytest.mark.parametrize(("code", "text", "kind", "window"), CATALOGUE)
def test_the_message_names_the_interface_and_quotes_the_reason(
    code: int, text: str, kind: type[TushareError], window: Window | None
) -> None:
    message = str(refusal("daily", code, text))
    assert message.startswith("daily: ")
    assert text in message


def test_throttling_is_not_taken_for_a_missing_permission_although_its_text_speaks_of_permissions() -> None:
    text = f"抱歉，您每分钟最多访问该接口200次，{DETAILS}"
    assert "权限" in text
    assert isinstance(refusal("daily", 40203, text), Throttled)


@pytest.mark.parametrize("code", [0, 40203, -2001])
def test_a_wrong_token_is_known_by_its_text_whatever_the_code(code: int) -> None:
    assert isinstance(refusal("daily", code, "您的token不对，请确认。"), BadToken)


@pytest.mark.parametrize(
    "error",
    [
        TransportError("daily", "no answer"),
        MalformedAnswer("daily", "cut off"),
        HttpStatusError("daily", 500),
        HttpStatusError("daily", 502),
        HttpStatusError("daily", 503),
        HttpStatusError("daily", 504),
        HttpStatusError("daily", 408),
        Throttled("daily", Window.MINUTE, "too many"),
    ],
    ids=str,
)
def test_what_passes_by_itself_heals(error: TushareError) -> None:
    assert error.heals


@pytest.mark.parametrize(
    "error",
    [
        SchemaDrift("daily", "lacks close"),
        WrongDay("daily", "another day"),
        ConflictingRows("daily", "two rows"),
        Truncated("daily", "cut"),
        BadToken("daily", "no"),
        PermissionDenied("daily", "no"),
        IpLimit("daily", "no"),
        BadParameters("daily", "no"),
        HttpStatusError("daily", 301),
        HttpStatusError("daily", 403),
        HttpStatusError("daily", 404),
        Throttled("daily", Window.HOUR, "too many"),
        Throttled("daily", Window.DAY, "too many"),
    ],
    ids=str,
)
def test_what_stays_as_it_is_does_not_heal(error: TushareError) -> None:
    assert not error.heals


@pytest.mark.parametrize("status", [301, 404])
def test_an_http_status_that_stays_points_to_the_address(status: int) -> None:
    assert "TUSHARE_BASE_URL" in str(HttpStatusError("daily", status))


def test_a_minute_is_waited_out_with_a_second_to_spare() -> None:
    assert Throttled("daily", Window.MINUTE, "").wait() == timedelta(seconds=61)


def test_an_hour_is_waited_out_in_full() -> None:
    assert Throttled("daily", Window.HOUR, "").wait() == timedelta(hours=1)


@given(MOMENTS)
def test_a_day_is_waited_out_until_midnight_in_china(moment: datetime) -> None:
    wait = Throttled("daily", Window.DAY, "").wait(moment)
    midnight = (moment + wait).astimezone(SHANGHAI)
    assert timedelta(0) < wait <= timedelta(days=1)
    assert (midnight.hour, midnight.minute, midnight.second, midnight.microsecond) == (0, 0, 0, 0)


def test_a_day_is_waited_out_from_now_when_no_moment_is_given() -> None:
    assert timedelta(0) < Throttled("daily", Window.DAY, "").wait() <= timedelta(days=1)


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling_so_that_it_can_cross_processes(error: TushareError) -> None:
    other = pickle.loads(pickle.dumps(error))
    assert (type(other), str(other), vars(other)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: type(error).__name__)
def test_an_error_can_be_copied(error: TushareError) -> None:
    assert str(copy.copy(error)) == str(error)


def test_no_kind_of_error_is_left_out_above() -> None:
    assert {type(error) for error in EVERY_ERROR} == set(TushareError.__subclasses__())
