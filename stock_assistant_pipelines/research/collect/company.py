"""The company: what it was called, where it is listed, what it is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.collect.draft import Label, end_of
from stock_assistant_pipelines.research.collect.ground import INDEX, INDEX_NAME, Ground
from stock_assistant_pipelines.research.collect.rows import read
from stock_assistant_pipelines.research.evidence import Origin, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sqlalchemy import Connection

    from stock_assistant_pipelines.research.collect.draft import Part


class UnknownStock(LookupError):
    """A code that no stock bears."""


@dataclass(frozen=True, slots=True)
class Company:
    """A stock, as far as the day knew it; `industry` and `market` are only known as they are now."""

    ts_code: str
    name: str
    named: date | None
    """Since when it bore the name; None where only the present one is known."""
    industry: str | None
    market: str | None
    list_date: date | None
    delist_date: date | None
    """None while it is listed on the day, whatever came later."""


def read_companies(connection: Connection, codes: Sequence[str], day: date) -> Mapping[str, Company]:
    """The stocks of these codes that there are."""
    return {
        row["ts_code"]: Company(
            ts_code=row["ts_code"],
            name=row["name"] or row["name_now"] or row["ts_code"],
            named=row["start_date"] if row["name"] else None,
            industry=row["industry"],
            market=row["market"],
            list_date=row["list_date"],
            delist_date=row["delist_date"] if row["delist_date"] and row["delist_date"] <= day else None,
        )
        for row in read(connection, "company", codes=list(codes), day=day)
    }


def collect(part: Part, company: Company, ground: Ground) -> None:
    """The items of the company."""
    stock = {"ts_code": company.ts_code}
    if company.named:
        origin = Origin("namechange", {**stock, "start_date": company.named.isoformat(), "name": company.name}, "name")
        part.text("name", Label("Name", "名称"), company.name, known_at=end_of(company.named), origins=[origin])
    else:
        label = Label("Name as known now", "名称（现时资料）")
        part.text("name", label, company.name, known_at=ground.end, origins=[Origin("stock_basic", stock, "name")])
    for name, text, label in (
        ("industry", company.industry, Label("Industry as known now", "所属行业（现时资料）")),
        ("market", company.market, Label("Board as known now", "上市板块（现时资料）")),
    ):
        part.text(name, label, text, known_at=ground.end, origins=[Origin("stock_basic", stock, name)])
    if not company.industry:
        part.lacks("industry", "stock_basic names no industry of this stock")
    _collect_listing(part, company, ground)
    origin = Origin("index_daily", {"ts_code": INDEX}, "ts_code")
    part.text("index", Label("Measured against", "比较基准"), INDEX_NAME, known_at=ground.end, origins=[origin])


def _collect_listing(part: Part, company: Company, ground: Ground) -> None:
    stock = {"ts_code": company.ts_code}
    day, column = company.delist_date or company.list_date, "delist_date" if company.delist_date else "list_date"
    if company.list_date and company.list_date <= ground.day:
        origin = Origin("stock_basic", stock, "list_date")
        known_at, listed = end_of(company.list_date), company.list_date.isoformat()
        label = Label("Day of listing", "上市日期")
        part.text("list_date", label, listed, known_at=known_at, origins=[origin], unit=Unit.DATE)
    if day is None or day > ground.day:
        part.lacks("list_date", "it is not listed by this day")
        return
    status = "已退市" if company.delist_date else "上市"
    part.text(
        "status",
        Label("Status", "上市状态"),
        status,
        known_at=end_of(day),
        origins=[Origin("stock_basic", stock, column)],
    )
