"""The law of outcomes: in whichever order days land and are corrected, what is told in the end is the same."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from evidence_market import MAIN, PAST, PEERS, book, change, put
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_reports import AT, report, revise
from sqlalchemy import select

from stock_assistant_pipelines.research.outcomes import due, make
from stock_assistant_pipelines.warehouse.tables import METADATA, RESEARCH_OUTCOME

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy import Connection

DAYS = PAST[-20:-13]
"""The report's day, and six more: two horizons end in them."""
HALT = DAYS[4:]
"""The main stock is suspended then: its last close is of a day that no horizon ends on."""
DATASETS = ("daily", "adj_factor", "index_daily")
LANDINGS = [(api, day) for api in DATASETS for day in DAYS]


@given(st.permutations([*LANDINGS, *LANDINGS]), st.sets(st.integers(len(LANDINGS), 2 * len(LANDINGS) - 1), max_size=4))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_landings_and_corrections_decides_nothing(
    market: Connection, order: list[tuple[str, date]], telling: set[int]
) -> None:
    """Each day lands twice, first with other rows; a few times what is due is told in between."""
    with market.begin_nested() as savepoint:
        lasting = take(market)
        for number, code in enumerate(PEERS):
            report(market, code, DAYS[0], horizon=5, stance=("outperform", "neutral", "underperform")[number % 3])
        seen: set[tuple[str, date]] = set()
        for number, landing in enumerate(order):
            land(market, *landing, lasting[landing], final=landing in seen)
            seen.add(landing)
            if number in telling:
                make(market, due(market, PAST[-1]), at=AT)
        make(market, due(market, PAST[-1]), at=AT)
        assert due(market, PAST[-1]) == []
        found = told(market)
        change(market, "DELETE FROM research_outcome")
        make(market, [DAYS[0]], at=AT + timedelta(days=1))
        assert len(found) == 2 * len(PEERS)
        assert found == told(market)
        savepoint.rollback()


def take(market: Connection) -> dict[tuple[str, date], list[dict[str, Any]]]:
    """Take the days out of the tables, to be landed again."""
    change(market, "DELETE FROM daily WHERE ts_code = :main AND trade_date = ANY(:halt)", halt=HALT)
    put(market, "suspend_d", *({"ts_code": MAIN, "trade_date": day, "suspend_type": "S"} for day in HALT))
    rows = {}
    for api, day in LANDINGS:
        table = METADATA.tables[api]
        found = market.execute(select(table).where(table.c.trade_date == day)).mappings()
        rows[api, day] = [dict(row) for row in found]
        change(market, f"DELETE FROM {api} WHERE trade_date = :on", on=day)
        change(market, "DELETE FROM coverage WHERE dataset = :api AND partition = :on", api=api, on=day.isoformat())
    return rows


def land(market: Connection, api: str, day: date, rows: list[dict[str, Any]], *, final: bool) -> None:
    """Land a day: at last as it is, before that with every second figure wrong."""
    column = "adj_factor" if api == "adj_factor" else "close"
    change(market, f"DELETE FROM {api} WHERE trade_date = :on", on=day)
    wrong = [{**row, column: row[column] * 2} if number % 2 == 0 else row for number, row in enumerate(rows)]
    put(market, api, *(rows if final else wrong))
    book(market, api, day.isoformat())
    revise(market, api, day, f"{api} {day} {final}")


def told(market: Connection) -> list[Any]:
    columns = [column for column in RESEARCH_OUTCOME.c if column.name != "made_at"]
    return [tuple(row) for row in market.execute(select(*columns).order_by(*columns[:2]))]
