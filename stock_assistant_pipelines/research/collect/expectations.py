"""Expectations: what the company said of itself beside its statements. Forecasts, preliminary earnings, dividends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.collect.draft import Label, period_of
from stock_assistant_pipelines.research.evidence import Origin, Unit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sqlalchemy import RowMapping

    from stock_assistant_pipelines.research.collect.draft import Part
    from stock_assistant_pipelines.research.collect.ground import Ground

TEN_THOUSAND = 10_000

FORECAST = (
    ("p_change_min", Label("Forecast change of net profit, at least", "预告净利润变动幅度下限"), Unit.PERCENT, 1),
    ("p_change_max", Label("Forecast change of net profit, at most", "预告净利润变动幅度上限"), Unit.PERCENT, 1),
    ("net_profit_min", Label("Forecast net profit, at least", "预告净利润下限"), Unit.CNY, TEN_THOUSAND),
    ("net_profit_max", Label("Forecast net profit, at most", "预告净利润上限"), Unit.CNY, TEN_THOUSAND),
)
EXPRESS = (
    ("revenue", Label("Preliminary operating revenue", "快报营业收入"), Unit.CNY, 1),
    ("n_income", Label("Preliminary net profit", "快报净利润"), Unit.CNY, 1),
    ("diluted_eps", Label("Preliminary earnings per share, diluted", "快报每股收益（摊薄）"), Unit.CNY_PER_SHARE, 1),
    ("diluted_roe", Label("Preliminary return on equity, diluted", "快报净资产收益率（摊薄）"), Unit.PERCENT, 1),
)
Figures = tuple[tuple[str, Label, Unit, int], ...]


def collect(
    part: Part,
    ground: Ground,
    reported: date | None,
    forecasts: Sequence[RowMapping],
    express: Sequence[RowMapping],
    dividends: Sequence[RowMapping],
) -> None:
    """The items of expectations; `reported` is the newest period with a statement, after which a preview still counts."""
    for api, rows, figures in (("forecast", forecasts, FORECAST), ("express", express, EXPRESS)):
        coming = [row for row in rows if reported is None or row["end_date"] > reported]
        for row in coming:
            _collect_preview(part, api, row, figures)
        if not coming:
            after = f" for a period after {period_of(reported)}" if reported else ""
            part.lacks(api, f"none was known{after}" if api in ground.landed else f"{api} has not landed")
    taken: dict[str, int] = {}
    for row in dividends:
        _collect_dividend(part, row, taken)
    if not dividends:
        known = "none was known of the last three years"
        part.lacks("dividend", known if "dividend" in ground.landed else "dividend has not landed")


def _collect_preview(part: Part, api: str, row: RowMapping, figures: Figures) -> None:
    period, key = period_of(row["end_date"]), _key(row, "ann_date" if api == "forecast" else None)
    if api == "forecast":
        label, origins = Label("Kind of forecast", "业绩预告类型"), [Origin(api, key, "type")]
        part.text(
            f"forecast.{period}.type", label, row["type"], known_at=row["known_at"], origins=origins, period=period
        )
    for column, label, unit, scale in figures:
        part.value(
            f"{api}.{period}.{column}",
            label,
            None if row[column] is None else row[column] * scale,
            unit,
            known_at=row["known_at"],
            origins=[Origin(api, key, column)],
            period=period,
            signed=column.startswith("p_change"),
        )


def _collect_dividend(part: Part, row: RowMapping, taken: dict[str, int]) -> None:
    period = period_of(row["end_date"])
    taken[period] = taken.get(period, 0) + 1
    name = f"dividend.{period}" + (f".{taken[period]}" if taken[period] > 1 else "")
    key, known_at = _key(row, "ann_date", "div_proc", "ex_date"), row["known_at"]
    for column, label, unit in (
        ("cash_div_tax", Label("Cash dividend per share, before tax", "每股现金分红（税前）"), Unit.CNY_PER_SHARE),
        ("stk_div", Label("Bonus and converted shares per share", "每股送转股数"), Unit.NONE),
    ):
        # A plan of cash tells zero shares, and one of shares zero cash.
        value = row[column] if row[column] or column == "cash_div_tax" else None
        part.value(
            f"{name}.{column}",
            label,
            value,
            unit,
            known_at=known_at,
            origins=[Origin("dividend", key, column)],
            period=period,
        )
    part.text(
        f"{name}.stage",
        Label("Stage of the dividend", "分红进度"),
        row["div_proc"],
        known_at=known_at,
        origins=[Origin("dividend", key, "div_proc")],
        period=period,
    )
    part.text(
        f"{name}.ex_date",
        Label("Ex-date", "除权除息日"),
        row["ex_date"].isoformat() if row["ex_date"] else None,
        known_at=known_at,
        origins=[Origin("dividend", key, "ex_date")],
        period=period,
        unit=Unit.DATE,
    )


def _key(row: RowMapping, *columns: str | None) -> dict[str, str]:
    """The natural key of a row; what it does not tell is left out."""
    key = {"ts_code": row["ts_code"], "end_date": row["end_date"].isoformat()}
    for column in columns:
        if column and row[column] is not None:
            key[column] = str(row[column])
    return key
