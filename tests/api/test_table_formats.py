"""All formats tell the same values, and say where they stand."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyarrow import ipc, parquet
from sqlalchemy import BigInteger, Date, DateTime, Numeric, Text, bindparam, column, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import make_url

from api import answers
from api.database import Database
from api.documents import Document
from api.encoders import encoded, encoder
from api.formats import Format
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx2

    from api.answers import Items

GIVEN = (("a", Text), ("b", Numeric), ("c", Date), ("d", DateTime(timezone=True)), ("e", BigInteger))
NAMES = tuple(name for name, _ in GIVEN)

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.text('\\",\n\r\t 茅N')
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=5)
DAYS = st.dates(date(1900, 1, 1), date(2999, 12, 31))
MOMENTS = st.integers(-(10**9), 4 * 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, SHANGHAI))
WHOLES = st.integers(-(2**53), 2**53)
ROWS = st.lists(st.tuples(*(st.none() | kind for kind in (TEXTS, NUMBERS, DAYS, MOMENTS, WHOLES))), max_size=6)
Row = tuple[Any, ...]

VALUES = (
    func.unnest(*(bindparam(name, type_=ARRAY(kind)) for name, kind in GIVEN))
    .table_valued(*(column(name, kind) for name, kind in GIVEN), with_ordinality="row")
    .render_derived(name="given")
)
QUERY = select(*(VALUES.c[name] for name in NAMES)).order_by(VALUES.c.row)
ALONE = select(VALUES.c.a).order_by(VALUES.c.row)
META: dict[str, Any] = {"units": {"b": "CNY"}, "rows": 1, "source": "tushare"}


@pytest.fixture(scope="module")
def written(database: str) -> Iterator[Callable[..., Items]]:
    """Copies rows out of PostgreSQL for a format."""
    with asyncio.Runner() as loop:
        pool = Database(make_url(database), 1)

        async def copy(rows: list[Row], form: Format, query: Any = QUERY) -> Items:
            values = {name: [row[place] for row in rows] for place, name in enumerate(NAMES)}
            async with pool.read() as connection:
                return await answers.copy(connection, query, values, form)

        yield lambda *asked: loop.run(copy(*asked))
        loop.run(pool.engine.dispose())


def whole(items: Items, names: tuple[str, ...] = NAMES) -> bytes:
    return encoded(Document("given", names, items.types, META), items.copied, items.form)


def in_json(row: Row) -> list[Any]:
    """A row as JSON tells it."""
    text, number, day, moment, count = row
    return [text, number, day and f"{day:%Y%m%d}", moment, count]


def of_json(body: bytes, form: Format) -> list[list[Any]]:
    """The rows of a JSON document."""
    told = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    assert (told["dataset"], told["fields"]) == ("given", list(NAMES))
    items = told["items"]
    if form is Format.ROWS:
        assert all(list(item) == list(NAMES) for item in items)
        items = [list(item.values()) for item in items]
    if form is Format.COLUMNS:
        assert list(items) == list(NAMES)
        items = [list(row) for row in zip(*items.values(), strict=True)]
    return [[*row[:3], row[3] and datetime.fromisoformat(row[3]), row[4]] for row in items]


def of_csv(body: bytes) -> list[list[Any]]:
    """The rows of a CSV document, as a reader that knows nothing of ours reads them; null and empty text are one to it."""
    head, *rows = csv.reader(io.StringIO(body.decode(), newline=""))
    assert head == list(NAMES)
    return [
        [a, Decimal(b) if b else None, c or None, datetime.fromisoformat(d) if d else None, int(e) if e else None]
        for a, b, c, d, e in rows
    ]


def of_arrow(body: bytes, form: Format) -> pa.Table:
    return ipc.open_stream(body).read_all() if form is Format.ARROW else parquet.read_table(pa.BufferReader(body))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
@example(rows=[("", None, None, None, None), (None, None, None, None, None), ("null", None, None, None, None)])
@example(rows=[('a\n"b', None, None, None, None), ("\n", Decimal("-0.1"), None, None, 1), ("\\.", None, None, None, 0)])
@example(rows=[])
def test_all_formats_tell_the_same_values(written: Callable[..., Items], rows: list[Row]) -> None:
    for form in (Format.JSON, Format.ROWS, Format.COLUMNS):
        assert of_json(whole(written(rows, form)), form) == [in_json(row) for row in rows]
    assert of_csv(whole(written(rows, Format.CSV))) == [[row[0] or "", *in_json(row)[1:]] for row in rows]
    for form in (Format.PARQUET, Format.ARROW):
        table = of_arrow(whole(written(rows, form)), form)
        assert [tuple(row.values()) for row in table.to_pylist()] == [
            (text, None if number is None else float(number), day, moment, count)
            for text, number, day, moment, count in rows
        ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.none() | TEXTS, max_size=6))
@example(texts=[None, "", None])
def test_a_column_alone_loses_no_null(written: Callable[..., Items], texts: list[str | None]) -> None:
    rows = [(text, None, None, None, None) for text in texts]
    for form in (Format.PARQUET, Format.ARROW):
        table = of_arrow(whole(written(rows, form, ALONE), ("a",)), form)
        assert table.column("a").to_pylist() == texts
    for form in (Format.JSON, Format.ROWS, Format.COLUMNS):
        items = json.loads(whole(written(rows, form, ALONE), ("a",)))["items"]
        told = (
            items["a"] if isinstance(items, dict) else [one["a"] if isinstance(one, dict) else one[0] for one in items]
        )
        assert told == texts


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, keep=st.integers(0, 6), form=st.sampled_from(Format))
def test_the_first_rows_are_cut_where_a_row_ends(
    written: Callable[..., Items], rows: list[Row], keep: int, form: Format
) -> None:
    assert written(rows, form).first(keep).copied == written(rows[:keep], form).copied


@pytest.mark.parametrize("form", Format)
def test_blocks_make_the_same_document_as_the_whole(written: Callable[..., Items], form: Format) -> None:
    rows = [(f"{place}", Decimal(place), date(2024, 1, 2), None, place) for place in range(9)]
    document = Document("given", NAMES, written(rows, form).types, META)
    writer = encoder(document, form)
    pieces = [writer.head(), *(writer.rows(written(rows[at : at + 3], form).copied) for at in (0, 3, 6)), writer.end()]
    body, at_once = b"".join(pieces), whole(written(rows, form))
    if form in {Format.ARROW, Format.PARQUET}:
        assert of_arrow(body, form).equals(of_arrow(at_once, form))
    else:
        assert body == at_once


@pytest.mark.parametrize(
    "text", ["1715.01", "0.1", "1158366.45", "116.7004", "5440082.512345678", "99999999999.9999", "0.30000000000000004"]
)
def test_float64_gives_the_decimal_back_that_was_stored(written: Callable[..., Items], text: str) -> None:
    table = of_arrow(whole(written([(None, Decimal(text), None, None, None)], Format.PARQUET)), Format.PARQUET)
    assert repr(table.column("b")[0].as_py()) == text


def test_arrow_names_types_units_and_where_the_answer_stands(client: httpx2.Client) -> None:
    asked = {"trade_date": "20240103", "format": "arrow"}
    response = client.get("/api/v1/daily", params=asked)
    schema = ipc.open_stream(response.content).schema
    assert [schema.field(name).type for name in ("ts_code", "trade_date", "close")] == [
        pa.string(),
        pa.date32(),
        pa.float64(),
    ]
    assert schema.field("vol").metadata == {b"unit": b"lot of 100 shares"}
    told = json.loads(schema.metadata[b"answer"])
    meta = client.get("/api/v1/daily", params={"trade_date": "20240103"}).json()["meta"]
    assert {**told["meta"], "as_of": None} == {**meta, "as_of": None}


TABLES = (
    ("/daily", {"trade_date": "20240103"}),
    ("/market", {}),
    ("/calendar", {"start": "20240101", "end": "20240105"}),
    ("/stocks", {}),
    ("/stocks/600519.SH/daily", {"adjust": "qfq"}),
    ("/stocks/600519.SH/statements/income", {}),
    ("/stocks/600519.SH/dividends", {}),
    ("/stocks/600519.SH/forecasts", {}),
    ("/stocks/600519.SH/disclosures", {}),
    ("/statements/income", {"period": "20231231", "limit": "1"}),
    ("/datasets/daily/coverage", {}),
    ("/datasets/daily/rows", {"limit": "3"}),
)


@pytest.mark.parametrize(("path", "asked"), TABLES)
def test_every_table_is_written_in_every_format(
    client: httpx2.Client, reports: str, path: str, asked: dict[str, str]
) -> None:
    def ask(form: str) -> httpx2.Response:
        return client.get(f"/api/v1{path}", params={**asked, "format": form}).raise_for_status()

    plain = client.get(f"/api/v1{path}", params=asked).json()
    assert ask("json").json()["items"] == plain["items"]
    assert [list(item.values()) for item in ask("rows").json()["items"]] == plain["items"]
    columns = ask("columns").json()["items"]
    assert [list(row) for row in zip(*columns.values(), strict=True)] == plain["items"]
    response = ask("csv")
    assert len(list(csv.reader(io.StringIO(response.text)))) == len(plain["items"]) + 1
    for name, value in plain["meta"].items():
        if isinstance(value, int):
            assert response.headers[f"x-{name.replace('_', '-')}"] == json.dumps(value)
    assert json.loads(response.headers["x-partitions"]) == plain["meta"]["partitions"]
    for form in (Format.PARQUET, Format.ARROW):
        assert of_arrow(ask(form).content, form).num_rows == len(plain["items"])


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("*/*", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("text/csv", "text/csv; charset=utf-8; header=present"),
        ("text/*", "text/csv; charset=utf-8; header=present"),
        ("text/csv, */*", "text/csv; charset=utf-8; header=present"),
        ("application/json;q=0.5, application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream"),
        ("application/json;q=0, */*", "text/csv; charset=utf-8; header=present"),
    ],
)
def test_accept_chooses_the_format(client: httpx2.Client, accept: str, media: str) -> None:
    response = client.get("/api/v1/calendar", headers={"Accept": accept})
    assert (response.status_code, response.headers["content-type"]) == (200, media)
    assert "Accept" in response.headers["vary"]


@pytest.mark.parametrize("accept", ["text/html", "application/xml;q=0.9", "text/csv;q=0", "nonsense", ";;q=x"])
def test_an_accept_that_allows_none_of_ours_is_a_problem(client: httpx2.Client, accept: str) -> None:
    response = client.get("/api/v1/calendar", headers={"Accept": accept})
    assert (response.status_code, response.json()["type"]) == (406, "/problems/not-acceptable")
    assert "text/csv" in response.json()["detail"]


def test_the_parameter_goes_before_accept_and_names_no_other_format(client: httpx2.Client) -> None:
    response = client.get("/api/v1/calendar", params={"format": "csv"}, headers={"Accept": "text/html"})
    assert response.headers["content-type"].startswith("text/csv")
    wrong = client.get("/api/v1/calendar", params={"format": "xlsx"}, headers={"Accept": "text/html"})
    assert (wrong.status_code, wrong.json()["type"]) == (422, "/problems/invalid-parameter")


def test_what_is_no_table_has_no_format(client: httpx2.Client) -> None:
    for path in ("/stocks/600519.SH", "/datasets", "/datasets/daily/holes", "/health"):
        assert client.get(f"/api/v1{path}", params={"format": "csv"}).status_code == 422
        assert client.get(f"/api/v1{path}", headers={"Accept": "text/html"}).status_code in {200, 503}
