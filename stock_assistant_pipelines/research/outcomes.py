"""Outcomes: what a stock did in the trading days after its report, against index and industry, and what became of the stance.

A horizon is told once its last day has landed whole. What was told is told anew when rows that it was made of are corrected: an
outcome says of which revisions it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, Date, Integer, Text, and_, bindparam, func, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert

from stock_assistant_pipelines.research.aftermath import Stock, read_aftermath
from stock_assistant_pipelines.research.queries import query
from stock_assistant_pipelines.research.stances import HORIZONS, brier, came_true
from stock_assistant_pipelines.warehouse.landing import hold
from stock_assistant_pipelines.warehouse.tables import RESEARCH_OUTCOME, RESEARCH_REPORT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from sqlalchemy import Connection, Row, TextualSelect

    from stock_assistant_pipelines.research.aftermath import Aftermath

SOURCES: Mapping[str, Any] = {
    "prices": ["daily", "adj_factor", "suspend_d"],
    "index": "index_daily",
    "needed": ["daily", "adj_factor", "index_daily"],
}
"""The datasets that an outcome is made of, and those that have to be complete on its last day."""

REPORT, OUTCOME = RESEARCH_REPORT.c, RESEARCH_OUTCOME.c


@dataclass(frozen=True, slots=True)
class Made:
    """What became of the outcomes of one day's reports."""

    day: date
    reports: int
    """Reports of the day that said something."""
    told: int
    """Their outcomes of all horizons that can be told."""
    written: int
    """Of those, the ones that are new or say something else than before."""
    waits: Mapping[int, str]
    """The horizons that cannot be told yet, each with the reason."""


def make(connection: Connection, days: Sequence[date], *, at: datetime) -> list[Made]:
    """Tell how the reports of these days turned out, as far as can be told by now. Only outcomes that differ are written."""
    hold(connection, "telling outcomes")  # who waited sees what the other wrote
    # Before any price: a landing in between leaves outcomes that are outdated, and not outcomes that seem to be of it.
    found = connection.execute(_windows(), {"days": list(days), "horizons": list(HORIZONS), **SOURCES}).all()
    return [_make(connection, day, [row for row in found if row.day == day], at) for day in sorted(set(days))]


def due(connection: Connection, today: date) -> list[date]:
    """The days, oldest first, of whose reports an outcome can be told that was not, or was made of other rows."""
    said = select(REPORT.trade_date).where(REPORT.status != "failed", REPORT.trade_date < today)
    days = list(connection.execute(said.distinct()).scalars())
    window = _windows().subquery("horizon_of_day")
    holds = and_(
        OUTCOME.report_id == REPORT.id,
        OUTCOME.horizon == window.c.horizon,
        OUTCOME.end_date == window.c.end_date,
        OUTCOME.made_from == window.c.made_from,
    )
    found = (
        select(window.c.day)
        .join(RESEARCH_REPORT, REPORT.trade_date == window.c.day)
        .outerjoin(RESEARCH_OUTCOME, holds)
        .where(window.c.end_date <= today, window.c.lacking_at_end == [])
        .where(REPORT.status != "failed", OUTCOME.report_id.is_(None))
        .distinct()
        .order_by(window.c.day)
    )
    return list(connection.execute(found, {"days": days, "horizons": list(HORIZONS), **SOURCES}).scalars())


def _windows() -> TextualSelect:
    return text(query("windows")).columns(
        day=Date,
        horizon=Integer,
        end_date=Date,
        made_from=Text,
        lacking_at_begin=ARRAY(Text),
        lacking_at_end=ARRAY(Text),
    )


def _make(connection: Connection, day: date, windows: Sequence[Row[Any]], at: datetime) -> Made:
    told = [each for each in windows if each.end_date and not each.lacking_at_end]
    reports = connection.execute(text(query("reports")), {"day": day}).all()
    outcomes: list[dict[str, Any]] = []
    if reports and told:
        stocks = {row.id: Stock(row.ts_code, row.industry or None, row.delist_date) for row in reports}
        ends = [window.end_date for window in told]
        lacking = [api for api in told[0].lacking_at_begin if api != SOURCES["index"]]
        aftermath = read_aftermath(connection, list(stocks.values()), day, ends, lacking)
        outcomes = [
            _outcome(report, window, stocks[report.id], aftermath) | {"made_at": at}
            for report in reports
            for window in told
        ]
    columns = {name: [outcome[name] for outcome in outcomes] for name in _COLUMNS}
    written = connection.execute(_UPSERT, columns).all() if outcomes else ()
    return Made(day, len(reports), len(outcomes), len(written), _waits(day, windows))


def _waits(day: date, windows: Sequence[Row[Any]]) -> dict[int, str]:
    """The horizons that cannot be told yet, each with the reason."""
    if not windows:
        return dict.fromkeys(HORIZONS, f"{day} is no trading day of the calendar")
    return {
        each.horizon: f"{each.end_date} is not complete in {', '.join(each.lacking_at_end)}"
        if each.end_date
        else f"the calendar does not reach {each.horizon} trading days further"
        for each in windows
        if each.lacking_at_end or not each.end_date
    }


def _outcome(report: Row[Any], window: Row[Any], stock: Stock, aftermath: Aftermath) -> dict[str, Any]:
    """The row of one report and horizon. Whether it hit is told by the returns as they are kept, so that anybody can say it."""
    own = aftermath.of_stock(stock, window.end_date)
    index = aftermath.index[window.end_date]
    industry = aftermath.industries[stock.industry, window.end_date]
    hit = None
    if report.stance and own.value is not None and index.value is not None:
        hit = came_true(report.stance, own.value - index.value, window.horizon)
    judged = report.probability is not None and window.horizon == report.horizon
    return {
        "report_id": report.id,
        "horizon": window.horizon,
        "end_date": window.end_date,
        "return_pct": own.value,
        "index_pct": index.value,
        "industry_pct": industry.value,
        "hit": hit,
        "brier": brier(report.probability, hit) if judged and hit is not None else None,
        "lacks": "; ".join(each.lacks for each in (own, index, industry) if each.lacks) or None,
        "made_from": window.made_from,
    }


_COLUMNS = [column.name for column in OUTCOME]
_KEY = ["report_id", "horizon"]
_SAID = [name for name in _COLUMNS if name not in {*_KEY, "made_at"}]
_rows = func.unnest(*(bindparam(column.name, type_=ARRAY(column.type)) for column in OUTCOME))
_adding = insert(RESEARCH_OUTCOME).from_select(_COLUMNS, select(_rows.table_valued(*_COLUMNS).render_derived()))
_UPSERT = _adding.on_conflict_do_update(
    index_elements=_KEY,
    set_={name: _adding.excluded[name] for name in (*_SAID, "made_at")},
    where=tuple_(*(OUTCOME[name] for name in _SAID)).is_distinct_from(
        tuple_(*(_adding.excluded[name] for name in _SAID))
    ),
).returning(OUTCOME.report_id)
"""One array for each column: a statement with a parameter for each value takes longer to write than to carry out."""
