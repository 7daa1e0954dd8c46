"""Frames of the SDK against the API equal those against the source: values, columns, dtypes, order, whatever is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pandas as pd
import pytest
import tushare
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from small_market import make_database
from tushare.pro.data_pro import pro_bar_vip
from tushare_twins import CODES, DAYS, PERIODS, land, twins

from stock_assistant_pipelines.catalog.calls import PerCode, PerPeriod
from stock_assistant_pipelines.protocol.interfaces import INTERFACES, for_the_market
from stock_assistant_pipelines.protocol.query import required
from stock_assistant_pipelines.sandbox.server import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL
    from tushare_twins import Twins

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.sandbox.server import Running

DRAWN = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
SATURDAY = "20250621"
FIRST, LAST = (f"{day:%Y%m%d}" for day in (DAYS[0], DAYS[-1]))
WINDOW = {"start_date": FIRST, "end_date": LAST}

Params = dict[str, Any]


@pytest.fixture(scope="module")
def pair(postgres: URL, sandbox_server: Running) -> Iterator[Twins]:
    """The SDK against the sandbox, and against the API over what has landed from it."""
    url = make_database(postgres, "tushare_twins")
    land(url, sandbox_server)
    with twins(url, sandbox_server) as both:
        yield both


def some(values: Any) -> st.SearchStrategy[str]:
    """A few of these, as Tushare takes them."""
    return st.lists(st.sampled_from(list(values)), min_size=1, max_size=3, unique=True).map(",".join)


def digits(days: Any) -> list[str]:
    return [f"{day:%Y%m%d}" for day in days]


def of_days(dataset: Dataset) -> st.SearchStrategy[Params]:
    """A day, or a range of days, of all codes or of some."""
    day = st.sampled_from([*digits(DAYS), SATURDAY])
    when = st.one_of(
        st.builds(lambda one: {"trade_date": one}, day),
        st.builds(lambda one, other: {"start_date": min(one, other), "end_date": max(one, other)}, day, day),
    )
    if isinstance(dataset.calls, PerCode):
        return st.builds(lambda days, codes: days | {"ts_code": codes}, when, some(dataset.calls.codes))
    whose = st.fixed_dictionaries({}, optional={"ts_code": some([*CODES, "999999.SH"])})
    return st.builds(lambda days, codes: days | codes, when, whose)


def of_periods(dataset: Dataset) -> st.SearchStrategy[Params]:
    """A period of the whole market, or companies over all of theirs, narrowed by what such interfaces take."""
    assert isinstance(dataset.calls, PerPeriod)
    name = dataset.calls.period or "period"
    period = st.builds(lambda one: {name: one}, st.sampled_from(digits(PERIODS)))
    company = st.builds(lambda codes: {"ts_code": codes}, some(CODES))
    more = {
        name: some(values)
        for name, values in {
            "report_type": "145",
            "type": "PDI" if "bz_item" in dataset.by_name else ["预增", "首亏"],
            "update_flag": "01",
            "ann_date": ["20250430", "20250828"],
        }.items()
        if name in dataset.by_name
    }
    more |= {"start_date": st.just("20200101"), "end_date": st.just("20250930")}
    if name == "end_date":
        del more["start_date"], more["end_date"]
    narrowed = st.fixed_dictionaries({}, optional=more)
    who = st.one_of(company, period) if for_the_market(dataset) or not required(dataset) else company
    return st.builds(lambda one, other: other | one, who, narrowed)


SNAPSHOTS: dict[str, dict[str, st.SearchStrategy[str]]] = {
    "trade_cal": {"is_open": st.sampled_from("01"), "end_date": st.just("20260230")},
    "stock_basic": {"list_status": some("LDP"), "exchange": some(["SSE", "SZSE"]), "ts_code": some(CODES)},
    "namechange": {"ts_code": some(CODES), "start_date": st.just("20150101"), "end_date": st.just("20240615")},
    "index_basic": {"market": some(["SSE", "SZSE", "CSI"]), "category": some(["规模指数", "综合指数"])},
}


ALWAYS = {"trade_cal": {"start_date": st.just("20250101")}}
"""What each question holds: all days since 1990 are asked for once, with every column."""


def asked(api: str) -> st.SearchStrategy[Params]:
    """What may be asked of an interface, as far as its answer has landed."""
    dataset = INTERFACES[api]
    if dataset.partitioned:
        return of_days(dataset)
    if dataset.by_period:
        return of_periods(dataset)
    return st.fixed_dictionaries(ALWAYS.get(api, {}), optional=SNAPSHOTS.get(api, {}))


PAGES = st.fixed_dictionaries({}, optional={"limit": st.integers(0, 40), "offset": st.integers(0, 60)})


@pytest.mark.parametrize("api", INTERFACES)
def test_frames_are_those_of_the_source(pair: Twins, api: str) -> None:
    columns = st.lists(st.sampled_from([*INTERFACES[api].asked, "no_such_column"]), max_size=6)

    @DRAWN
    @given(params=asked(api), page=PAGES, fields=columns)
    def agree(params: Params, page: Params, fields: list[str]) -> None:
        pair.agree(api, ",".join(fields), **params, **page)

    agree()


@pytest.mark.parametrize("api", INTERFACES)
def test_every_column_can_be_asked_for(pair: Twins, api: str) -> None:
    dataset = INTERFACES[api]
    enough = {"ts_code": ",".join(CODES)} if dataset.by_period else WINDOW if dataset.partitioned else {}
    if isinstance(dataset.calls, PerCode):
        enough = WINDOW | {"ts_code": dataset.calls.codes[0]}
    frame = pair.agree(api, ",".join(dataset.asked), **enough)
    assert tuple(frame.columns) == dataset.asked
    assert len(frame)


def test_the_rows_of_a_report_come_in_every_version_that_the_source_tells(pair: Twins) -> None:
    frame = pair.agree("income", "ts_code,end_date,report_type,update_flag,revenue", ts_code=",".join(CODES))
    assert frame.duplicated(["ts_code", "end_date"]).any()


def test_whole_numbers_are_floats_where_the_source_sends_floats(pair: Twins) -> None:
    """`5000000.0` and not `5000000`: pandas would read a column of integers."""
    frame = pair.agree("fina_audit", "audit_fees", ts_code=CODES[0])
    assert frame["audit_fees"].dtype == "float64"
    assert (frame["audit_fees"] % 1 == 0).all()


def test_answers_end_at_the_row_cap_and_say_so(pair: Twins) -> None:
    theirs, ours = (raw(one, "fina_indicator", ts_code=CODES[0]) for one in (pair.source, pair.ours))
    assert (len(ours["items"]), ours["has_more"]) == (100, True)
    assert ours == theirs


def test_pages_join_without_gap_or_overlap(pair: Twins) -> None:
    whole = pair.agree("daily", **WINDOW)
    pages = [pair.agree("daily", **WINDOW, limit=50, offset=at) for at in range(0, len(whole), 50)]
    pd.testing.assert_frame_equal(pd.concat(pages, ignore_index=True), whole)


@pytest.mark.parametrize("lacking", [0, 1])
def test_an_answer_says_that_more_follows_only_where_it_does(pair: Twins, lacking: int) -> None:
    limit = len(pair.agree("daily", trade_date=LAST)) - lacking
    theirs, ours = (raw(one, "daily", trade_date=LAST, limit=limit) for one in (pair.source, pair.ours))
    assert (len(ours["items"]), ours["has_more"]) == (limit, bool(lacking))
    assert ours == theirs


def raw(api: Any, name: str, **params: Any) -> dict[str, Any]:
    """What the SDK would take the frame from; the SDK itself drops `has_more`."""
    body = {"api_name": name, "token": api._DataApi__token, "params": params, "fields": ""}
    return httpx2.post(f"{api._DataApi__http_url}/{name}", json=body).json()["data"]


@pytest.fixture(scope="module")
def paying(pair: Twins) -> str:
    """A stock that has an ex-date within the window."""
    factors = pair.source.adj_factor(**WINDOW).groupby("ts_code")["adj_factor"].nunique()
    return str(factors[factors > 1].index[0])


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"adj": "qfq"},
        {"adj": "hfq"},
        {"adj": "qfq", "adjfactor": True},
        {"adj": "hfq", "ma": [2, 3]},
        {"factors": ["tor", "vr"]},
        {"adj": "qfq", "factors": ["tor"], "fields": "trade_date,close,turnover_rate"},
    ],
    ids=str,
)
def test_pro_bar_runs_unchanged(pair: Twins, paying: str, words: Params) -> None:
    theirs, ours = (tushare.pro_bar(ts_code=paying, api=one, **WINDOW, **words) for one in (pair.source, pair.ours))
    pd.testing.assert_frame_equal(ours, theirs)
    assert len(ours) == len(DAYS)


def test_pro_bar_adjusts(pair: Twins, paying: str) -> None:
    plain, adjusted = (tushare.pro_bar(ts_code=paying, api=pair.ours, adj=adj, **WINDOW) for adj in ("qfq", "hfq"))
    assert (plain["close"] != adjusted["close"]).any()


def test_pro_bar_knows_indices(pair: Twins) -> None:
    theirs, ours = (
        tushare.pro_bar(ts_code="000300.SH", api=one, asset="I", **WINDOW) for one in (pair.source, pair.ours)
    )
    pd.testing.assert_frame_equal(ours, theirs)
    assert len(ours) == len(DAYS)


def test_the_names_that_pro_bar_vip_calls_are_answered(pair: Twins, paying: str) -> None:
    words = {"ts_code": paying, "api": pair.ours, "adj": "qfq", "factors": ["vr"], **WINDOW}
    pd.testing.assert_frame_equal(pro_bar_vip(**words), tushare.pro_bar(**words))


def test_pro_bar_says_what_is_not_kept(pair: Twins, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OSError, match="ERROR"):
        tushare.pro_bar(ts_code=CODES[0], api=pair.ours, freq="W", **WINDOW)
    assert "本站没有保存 weekly" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("api", "params"),
    [
        ("daily", {}),
        ("index_daily", {"trade_date": LAST}),
        ("income", {"period": "20241231"}),
        ("dividend", {}),
        ("daily", {"trade_date": LAST, "offset": 100_001}),
        ("daily", {"trade_date": "2025-06-18"}),
        ("daily", {"trade_date": LAST, "limit": "many"}),
        ("daily", {"trade_date": LAST, "limit": "9" * 5000}),
    ],
    ids=str,
)
def test_what_the_source_refuses_is_refused_in_its_words(pair: Twins, api: str, params: Params) -> None:
    refusals = []
    for one in (pair.source, pair.ours):
        with pytest.raises(Exception, match=r"\S") as refused:
            one.query(api, **params)
        refusals.append(str(refused.value))
    assert refusals[1] == refusals[0]


def test_a_program_written_for_the_sdk_runs_unchanged(pair: Twins, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tushare-interface`, which paces calls and tries again, as it comes from the registry."""
    monkeypatch.setenv("TUSHARE_TOKEN", TOKEN)  # which it reads when it is imported
    monkeypatch.setenv("TUSHARE_POINTS", "15000")
    from tushare_interface.tushare_interface import InterfaceTuShare

    answers = []
    for url in (pair.source._DataApi__http_url, pair.ours._DataApi__http_url):
        monkeypatch.setattr(tushare.pro.client.DataApi, "_DataApi__http_url", url)
        program = InterfaceTuShare()
        program.setRetry(0, 1)
        answers.append(program.query("income_vip", period="20241231", fields="ts_code,ann_date,revenue"))
    pd.testing.assert_frame_equal(answers[1], answers[0])
    assert len(answers[1])
