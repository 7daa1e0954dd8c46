"""Code written for Tushare's SDK runs on `TushareApi` unchanged, and its silent holes are gone."""

from __future__ import annotations

import copy
import pickle
import tomllib
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import requires
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from packaging.requirements import Requirement
from pandas.testing import assert_frame_equal
from pydantic import SecretStr
from scripted import SECRET, Reply, page
from tushare.pro.client import DataApi

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.sandbox.server import TOKEN
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.settings.errors import SettingsError
from stock_assistant_pipelines.tushare.client import TushareApi
from stock_assistant_pipelines.tushare.errors import (
    BadParameters,
    HttpStatusError,
    MalformedAnswer,
    SchemaDrift,
    Truncated,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripted import Scripted

    from stock_assistant_pipelines.sandbox.server import Running
    from stock_assistant_pipelines.tushare.transport import Transport

DAY = "20260303"
SPAN = {"start_date": "20251201", "end_date": DAY}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "a day of the market": ("daily", {"trade_date": DAY}),
    "one stock over a span, newest first": ("daily", {"ts_code": "000001.SZ", **SPAN}),
    "two stocks": ("daily", {"ts_code": "000001.SZ,000002.SZ", **SPAN}),
    "no row": ("daily", {"trade_date": "20260301"}),
    "numbers with gaps": ("daily_basic", {"trade_date": DAY}),
    "factors": ("adj_factor", {"trade_date": DAY}),
    "text with gaps": ("suspend_d", SPAN),
    "defaults leave columns out": ("stock_basic", {}),
    "a filter": ("stock_basic", {"list_status": "D"}),
    "integers": ("trade_cal", {"exchange": "SSE", **SPAN}),
    "names in Chinese": ("namechange", {}),
    "an index": ("index_daily", {"ts_code": "000300.SH", **SPAN}),
    "the indices of a market": ("index_basic", {"market": "CSI"}),
    "price limits": ("stk_limit", {"trade_date": DAY}),
    "some columns, in another order": ("daily", {"trade_date": DAY, "fields": "close,ts_code,trade_date"}),
    "blanks between columns": ("daily", {"trade_date": DAY, "fields": "ts_code, close"}),
    "columns left out by default": ("stock_basic", {"fields": "ts_code,list_status,delist_date"}),
    "a column that is not there": ("daily", {"trade_date": DAY, "fields": "ts_code,nonsense,close"}),
    "a page of the caller's": ("daily", {"trade_date": DAY, "limit": 7, "offset": 5}),
    "a limit": ("daily", {"trade_date": DAY, "limit": 3}),
    "an offset": ("daily", {"trade_date": DAY, "offset": 50}),
    "what Tushare's site writes": ("daily", {"ts_code": "", "trade_date": DAY, "limit": "", "offset": ""}),
}


@pytest.fixture
def api(transport: Transport) -> TushareApi:
    return TushareApi(transport)


@pytest.fixture
def sdk(sandbox: Running) -> DataApi:
    """The SDK as it is, but for the address."""
    sdk = DataApi(TOKEN)
    sdk._DataApi__http_url = sandbox.url
    return sdk


@pytest.fixture
def scripted_api(client: Transport) -> Iterator[TushareApi]:
    with TushareApi(client) as api:
        yield api


@pytest.mark.parametrize("call", CALLS)
def test_a_frame_equals_the_sdks_in_values_columns_types_and_order(api: TushareApi, sdk: DataApi, call: str) -> None:
    name, params = CALLS[call]
    assert_frame_equal(getattr(api, name)(**params), getattr(sdk, name)(**params))


def test_query_by_name_is_the_same_as_the_method(api: TushareApi) -> None:
    assert_frame_equal(
        api.query("daily", "ts_code,close", trade_date=DAY), api.daily(fields="ts_code,close", trade_date=DAY)
    )


def test_columns_may_be_given_in_a_list(api: TushareApi) -> None:
    assert_frame_equal(
        api.daily(trade_date=DAY, fields=["ts_code", "close"]), api.daily(trade_date=DAY, fields="ts_code,close")
    )


def test_it_is_the_sdks_class_so_that_type_checks_hold(api: TushareApi) -> None:
    assert isinstance(api, DataApi)


def test_the_sdk_tells_tushare_its_address_and_this_does_not(server: Scripted, scripted_api: TushareApi) -> None:
    server.answer(page(["ts_code"], [["a"]]))
    sdk = DataApi(SECRET)
    sdk._DataApi__http_url = server.url
    sdk.daily(trade_date=DAY)
    scripted_api.daily(trade_date=DAY)
    assert [set(call["params"]) for call in server.calls] == [{"trade_date", "ts_type_name"}, {"trade_date"}]


def test_a_caller_may_still_send_ts_type_name(api: TushareApi) -> None:
    assert_frame_equal(api.daily(trade_date=DAY, ts_type_name="x"), api.daily(trade_date=DAY))


# --- what the SDK loses


def test_every_row_comes_where_the_sdk_stops_at_the_cap(api: TushareApi, sdk: DataApi) -> None:
    span = {"start_date": "20250601", "end_date": "20260304"}
    whole, cut = api.daily(**span), sdk.daily(**span)
    assert len(cut) == CATALOG["daily"].row_cap
    assert len(whole) > len(cut)
    assert not whole.duplicated(["ts_code", "trade_date"]).any()
    assert_frame_equal(whole.head(len(cut)), cut)


def test_a_caller_who_pages_gets_one_page(sandbox: Running, api: TushareApi) -> None:
    api.daily(start_date="20250601", end_date="20260304", limit=6000, offset=0)
    assert sandbox.stats()["calls"] == {"daily": 1}


