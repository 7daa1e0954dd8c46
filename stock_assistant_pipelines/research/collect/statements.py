"""Statements: the last eight quarters that were known on the day, single and over twelve months, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.collect.draft import Label, period_of
from stock_assistant_pipelines.research.evidence import Origin, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import RowMapping

    from stock_assistant_pipelines.research.collect.draft import Part
    from stock_assistant_pipelines.research.collect.ground import Ground

QUARTERS = 8
"""How many are told."""

FLOWS = {
    "revenue": ("income", Label("Operating revenue", "营业收入")),
    "operate_profit": ("income", Label("Operating profit", "营业利润")),
    "n_income_attr_p": ("income", Label("Net profit attributable to the parent's owners", "归母净利润")),
    "n_cashflow_act": ("cashflow", Label("Net cash flow from operating activities", "经营活动现金流量净额")),
}
"""What is told of every quarter, single and over twelve months: column, its table, its name."""
YEARLY = {
    "oper_cost": ("income", Label("Operating costs", "营业成本")),
    "n_income": ("income", Label("Net profit, minority interests included", "净利润（含少数股东损益）")),
    "rd_exp": ("income", Label("Research and development expenses", "研发费用")),
    "c_pay_acq_const_fiolta": ("cashflow", Label("Cash paid for long-term assets", "购建长期资产支付的现金")),
}
"""What is told over twelve months to the newest quarter and to the same one a year before."""
STOCKS = {
    "money_cap": Label("Cash and bank balances", "货币资金"),
    "total_assets": Label("Total assets", "资产总计"),
    "total_liab": Label("Total liabilities", "负债合计"),
    "total_hldr_eqy_exc_min_int": Label("Equity attributable to the parent's owners", "归母股东权益"),
}
INDICATORS = {
    "interestdebt": (Label("Interest-bearing debt", "带息债务"), Unit.CNY),
    "roe": (Label("Return on equity", "净资产收益率"), Unit.PERCENT),
    "roe_dt": (Label("Return on equity without non-recurring items", "扣非净资产收益率"), Unit.PERCENT),
    "grossprofit_margin": (Label("Gross profit margin", "销售毛利率"), Unit.PERCENT),
    "netprofit_margin": (Label("Net profit margin", "销售净利率"), Unit.PERCENT),
    "current_ratio": (Label("Current ratio", "流动比率"), Unit.TIMES),
}
KINDS = {
    "quarter": (Label("single quarter", "单季"), FLOWS),
    "ttm": (Label("twelve months", "TTM"), {**FLOWS, **YEARLY}),
}
"""The two ways in which a flow is told."""


@dataclass(frozen=True)
class Filed:
    """What was read of one stock: rows by report period, of each table and derived function."""

    rows: Mapping[str, Mapping[date, RowMapping]]
    told: Sequence[RowMapping] = field(default=())
    """What figures were told to be, of those that were told in more ways than one, in the order in which it became known."""

    def of(self, name: str, period: date) -> RowMapping | None:
        """The row of a period; None where it was not known."""
        return self.rows.get(name, {}).get(period)

    @property
    def periods(self) -> tuple[date, ...]:
        """The quarters that are told, the newest first: eight in a row up to the newest known one."""
        known = [period for period in self.rows.get("income", {}) if ends_quarter(period)]
        return tuple(back(max(known), count) for count in range(QUARTERS)) if known else ()


def ends_quarter(day: date) -> bool:
    """Whether a quarter ends on this day."""
    return day.month % 3 == 0 and (day + timedelta(1)).day == 1


def back(period: date, quarters: int) -> date:
    """The end of the quarter so many quarters before."""
    months = period.year * 12 + period.month - 3 * quarters
    return date(months // 12, months % 12 + 1, 1) - timedelta(1)


def collect(part: Part, ground: Ground, filed: Filed) -> None:
    """The items of statements."""
    periods = filed.periods
    if not periods:
        landed = "income" in ground.landed
        part.lacks("statements", "no statement of three years was known" if landed else "income has not landed")
        return
    newest, year_ago = periods[0], back(periods[0], 4)
    for kind, (label, columns) in KINDS.items():
        for column, (api, name) in columns.items():
            told = periods if column in FLOWS else (newest, year_ago)
            _collect_flow(
                part, filed, api, column, kind, Label(f"{name.en}, {label.en}", f"{name.zh}（{label.zh}）"), told
            )
    _collect_margins(part, (newest, year_ago))
    for period in (newest, year_ago):
        _collect_balance(part, filed, period)
        _collect_indicators(part, filed, period)
    _collect_yearly_change(part, newest, year_ago)
    _collect_restated(part, filed)
    for api, known in (("balancesheet", "total_assets"), ("fina_indicator", "roe")):
        if f"{known}.{period_of(newest)}" not in part.draft.items:
            landed = api in ground.landed
            part.lacks(api, f"none of {period_of(newest)} was known" if landed else f"{api} has not landed")


def _collect_flow(
    part: Part, filed: Filed, api: str, column: str, kind: str, label: Label, periods: Sequence[date]
) -> None:
    """One flow, each of the periods, and its growth on the same quarter a year before."""
    unknown = []
    for period in periods:
        row = filed.of(f"{api}_{kind}", period)
        if row is None or row[column] is None:
            unknown.append(period_of(period))
            continue
        part.value(
            f"{column}.{period_of(period)}.{kind}",
            label,
            row[column],
            Unit.CNY,
            known_at=row["known_at"],
            origins=_parts(filed, api, column, kind, period),
            period=f"{period_of(period)}.{kind}",
            derivation=kind,
        )
    if unknown and column in FLOWS:
        part.lacks(f"{column}.{kind}", f"not told, or a part of it was not known, for {', '.join(unknown)}")
    for period in periods:
        name = f"{column}.{period_of(period)}.{kind}"
        before = f"{column}.{period_of(back(period, 4))}.{kind}"
        part.derive(f"{name}.yoy", Label(f"{label.en}, on a year before", f"{label.zh}同比"), "yoy", name, before)


def _parts(filed: Filed, api: str, column: str, kind: str, period: date) -> tuple[Origin, ...]:
    """The statements that a quarter, or twelve months, is made of."""
    quarter = period.month // 3
    if kind == "quarter":
        parts = [period] if quarter == 1 else [period, back(period, 1)]
    else:
        parts = [period] if quarter == 4 else [period, back(period, quarter), back(period, 4)]
    rows = [row for each in parts if (row := filed.of(api, each)) is not None]
    return tuple(_origin(api, row, column) for row in rows)


def _origin(api: str, row: RowMapping, column: str) -> Origin:
    key = {"ts_code": row["ts_code"], "end_date": row["end_date"].isoformat()}
    if "report_type" in row:
        key["report_type"] = row["report_type"]
    return Origin(api, key, column)


def _collect_margins(part: Part, periods: Sequence[date]) -> None:
    for period in (period_of(each) for each in periods):
        revenue, profit = f"revenue.{period}.ttm", f"n_income_attr_p.{period}.ttm"
        gross = f"gross_profit.{period}.ttm"
        label = Label("Revenue less operating costs, twelve months", "营业收入减营业成本（TTM）")
        part.derive(gross, label, "difference", revenue, f"oper_cost.{period}.ttm")
        for name, function, above, below, label in (
            ("gross_margin", "share", gross, revenue, Label("Gross margin, twelve months", "毛利率（TTM）")),
            ("net_margin", "share", profit, revenue, Label("Net margin, twelve months", "归母净利率（TTM）")),
            (
                "cash_to_profit",
                "ratio",
                f"n_cashflow_act.{period}.ttm",
                f"n_income.{period}.ttm",
                Label(
                    "Operating cash flow as a multiple of net profit, twelve months",
                    "经营现金流相当于净利润的倍数（TTM）",
                ),
            ),
            (
                "rd_share",
                "share",
                f"rd_exp.{period}.ttm",
                revenue,
                Label("Research and development as a share of revenue, twelve months", "研发费用占营收比例（TTM）"),
            ),
        ):
            part.derive(f"{name}.{period}.ttm", label, function, above, below)


def _collect_balance(part: Part, filed: Filed, period: date) -> None:
    row, name = filed.of("balancesheet", period), period_of(period)
    if row is None:
        return
    for column, label in STOCKS.items():
        origins = [_origin("balancesheet", row, column)]
        part.value(
            f"{column}.{name}", label, row[column], Unit.CNY, known_at=row["known_at"], origins=origins, period=name
        )
    label = Label("Liabilities as a share of assets", "资产负债率")
    part.derive(f"debt_ratio.{name}", label, "share", f"total_liab.{name}", f"total_assets.{name}")


def _collect_indicators(part: Part, filed: Filed, period: date) -> None:
    row, name = filed.of("fina_indicator", period), period_of(period)
    if row is None:
        return
    for column, (label, unit) in INDICATORS.items():
        origins = [_origin("fina_indicator", row, column)]
        part.value(f"{column}.{name}", label, row[column], unit, known_at=row["known_at"], origins=origins, period=name)


def _collect_yearly_change(part: Part, newest: date, year_ago: date) -> None:
    """What a ratio, or a figure of the balance sheet, differs by from a year before."""
    now, before = period_of(newest), period_of(year_ago)
    for column, label in STOCKS.items():
        told = Label(f"{label.en}, on a year before", f"{label.zh}同比")
        part.derive(f"{column}.{now}.yoy", told, "yoy", f"{column}.{now}", f"{column}.{before}")
    ratios = {
        **{f"{column}.{{}}": label for column, (label, unit) in INDICATORS.items() if unit is Unit.PERCENT},
        "debt_ratio.{}": Label("Liabilities as a share of assets", "资产负债率"),
        "gross_margin.{}.ttm": Label("Gross margin, twelve months", "毛利率（TTM）"),
        "net_margin.{}.ttm": Label("Net margin, twelve months", "归母净利率（TTM）"),
    }
    for name, label in ratios.items():
        told = Label(f"{label.en}, difference from a year before", f"{label.zh}同比变动")
        part.derive(f"{name.format(now)}.yoy", told, "difference", name.format(now), name.format(before))


def _collect_restated(part: Part, filed: Filed) -> None:
    """Figures that were told otherwise after they were first announced: the first and the last that was known, as reported."""
    histories: dict[tuple[str, str, date], list[RowMapping]] = {}
    for row in filed.told:
        if row["value"] is not None and row["end_date"] in filed.periods:
            histories.setdefault((row["api"], row["figure"], row["end_date"]), []).append(row)
    for (api, figure, period), told in sorted(histories.items()):
        if told[0]["value"] == told[-1]["value"]:
            continue
        label = FLOWS[figure][1] if figure in FLOWS else STOCKS[figure]
        name = period_of(period)
        for item, row, which in (
            ("first", told[0], Label("as first announced", "首次披露")),
            ("restated", told[-1], Label("as restated by the day", "截至当日的重述值")),
        ):
            key = {"ts_code": row["ts_code"], "end_date": period.isoformat()}
            key |= {"report_type": row["report_type"]} if row["report_type"] else {}
            part.value(
                f"{figure}.{name}.{item}",
                Label(f"{label.en}, {which.en}", f"{label.zh}（{which.zh}）"),
                row["value"],
                Unit.CNY,
                known_at=row["known_at"],
                origins=[Origin(api, key, figure)],
                period=name,
            )
        told_by = Label(f"{label.en}, difference by restatement", f"{label.zh}重述差额")
        changed = f"{figure}.{name}.restated"
        part.derive(f"{changed}.difference", told_by, "difference", changed, f"{figure}.{name}.first")
