"""Reading: the rows of reports, notes, claims and sheets, as they are told."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import zstandard
from sqlalchemy import BigInteger, any_, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, TEXT

from api import cursors, problems, sorting
from api.answers import moment
from api.problems import Problem
from api.reports.origins import address
from api.sorting import By
from stock_assistant_pipelines.research.editions import RULES, SANDBOX
from stock_assistant_pipelines.research.verdicts import Outcome
from stock_assistant_pipelines.warehouse.tables import (
    COVERAGE,
    LLM_CALL,
    RESEARCH_CLAIM,
    RESEARCH_NOTE,
    RESEARCH_OUTCOME,
    RESEARCH_REPORT,
    RESEARCH_SHEET,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from api.reports.models import Row
    from api.reports.parameters import Reports

LABEL = "rules, not a model"

WHOLE = ("markdown", "sha256", "run_id")
"""What a list of reports leaves out."""
SUMMARY = [column for column in RESEARCH_REPORT.c if column.name not in WHOLE]
RULES_NOTED = (
    select(RESEARCH_NOTE)
    .where(
        RESEARCH_NOTE.c.report_id == RESEARCH_REPORT.c.id,
        (RESEARCH_NOTE.c.provider == SANDBOX) | (RESEARCH_NOTE.c.model == RULES),
    )
    .exists()
    .label("rules_noted")
)
"""Whether the sandbox wrote a note of a report, whoever was to be asked first."""
FIRST = "synthesis"
"""The expert whose note is told first; the others as they wrote."""


async def page(connection: AsyncConnection, asked: Reports) -> tuple[list[Row], str | None]:
    """The reports that are asked for, and the cursor of the page that follows."""
    table, order = RESEARCH_REPORT.c, _order(descending=asked.order == "desc")
    where = [table[name] == value for name, value in asked.chosen.items()]
    where += [table.trade_date >= asked.start] if asked.start else []
    where += [table.trade_date <= asked.end] if asked.end else []
    values: dict[str, Any] = {}
    if asked.cursor:
        kinds = [(by.column.type.python_type, False) for by in order]
        after = cursors.read(asked.identity, asked.cursor, kinds)
        values = {f"after_{place}": value for place, value in enumerate(after)}
        where.append(sorting.after(order, [False] * len(order)))
    query = (
        select(*SUMMARY, RULES_NOTED).where(*where).order_by(*(by.expression for by in order)).limit(asked.limit + 1)
    )
    found = (await connection.execute(query, values)).mappings().all()
    shown = found[: asked.limit]
    more = len(found) > len(shown)
    cursor = cursors.write(asked.identity, [shown[-1][by.column.name] for by in order]) if more else None
    return [_summary(row) for row in shown], cursor


def _order(*, descending: bool) -> tuple[By, ...]:
    """By day; of a day by stock, and of a stock the newest made first."""
    table = RESEARCH_REPORT.c
    return By(table.trade_date, descending), By(table.ts_code), By(table.made_at, descending=True), By(table.id)


async def report(connection: AsyncConnection, report_id: str) -> Row:
    """A report's own row. Raises a problem that says what to do where there is none."""
    query = select(RESEARCH_REPORT, RULES_NOTED).where(RESEARCH_REPORT.c.id == report_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is not None:
        return _summary(row)
    begun = select(RESEARCH_NOTE).where(RESEARCH_NOTE.c.report_id == report_id).exists()
    if await connection.scalar(select(begun)):
        detail = f"The report {report_id!r} is being written, or waits for its budget. Ask again later."
        raise Problem(problems.NOT_WRITTEN, detail, report_id=report_id)
    raise unknown(report_id)


def unknown(report_id: str) -> Problem:
    """There is no such report."""
    detail = (
        f"There is no report {report_id[:40]!r}. An id is stock, day and ten digits, such as 600519.SH-20240103-1a2b3c4d5e; "
        f"take one from /reports, which takes ts_code and trade_date."
    )
    return Problem(problems.UNKNOWN_REPORT, detail)


async def notes(connection: AsyncConnection, report_id: str) -> list[Row]:
    """What each expert said: what is published, and what the evidence does not support. Who abstained has nothing published."""
    said = await claims(connection, report_id)
    query = select(RESEARCH_NOTE).where(RESEARCH_NOTE.c.report_id == report_id)
    order = (RESEARCH_NOTE.c.expert != FIRST, RESEARCH_NOTE.c.made_at, RESEARCH_NOTE.c.expert)
    return [
        {
            **_picked(row, "expert", "status", "reason", "provider", "model", "prompt_sha256", "strangers"),
            "label": label(row["provider"], row["model"]),
            "made_at": moment(row["made_at"]),
            "claims": [
                each
                for each in said
                if each["expert"] == row["expert"] and each["held"] and row["status"] != Outcome.ABSTAINED
            ],
            "dropped": [each for each in said if each["expert"] == row["expert"] and not each["held"]],
        }
        for row in (await connection.execute(query.order_by(*order))).mappings()
    ]


async def claims(connection: AsyncConnection, report_id: str) -> list[Row]:
    """Every claim, expert by expert, in the order in which they were made."""
    table = RESEARCH_CLAIM.c
    order = (table.expert != FIRST, table.expert, table.ordinal, table.place)
    query = select(RESEARCH_CLAIM).where(table.report_id == report_id).order_by(*order)
    names = [column.name for column in RESEARCH_CLAIM.c if column.name != "report_id"]
    found = (await connection.execute(query)).mappings().all()
    return [{**_picked(row, *names), "spans": [_span(one) for one in row["spans"]]} for row in found]


def _span(told: Mapping[str, Any]) -> Row:
    value = told["value"]
    return {**told, "value": None if value is None else Decimal(value)}


async def outcomes(connection: AsyncConnection, report_id: str) -> list[Row]:
    """How it turned out, the shortest horizon first."""
    table = RESEARCH_OUTCOME.c
    query = select(RESEARCH_OUTCOME).where(table.report_id == report_id).order_by(table.horizon)
    names = [column.name for column in table if column.name not in {"report_id", "made_from", "made_at"}]
    return [_picked(row, *names) for row in (await connection.execute(query)).mappings()]


async def cost(connection: AsyncConnection, report_id: str) -> Row:
    """What the calls for it came to."""
    tokens = ("tokens_in", "tokens_cached", "tokens_out")
    sums = [cast(func.sum(LLM_CALL.c[name]), BigInteger).label(name) for name in tokens]
    query = select(func.count().label("calls"), func.sum(LLM_CALL.c.cost_cny).label("cost_cny"), *sums)
    return dict((await connection.execute(query.where(LLM_CALL.c.report_key == report_id))).mappings().one())


async def sheet(connection: AsyncConnection, sha256: str | None, prefix: str) -> tuple[list[Row], dict[str, str]]:
    """The items of a sheet, each origin with where its row stands, and what is missing."""
    if sha256 is None:
        return [], {}
    query = select(RESEARCH_SHEET.c.document).where(RESEARCH_SHEET.c.sha256 == sha256)
    packed = (await connection.execute(query)).scalar_one()
    document = msgspec.json.decode(zstandard.decompress(packed))
    return [_item(item, prefix) for item in document["items"]], document["missing"]


def _item(told: Row, prefix: str) -> Row:
    origins = [
        {**each, "href": address(prefix, each["dataset"], each["key"], each["column"])} for each in told["origins"]
    ]
    value = told["value"]
    return {**told, "value": None if value is None else Decimal(value), "origins": origins}


async def source(connection: AsyncConnection, days: Iterable[date]) -> str | None:
    """Who told the bars of these days: the sandbox's figures are made up, and so is what is written of them."""
    keys = literal(sorted({day.isoformat() for day in days}), ARRAY(TEXT))
    query = (
        select(COVERAGE.c.source).distinct().where(COVERAGE.c.dataset == "daily", COVERAGE.c.partition == any_(keys))
    )
    return "; ".join(sorted(filter(None, await connection.scalars(query)))) or None


def label(provider: str | None, model: str | None) -> str | None:
    """What has to be said of who wrote it."""
    return LABEL if provider == SANDBOX or model == RULES else None


def _summary(row: RowMapping) -> Row:
    told = {name: value for name, value in row.items() if name != RULES_NOTED.name}
    by = LABEL if row[RULES_NOTED.name] else label(row["provider"], row["model"])
    return {**told, "label": by, "made_at": moment(row["made_at"])}


def _picked(row: RowMapping, *names: str) -> Row:
    return {name: row[name] for name in names}
