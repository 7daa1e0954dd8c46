"""What companies report: statements by report period, every version of them, and what is told before and beside them."""

from __future__ import annotations

from stock_assistant_pipelines.catalog.finance.balancesheet import BALANCESHEET
from stock_assistant_pipelines.catalog.finance.cashflow import CASHFLOW
from stock_assistant_pipelines.catalog.finance.dividend import DIVIDEND
from stock_assistant_pipelines.catalog.finance.fina_indicator import FINA_INDICATOR
from stock_assistant_pipelines.catalog.finance.income import INCOME
from stock_assistant_pipelines.catalog.finance.preview import DISCLOSURE_DATE, EXPRESS, FORECAST
from stock_assistant_pipelines.catalog.finance.report import FINA_AUDIT, FINA_MAINBZ

FINANCE = (
    DISCLOSURE_DATE,
    INCOME,
    BALANCESHEET,
    CASHFLOW,
    FINA_INDICATOR,
    FORECAST,
    EXPRESS,
    DIVIDEND,
    FINA_AUDIT,
    FINA_MAINBZ,
)
