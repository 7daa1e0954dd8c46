"""Real rows, from the files into the tables."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from pydantic import SecretStr

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.columns import Type
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.sandbox.server import TOKEN, running
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.decode import compact
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.warehouse.coverage import Coverage

from walk import Walk

# Real rows


REAL = {"daily": 11, "adj_factor": 3, "daily_basic": 18}
"""Datasets of which whole days lie there, and how many columns they have."""
WHOLE_DAYS = [date(2025, 12, 18), date(2026, 4, 15)]
OF_THREE = [date(2025, 10, day) for day in (17, 20, 21, 22, 23)]
THREE = {"600519.SH", "000001.SZ", "300750.SZ"}


@dataclass(frozen=True)
class RealRows:
    """Real rows landed from a folder, and the files themselves."""

    walk: Walk
    entries: dict[str, dict[str, Coverage]]
    files: Path

    def lines(self, api: str, pattern: str = "*.csv") -> list[dict[str, str]]:
        """The lines of a dataset's files."""
        found = []
        for file in sorted((self.files / api).glob(pattern)):
            with file.open(encoding="utf-8-sig", newline="") as lines:
                found += list(csv.DictReader(lines))
        return found

    def of(self, api: str, day: date) -> dict[str, dict[str, Any]]:
        """The rows of a day by code, as they should be stored."""
        return {
            line["ts_code"]: {name: stored(api, name, line.get(name, "")) for name in CATALOG[api].fields}
            for line in self.lines(api)
            if line["trade_date"] == compact(day)
        }

    def listed(self, day: date) -> set[str]:
        """Who is listed on a day, according to the newest file of stocks."""
        key = compact(day)
        return {
            line["ts_code"]
            for line in self.lines("stock_basic", "listed_and_delisted_*.csv")
            if line["list_date"] <= key and not ("" < line["delist_date"] <= key)
        }


def stored(api: str, name: str, text: str) -> Any:
    """A text of a file as the database holds it: the very decimal, nothing for an empty one."""
    if not text:
        return None
    match CATALOG[api].by_name[name].type:
        case Type.NUMBER:
            return Decimal(text)
        case Type.DATE:
            return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007
        case _:
            return text


@pytest.fixture(scope="module")
def real(postgres: URL, real_rows: Path) -> Iterator[RealRows]:
    """The whole days, and five days of three stocks."""
    from sqlalchemy import create_engine

    from stock_assistant_pipelines.warehouse.embedded import conninfo

    now = datetime(2026, 4, 15, 20, 0, tzinfo=SHANGHAI)
    with psycopg.connect(conninfo(postgres), autocommit=True) as connection:
        connection.execute("CREATE DATABASE real_rows TEMPLATE template")
        engine = create_engine(postgres.set(drivername="postgresql+psycopg", database="real_rows"))
        with (
            running(data=real_rows, quota=False) as sandbox,
            Transport(SecretStr(TOKEN), sandbox.url, timeout=30) as transport,
        ):
            walk = Walk(Ingest(engine, transport, now=lambda: now), sandbox, [now])
            entries = {api: walk.land(api, *WHOLE_DAYS, *OF_THREE) for api in REAL}
            yield RealRows(walk, entries, real_rows)
        engine.dispose()
        connection.execute("DROP DATABASE real_rows WITH (FORCE)")


@pytest.mark.parametrize("day", WHOLE_DAYS + OF_THREE, ids=str)
@pytest.mark.parametrize("api", REAL)
def test_real_rows_are_stored_digit_by_digit(real: RealRows, api: str, day: date) -> None:
    assert {row["ts_code"]: row for row in real.walk.rows(api, day)} == real.of(api, day)


@pytest.mark.parametrize("day", WHOLE_DAYS + OF_THREE, ids=str)
@pytest.mark.parametrize("api", REAL)
def test_real_days_lack_exactly_what_the_files_lack(real: RealRows, api: str, day: date) -> None:
    entry = real.entries[api][day.isoformat()]
    lacking = real.listed(day) - real.of(api, day).keys()
    assert entry.missing_keys == tuple(sorted(lacking))
    lacks = Status.LATE if day == date(2026, 4, 15) else Status.PARTIAL  # it is the evening of that day
    assert entry.status is (lacks if lacking else Status.COMPLETE)
    assert entry.landed == len(real.of(api, day))


def test_the_real_days_of_three_stocks_hold_three(real: RealRows) -> None:
    assert {frozenset(real.walk.codes("daily", day)) for day in OF_THREE} == {frozenset(real.of("daily", OF_THREE[0]))}
    assert len(real.of("daily", OF_THREE[0])) == 3


def test_real_rows_are_marked_as_coming_from_a_folder(real: RealRows) -> None:
    assert {entry.source for entries in real.entries.values() for entry in entries.values()} == {"sandbox: folder"}
