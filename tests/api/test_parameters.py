"""What a route does not take is refused, with a sentence that says what it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from api.parameters import last_day

if TYPE_CHECKING:
    import httpx2


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("daily", "trade_date: is required"),
        ("daily?trade_date=", "takes a day as YYYYMMDD or YYYY-MM-DD"),
        ("daily?trade_date=2024-0102", "takes a day as YYYYMMDD or YYYY-MM-DD"),
        ("daily?trade_date=２０２４０１０２", "takes a day as YYYYMMDD or YYYY-MM-DD"),
        ("daily?trade_date=20240230", "20240230 is not a day of the calendar"),
        ("daily?trade_date=19901218", "from 1990-12-19 (the first session)"),
        (f"daily?trade_date={last_day().year + 1}0101", f"to {last_day()} are served"),
        ("daily?trade_date=20240102&trade_date=20240103", "trade_date: give it once"),
        ("stocks/600519.SH/daily?start=20240201&end=20240131", "start (2024-02-01) is after end (2024-01-31)"),
        ("stocks/600519.SH/daily?adjust=QFQ", "'none', 'qfq' or 'hfq'"),
        ("stocks/600519.SH/daily?adjust=hfq&adjust_as_of=20240102", "adjust_as_of goes with adjust=qfq"),
        (
            "stocks/600519.SH/daily?adjust=qfq&start=20240103&adjust_as_of=20240102",
            "is after adjust_as_of (2024-01-02)",
        ),
        (f"stocks?as_of={last_day():%Y%m%d}", "is still to come"),
        ("stocks?limit=0", "greater than or equal to 1"),
        ("stocks?limit=10001", "less than or equal to 10000"),
        ("stocks?offset=99999999999999999999", "less than or equal to 1000000"),
        ("stocks?list_status=X", "'L', 'D' or 'P'"),
        ("stocks?q=", "at least 1 character"),
        ("stocks?q=%00", "without control characters"),
        ("calendar?is_open=yes", "'0' or '1'"),
        ("datasets/daily/coverage?limit=1000&keys=10000", "limit × keys is above 500,000"),
    ],
)
def test_a_wrong_value_is_a_problem(client: httpx2.Client, path: str, words: str) -> None:
    response = client.get(f"/api/v1/{path}")
    assert (response.status_code, response.json()["type"]) == (422, "/problems/invalid-parameter"), response.text
    assert words in response.json()["detail"]


@pytest.mark.parametrize(
    ("path", "takes"),
    [
        ("health", "no parameters"),
        ("health/live", "no parameters"),
        ("health/ready", "no parameters"),
        ("health/startup", "no parameters"),
        ("datasets", "no parameters"),
        ("datasets/daily", "no parameters"),
        ("datasets/daily/coverage", "start, end, limit, offset, keys, format."),
        ("datasets/daily/rows", "start, end, fields, order, limit, cursor, trade_date, ts_code, format."),
        ("stocks", "as_of, list_status, exchange, market, industry, q, limit, offset, format."),
        ("stocks/600519.SH", "as_of."),
        ("stocks/600519.SH/daily", "start, end, adjust, adjust_as_of, format."),
        ("stocks/600519.SH/statements/income", "as_of, basis, restated, known, fields, periods, versions, format."),
        ("stocks/600519.SH/dividends", "as_of, by, format."),
        ("stocks/600519.SH/forecasts", "as_of, format."),
        ("stocks/600519.SH/disclosures", "as_of, format."),
        ("statements/income", "as_of, basis, restated, known, fields, period, limit, offset, format."),
        ("daily", "trade_date, format."),
        ("calendar", "start, end, is_open, format."),
    ],
)
def test_an_unknown_parameter_is_a_problem_that_names_it_and_those_there_are(
    client: httpx2.Client, path: str, takes: str
) -> None:
    response = client.get(f"/api/v1/{path}", params={"star": "20240102"})
    assert (response.status_code, response.json()["type"]) == (422, "/problems/unknown-parameter")
    assert f"'star' is no parameter of this route, which takes {takes}" in response.json()["detail"]
