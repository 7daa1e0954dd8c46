"""Laws: what rows of several days or datasets must agree on. Declared as data, with the SQL that names what breaks them.

A statement is given `:days`, the days to judge, and `:window`, those and the ones that they are compared with; all of them
are judged at once. It tells one row per finding: the day, what it is about (a code, a column, the market), what is told there,
and what was expected; where nobody can tell what to expect, that is null. `docs/checks.md` lists the laws.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import Date, Integer, String, bindparam, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY, array

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.expected import Listed
from stock_assistant_pipelines.catalog.grain import MARKET_OPENED
from stock_assistant_pipelines.catalog.rules import Severity
from stock_assistant_pipelines.warehouse.statement import sql
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import CTE, TextualSelect

    from stock_assistant_pipelines.catalog.dataset import Dataset

DAYS, WINDOW = (bindparam(name, type_=ARRAY(Date)) for name in ("days", "window"))


@dataclass(frozen=True, slots=True)
class Exemption:
    """Findings that are true: the law is broken there, and the rows are right."""

    reason: str
    first: date
    last: date
    subject: str | None = None
    """Whom it is about; None: everyone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Law:
    """What must hold between rows, and what it means when it does not."""

    id: str
    """Its number in the catalogue of checks."""
    name: str
    title: str
    severity: Severity
    reads: tuple[str, ...]
    """The trading-day datasets it reads: it is judged when one of them lands, on the days on which all of them are complete."""
    statement: TextualSelect
    snapshots: tuple[str, ...] = ()
    """The datasets without a time axis that it reads."""
    before: int = 0
    """How many trading days before a day must be complete as well."""
    back: int = 0
    """How many trading days before a day it looks at, where they are complete."""
    blames: str | None = None
    """Whose day is not believed when a law that blocks is broken."""
    look: str
    """How to look further."""
    exemptions: tuple[Exemption, ...] = ()


def _statement(name: str, *counted: CTE) -> TextualSelect:
    """The statement in `warehouse/sql/laws/NAME.sql`."""
    statement = text(sql(f"laws/{name}")).bindparams(DAYS)
    if ":window" in statement.text:
        statement = statement.bindparams(WINDOW)
    return statement.columns(trade_date=Date, subject=String, told=String, expected=String).add_cte(*counted)


def _filled(dataset: Dataset) -> CTE:
    """How many values of each column are not null, by day."""
    table = METADATA.tables[dataset.api]
    day = table.c[dataset.grain.value]
    return (
        select(
            day.label("trade_date"),
            func.count().label("rows"),
            array([literal(name, String) for name in dataset.values]).label("names"),
            array([func.count(table.c[name], type_=Integer) for name in dataset.values]).label("filled"),
        )
        .where(day == func.any(WINDOW))
        .group_by(day)
        .cte("counted")
    )


def _nulls(dataset: Dataset) -> Law:
    """The law about null values of a dataset's own columns."""
    return Law(
        id="C15",
        name="nulls",
        title="No column has more or fewer nulls than usual: within six deviations of the 60 trading days before.",
        severity=Severity.WARN,
        reads=(dataset.api,),
        statement=_statement("nulls", _filled(dataset)),
        before=20,
        back=60,
        look="select trade_date, count(*), count(COLUMN) from TABLE group by 1 order by 1 desc limit 61",
    )


LAWS = (
    Law(
        id="C05",
        name="limits",
        title="Every close is inside the price limits of its day, within a tick.",
        severity=Severity.WARN,
        reads=("daily", "stk_limit"),
        snapshots=("stock_basic",),
        statement=_statement("limits"),
        look="select * from daily join stk_limit using (trade_date, ts_code) where trade_date = DAY and ts_code = CODE",
    ),
    Law(
        id="C07",
        name="pre_close",
        title="Every pre_close is the close of the stock's last traded day × factor then / factor now, within a tick.",
        severity=Severity.WARN,
        reads=("daily", "adj_factor"),
        snapshots=("stock_basic",),
        statement=_statement("pre_close"),
        before=1,
        back=1,
        look="select * from daily_adjusted(CODE, DAY - 30, DAY, 'none') order by trade_date. Nearly every stock: "
        "one of the two days holds the rows of another: fetch both again",
        exemptions=(
            Exemption(
                "the source's factors of 2024-06-25 differ in the fourth decimal from the days around it",
                date(2024, 6, 25),
                date(2024, 6, 26),
            ),
        ),
    ),
    Law(
        id="C08",
        name="factors",
        title="Every stock that traded has a factor.",
        severity=Severity.BLOCK,
        reads=("daily", "adj_factor"),
        statement=_statement("factors"),
        blames="adj_factor",
        look="fetch the day of adj_factor again: stock-assistant holes adj_factor --fix",
        exemptions=(
            Exemption(
                "the code's first bearer, delisted in 2006: the source has no factor of it",
                date(2000, 7, 19),
                date(2006, 9, 25),
                "600018.SH",
            ),
        ),
    ),
    Law(
        id="C10",
        name="volume",
        title="A bar is without volume if, and only if, its stock is suspended for the whole day.",
        severity=Severity.WARN,
        reads=("daily", "suspend_d"),
        statement=_statement("volume"),
        look="select * from daily left join suspend_d using (trade_date, ts_code) where trade_date = DAY and ts_code = CODE",
    ),
    Law(
        id="C11",
        name="turnover",
        title="The market's turnover is within five times the median of the 20 trading days before.",
        severity=Severity.WARN,
        reads=("daily",),
        statement=_statement("turnover"),
        before=20,
        back=20,
        look="select trade_date, count(*), sum(amount) from daily group by 1 order by 1 desc limit 21; compare index_daily",
        exemptions=(
            Exemption("turnover rose and fell tenfold within days, time and again", MARKET_OPENED, date(2004, 12, 31)),
            Exemption("the highest turnover there ever was, after a holiday", date(2024, 10, 8), date(2024, 10, 9)),
        ),
    ),
    Law(
        id="C16",
        name="universe",
        title="No more than 0.5 % of the stocks come or go in a day without a listing or a delisting.",
        severity=Severity.WARN,
        reads=("adj_factor",),
        snapshots=("stock_basic",),
        statement=_statement("universe"),
        before=1,
        back=1,
        look="select * from stock_basic where ts_code = CODE: codes change, as Beijing's did; else fetch both days again",
    ),
    Law(
        id="C19",
        name="codes",
        title="No Beijing stock has bars under its old code and under 920… on one day.",
        severity=Severity.BLOCK,
        reads=("daily",),
        snapshots=("stock_basic",),
        statement=_statement("codes"),
        blames="daily",
        look="select ts_code, name, list_date, delist_date from stock_basic where ts_code in (CODES)",
    ),
    *(
        _nulls(dataset)
        for dataset in CATALOG.values()
        if dataset.partitioned and dataset.values and isinstance(dataset.expected, Listed)
    ),
)
"""The laws of the catalogue whose datasets exist."""


def of(dataset: Dataset) -> Iterator[Law]:
    """The laws that are judged when a dataset lands: those that read it."""
    return (law for law in LAWS if dataset.api in law.reads)