def test_an_http_error_is_an_error_and_no_empty_frame(sandbox: Running, api: TushareApi, sdk: DataApi) -> None:
    sandbox.inject("http_502")
    assert sdk.daily(trade_date=DAY).shape == (0, 0)
    with pytest.raises(HttpStatusError, match="502"):
        api.daily(trade_date=DAY)


def test_a_typo_is_a_refusal_that_names_it(api: TushareApi) -> None:
    with pytest.raises(BadParameters, match=r"^dialy: .*请指定正确的接口名"):
        api.dialy(trade_date=DAY)


def test_an_interface_that_the_catalog_does_not_know_can_be_asked(server: Scripted, scripted_api: TushareApi) -> None:
    server.answer(page(["a"], [[1], [2]]))
    assert scripted_api.some_new_interface()["a"].tolist() == [1, 2]


def test_an_answer_at_the_cap_that_does_not_say_whether_more_follows_is_asked_for_more(
    server: Scripted, scripted_api: TushareApi
) -> None:
    cap = CATALOG["stk_limit"].row_cap or 0
    server.answer(page(["ts_code"], [[n] for n in range(cap)]), page(["ts_code"], [[cap]]))
    assert scripted_api.stk_limit(trade_date=DAY)["ts_code"].tolist() == list(range(cap + 1))
    assert server.offsets == [None, cap]


def test_a_server_that_gives_the_same_page_for_ever_is_truncated(server: Scripted, scripted_api: TushareApi) -> None:
    server.answer(page(["ts_code"], [["a"], ["b"]], has_more=True))
    with pytest.raises(Truncated):
        scripted_api.daily(trade_date=DAY)
    assert len(server.calls) == 2


def test_pages_with_other_columns_than_the_first_are_not_put_under_its_names(
    server: Scripted, scripted_api: TushareApi
) -> None:
    server.answer(page(["open", "close"], [[1, 2]], has_more=True), page(["close", "open"], [[2, 1]], has_more=False))
    with pytest.raises(SchemaDrift, match="open, close, another close, open"):
        scripted_api.daily(trade_date=DAY)


@pytest.mark.parametrize("items", [None, {}, "rows", [1], [[1, 2]], [[]]])
def test_rows_that_do_not_fit_the_columns_are_malformed(server: Scripted, scripted_api: TushareApi, items: Any) -> None:
    server.answer(page(["ts_code"], items))
    with pytest.raises(MalformedAnswer):
        scripted_api.daily(trade_date=DAY)


def test_an_answer_in_another_encoding_is_malformed(server: Scripted, scripted_api: TushareApi) -> None:
    server.answer(Reply('{"code": 0, "data": {"fields": ["name"], "items": [["平安"]]}}'.encode("gbk")))
    with pytest.raises(MalformedAnswer):
        scripted_api.daily(trade_date=DAY)


def test_a_day_that_is_no_text_is_refused_with_the_form_it_takes(scripted_api: TushareApi) -> None:
    with pytest.raises(BadParameters, match="20251218"):
        scripted_api.daily(trade_date=pd.Timestamp("2026-03-03"))


# --- the object


@pytest.mark.parametrize("copying", [copy.copy, copy.deepcopy, pickle.dumps])
def test_it_cannot_be_copied_or_pickled_and_asks_nothing_when_that_is_tried(
    server: Scripted, scripted_api: TushareApi, copying: Any
) -> None:
    with pytest.raises(TypeError, match="one per process"):
        copying(scripted_api)
    assert server.calls == []


@pytest.mark.parametrize("name", ["_repr_html_", "__deepcopy__", "__array__", "_ipython_display_"])
def test_what_other_tools_look_for_is_not_taken_for_an_interface(scripted_api: TushareApi, name: str) -> None:
    assert not hasattr(scripted_api, name)


def test_an_interface_is_an_attribute_whatever_its_name(scripted_api: TushareApi) -> None:
    assert hasattr(scripted_api, "daily")
    assert hasattr(scripted_api, "some_new_interface")


def test_it_does_not_show_the_token(scripted_api: TushareApi) -> None:
    assert SECRET not in f"{scripted_api} {scripted_api!r} {vars(scripted_api)} {scripted_api.daily}"


def test_the_sdks_own_copy_of_the_token_is_empty(scripted_api: TushareApi) -> None:
    assert scripted_api._DataApi__token == ""


def test_threads_share_it(api: TushareApi) -> None:
    days = ["20260225", "20260226", "20260227", "20260302"] * 4
    with ThreadPoolExecutor(8) as threads:
        frames = list(threads.map(lambda day: api.daily(trade_date=day), days))
    assert [set(frame["trade_date"]) for frame in frames] == [{day} for day in days]


def test_it_connects_as_the_settings_say(sandbox: Running) -> None:
    settings = Settings(_env_file=None, tushare_token=SecretStr(TOKEN), tushare_base_url=sandbox.url)
    with TushareApi.from_settings(settings) as api:
        assert len(api.daily(trade_date=DAY)) > 0


def test_without_a_token_it_says_what_to_do() -> None:
    with pytest.raises(SettingsError, match="TUSHARE_TOKEN is not set"):
        TushareApi.from_settings(Settings(_env_file=None))


def test_the_project_declares_six_which_the_sdk_imports_and_does_not_declare() -> None:
    declared = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    pipelines = {Requirement(line).name for line in declared["project"]["optional-dependencies"]["pipelines"]}
    assert "six" not in {Requirement(line).name for line in requires("tushare") or []}
    assert {"tushare", "six"} <= pipelines
