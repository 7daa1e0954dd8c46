"""Research: what became of the newest day's reports, what the gate refused of them, what models cost today and may cost."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, time
from typing import TYPE_CHECKING

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.exporter.page import Values, gauge, single, statement
from stock_assistant_pipelines.research.booking import Budgets
from stock_assistant_pipelines.research.costs import By, costs, left
from stock_assistant_pipelines.research.report import Standing
from stock_assistant_pipelines.research.watchlist import ON_DEMAND
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client.metrics_core import Metric
    from sqlalchemy import Connection

    from stock_assistant_pipelines.exporter.reading import Reader
    from stock_assistant_pipelines.settings import Settings

WAITING = "waiting"
"""It is expected, and nothing was made of it yet."""
UNDER_WAY = "under way"

REPORTS = statement("reports")
REFUSALS = statement("refusals")


def read(reader: Reader, settings: Settings) -> Sequence[Metric]:
    """All that is told of research."""
    with reader.transaction() as connection:
        return [*_reports(connection), *_calls(connection), *_budgets(connection, settings)]


def _reports(connection: Connection) -> Iterator[Metric]:
    rows = connection.execute(REPORTS, {"on_demand": ON_DEMAND}).all()
    counts: Values = {(status,): 0 for status in (*Standing, WAITING)}
    counts.update({(row.status,): row.reports for row in rows})
    ids = [each for row in rows for each in row.ids or []]
    refused: Values = {(row.rule,): row.claims for row in connection.execute(REFUSALS, {"ids": ids})} if ids else {}
    midnight = datetime.combine(rows[0].trade_date, time(), SHANGHAI).timestamp() if rows else None
    yield single(
        "research_day_timestamp_seconds",
        "The newest day of which the watchlist expects reports: its midnight in Shanghai.",
        midnight,
    )
    yield gauge("research_reports", "Reports that are expected of it, by what became of them.", counts, "status")
    yield gauge(
        "research_claims",
        "Claims of these reports: those that are published, and those that the gate refused in the end.",
        {("published",): sum(row.published for row in rows), ("refused",): sum(row.refused for row in rows)},
        "outcome",
    )
    yield gauge("research_refused_claims", "The latter, by the rule that they break.", refused, "rule")


def _calls(connection: Connection) -> Iterator[Metric]:
    today = calendar.now().astimezone(SHANGHAI).date()
    calls: Values = {}
    tokens: defaultdict[tuple[str, ...], float] = defaultdict(float)
    spent: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for each in costs(connection, (By.MODEL, By.OUTCOME), since=today):
        model = (str(each.group["provider"]), str(each.group["model"]))
        calls[*model, str(each.group["outcome"] or UNDER_WAY)] = each.calls
        for kind in ("in", "out", "cached", "reasoning"):
            tokens[*model, kind] += getattr(each, f"tokens_{kind}")
        spent[model] += float(each.cost)
    labels = ("provider", "model")
    yield gauge("llm_today_calls", "Calls begun today, in Shanghai, by outcome.", calls, *labels, "outcome")
    yield gauge(
        "llm_today_tokens",
        "Tokens of them; those cached are of those in, those of reasoning of those out.",
        tokens,
        *labels,
        "kind",
    )
    yield gauge("llm_today_cost_cny", "What those cost that are over.", spent, *labels)


def _budgets(connection: Connection, settings: Settings) -> Iterator[Metric]:
    budgets = Budgets(settings.llm_budget_report, settings.llm_budget_day, settings.llm_budget_month)
    rest = left(connection, budgets, calendar.now())
    spent: Values = {(each.span,): float(each.spent) for each in rest}
    allowed: Values = {(each.span,): float(each.budget) for each in rest}
    yield gauge("llm_budget_used_cny", "What is spent or booked of the day and the month.", spent, "span")
    yield gauge("llm_budget_allowed_cny", "What may be.", allowed, "span")
