"""Files as they are: digits kept, gaps null, days united, the newest snapshot completed by older ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.sandbox.folder import newness
from stock_assistant_pipelines.sandbox.server import running

from .conftest import NOW, Client

if TYPE_CHECKING:
    from collections.abc import Iterator


def serve(folder: Path) -> Iterator[Client]:
    with running(data=folder, now=NOW, quota=False) as sandbox, httpx2.Client(timeout=20, trust_env=False) as http:
        yield Client(sandbox, http)


@pytest.fixture(scope="module")
def real(real_data: Path) -> Iterator[Client]:
    yield from serve(real_data)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "daily/a_20250102.csv": "ts_code,trade_date,close,vol\n000001.SZ,20250102,10.50,1e3\n000002.SZ,20250102,,\n",
        "daily/b_20250103.csv": "ts_code,trade_date,close,vol\n000001.SZ,20250103,11,2\n000001.SZ,20250102,10.99,3\n",
        "stock_basic/listed_202501.csv": "ts_code,name,market\n000001.SZ,Old,主板\n000009.SZ,Gone,主板\n",
        "stock_basic/listed_20250301.csv": "ts_code,name,status\n000001.SZ,New,L\n000003.SZ,Left,D\n",
        "trade_cal/sse.csv": "cal_date,is_open\n20250102,1\n20250103,1\n20250104,0\n",
        "fina_indicator/a.csv": "ts_code,ann_date,end_date,eps,update_flag\n000001.SZ,20240420,20240331,0.5,0\n"
        "000001.SZ,20240420,20240331,0.50,1\n000002.SZ,20240427,20240331,,1\n000001.SZ,20240820,20240630,1.1,1\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def small(folder: Path) -> Iterator[Client]:
    yield from serve(folder)


def test_the_header_says_that_rows_come_from_a_folder(small: Client) -> None:
    assert small.post("daily", trade_date="20250102").headers["X-Stock-Assistant-Sandbox"] == "folder"


def test_numbers_keep_their_digits_and_gaps_are_null(small: Client) -> None:
    text = small.post("daily", "ts_code,close,vol,open", trade_date="20250103").text
    assert '["000001.SZ",11,2,null]' in text
    rows = small.rows("daily", "ts_code,close", trade_date="20250102")
    assert rows[1] == {"ts_code": "000002.SZ", "close": None}


def test_days_are_united_by_key_and_the_newer_file_goes_first(small: Client) -> None:
    assert [row["close"] for row in small.rows("daily", "close", ts_code="000001.SZ")] == [11, 10.99]


def test_the_newest_snapshot_is_served_and_completed_by_older_ones(small: Client) -> None:
    rows = small.rows("stock_basic", "ts_code,name,list_status,market", list_status="L,D")
    assert [list(row.values()) for row in rows] == [["000001.SZ", "New", "L", "主板"], ["000003.SZ", "Left", "D", None]]


def test_the_default_filter_holds_where_the_files_have_the_column(small: Client) -> None:
    assert [row["ts_code"] for row in small.rows("stock_basic")] == ["000001.SZ"]


def test_a_filter_on_a_column_that_the_files_lack_is_ignored(small: Client) -> None:
    rows = small.rows("trade_cal", exchange="SSE", start_date="20250103")
    assert [(row["exchange"], row["cal_date"], row["is_open"]) for row in rows] == [
        (None, "20250104", 0),
        (None, "20250103", 1),
    ]


def test_a_dataset_without_files_has_columns_and_no_rows(small: Client) -> None:
    data = small.data("namechange")
    assert (data["items"], data["has_more"]) == ([], False)
    assert data["fields"] == list(CATALOG["namechange"].fields)


def test_faults_work_on_files_too(small: Client) -> None:
    small.sandbox.inject("stale:api=daily")
    rows = small.rows("daily", "ts_code,trade_date,close", trade_date="20250103")
    assert [list(row.values()) for row in rows] == [["000001.SZ", "20250103", 10.99], ["000002.SZ", "20250103", None]]


def test_rows_of_a_period_are_versions_and_all_of_them_are_served(small: Client) -> None:
    fields = "ts_code,end_date,eps,update_flag"
    rows = [list(row.values()) for row in small.rows("fina_indicator", fields, ts_code="000001.SZ")]
    assert rows == [
        ["000001.SZ", "20240630", 1.1, "1"],
        ["000001.SZ", "20240331", 0.5, "0"],
        ["000001.SZ", "20240331", 0.5, "1"],
    ]
    whole = small.rows("fina_indicator_vip", fields, period="20240331")
    assert [(row["ts_code"], row["update_flag"]) for row in whole] == [
        ("000001.SZ", "0"),
        ("000001.SZ", "1"),
        ("000002.SZ", "1"),
    ]
    assert (
        len(small.rows("fina_indicator", fields, ts_code="000001.SZ", start_date="20240401", end_date="20240630")) == 1
    )


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("listed_202601.csv", "listed_20260304.csv"),
        ("listed_all_17_fields_202506.csv", "listed_202601.csv"),
        ("x.csv", "x_202001.csv"),
    ],
)
def test_files_are_ordered_by_the_date_in_their_name(older: str, newer: str) -> None:
    assert newness(Path(older)) < newness(Path(newer))


@pytest.mark.parametrize(("day", "count"), [("20251218", 5449), ("20260415", 5473)])
def test_a_real_market_day_is_served_whole(real: Client, day: str, count: int) -> None:
    assert len(real.rows("daily", trade_date=day)) == count


def test_real_numbers_pass_digit_by_digit(real: Client, real_data: Path) -> None:
    line = (real_data / "daily" / "market_20251218.csv").read_text(encoding="utf-8").splitlines()[1]
    code, day, *numbers = line.split(",")
    assert f'["{code}","{day}",{",".join(numbers)}]' in real.post("daily", trade_date=day, ts_code=code).text


def test_real_limits_are_cut_at_the_documented_cap(real: Client) -> None:
    data = real.data("stk_limit", trade_date="20251219")
    rest = real.data("stk_limit", trade_date="20251219", offset=len(data["items"]))
    assert (len(data["items"]), data["has_more"], len(rest["items"]), rest["has_more"]) == (5800, True, 1596, False)


def test_real_stocks_are_the_newest_file_with_columns_from_the_older(real: Client) -> None:
    listed = real.rows("stock_basic", "ts_code,list_status,market")
    delisted = real.rows("stock_basic", list_status="D")
    assert (len(listed), len(delisted)) == (5486, 320)
    assert sum(row["market"] is not None for row in listed) > 5000


def test_a_real_index_is_cut_like_the_real_answer(real: Client) -> None:
    assert len(real.rows("index_daily", ts_code="000001.SH")) == 8000


def test_real_indicators_are_served_by_period(real: Client) -> None:
    rows = real.rows("fina_indicator", "ts_code,ann_date,end_date,eps", ts_code="600519.SH", period="20250630")
    assert rows[0] == {"ts_code": "600519.SH", "ann_date": "20250813", "end_date": "20250630", "eps": 36.18}
