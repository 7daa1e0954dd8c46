"""Reports as Tushare's rows: the three statements, the indicators, and what the auditor says."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from stock_assistant_pipelines.sandbox.market.filings.desk import Asked, Desk, pick, words
from stock_assistant_pipelines.sandbox.market.filings.indicators import indicators
from stock_assistant_pipelines.sandbox.market.filings.periods import YEAR_END, place_of
from stock_assistant_pipelines.sandbox.market.filings.statements import Report, reports
from stock_assistant_pipelines.sandbox.market.filings.timetable import Fate
from stock_assistant_pipelines.sandbox.market.filings.versions import OWN, Rows, Version, rows, too_much
from stock_assistant_pipelines.sandbox.market.noise import Floats, Ints, Stream, uniform
from stock_assistant_pipelines.sandbox.table import Table, texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

NUMBERS = tuple(str(number) for number in range(10))

INDIRECT = (
    "finan_exp", "prov_depr_assets", "depr_fa_coga_dpba", "amort_intang_assets", "loss_fv_chg", "invest_loss",
    "decr_def_inc_tax_assets", "incr_def_inc_tax_liab", "decr_inventories", "decr_oper_payable", "incr_oper_payable",
    "im_net_cashflow_oper_act", "im_n_incr_cash_equ", "credit_impa_loss", "beg_bal_cash", "end_bal_cash",
)  # fmt: skip
"""Lines of the cash flow statement that only half-year and annual reports tell."""

AGENCIES = tuple(
    f"{name}会计师事务所(特殊普通合伙)"
    for name in ("天衡", "中和信", "瑞诚", "立达", "大信达", "致远同", "华兴中", "容和", "信永诚", "安泰华")
)
OPINIONS = ("标准无保留意见", "带强调事项段的无保留意见", "保留意见", "无法表示意见")
NAMES = ("陈立", "王海涛", "李明", "张伟民", "刘洋", "赵文静", "周建国", "吴晓东", "孙丽华", "郑凯")


def income(desk: Desk, asked: Asked) -> Table:
    """Rows of `income`."""
    return _statement(desk, asked, lambda report: report.income, _per_share)


def balancesheet(desk: Desk, asked: Asked) -> Table:
    """Rows of `balancesheet`."""
    return _statement(desk, asked, lambda report: report.balance, lambda _: {})


def cashflow(desk: Desk, asked: Asked) -> Table:
    """Rows of `cashflow`."""
    return _statement(desk, asked, lambda report: report.cash, _half_yearly)


def fina_indicator(desk: Desk, asked: Asked) -> Table:
    """Rows of `fina_indicator`: a correction bears the day of the first announcement."""
    told = rows(desk.ledger, asked.stock, asked.quarter, asked.now, {OWN})
    report, at = _reports(desk, asked, told)
    named = {"ann_date": desk.days(told.announced), "update_flag": words(NUMBERS, told.update_flag)}
    figures = {name: values[at] for name, values in indicators(desk.ledger, report).items()}
    return Table(desk.keys(asked.stock[told.report], asked.quarter[told.report]) | named | figures)


def fina_audit(desk: Desk, asked: Asked) -> Table:
    """Rows of `fina_audit`: of annual reports, once again by another auditor when one was corrected."""
    timetable = desk.ledger.timetable
    asked = asked.take(np.flatnonzero(asked.quarter % 4 == YEAR_END))
    filed, corrected = timetable.filed[asked.stock, asked.quarter], timetable.corrected[asked.stock, asked.quarter]
    again = (timetable.fate[asked.stock, asked.quarter] == Fate.KEPT) & (corrected <= asked.now)
    first = np.flatnonzero(filed <= asked.now)
    at = np.concatenate([np.flatnonzero(again), first])
    order = np.argsort(at, kind="stable")
    at, second = at[order], (np.arange(len(at)) < again.sum())[order]
    ids, quarter = desk.ids(asked)[at], asked.quarter[at]
    agency = (uniform(desk.seed, Stream.AUDITOR, ids, quarter // 20) * len(AGENCIES)).astype(np.int64) + second
    draw = uniform(desk.seed, Stream.OPINION, ids, quarter)
    opinion = np.searchsorted([0.955, 0.98, 0.993], draw, side="right")
    fees = np.rint(np.exp(13.2 + 1.4 * uniform(desk.seed, Stream.FEES, ids)) / 10_000) * 10_000
    signed = (pick(NAMES, uniform(desk.seed, Stream.AUDITOR, ids, 1000 + quarter // 12 * 2 + n)) for n in (0, 1))
    return Table(
        desk.keys(asked.stock[at], quarter)
        | {
            "ann_date": desk.days(np.where(second, corrected[at], filed[at])),
            "audit_result": words(OPINIONS, opinion),
            "audit_fees": fees,
            "audit_agency": words(AGENCIES, agency % len(AGENCIES)),
            "audit_sign": texts([f"{one},{two}" for one, two in zip(*signed, strict=True)]),
        }
    )


def _statement(
    desk: Desk,
    asked: Asked,
    part: Callable[[Report], dict[str, Floats]],
    more: Callable[[Report], dict[str, Floats]],
) -> Table:
    """Rows of one statement, with what `more` puts in the place of its lines."""
    told = rows(desk.ledger, asked.stock, asked.quarter, asked.now, asked.types)
    report, at = _reports(desk, asked, told)
    lines = {name: values[:, -1] / 100 for name, values in part(report).items()} | more(report)
    quarter = asked.quarter[told.report]
    number = partial(words, NUMBERS)
    named: dict[str, NDArray[Any]] = {
        "ann_date": desk.days(told.announced),
        "f_ann_date": desk.days(told.finally_announced),
        "report_type": number(told.report_type),
        "comp_type": number(desk.ledger.kinds[asked.stock[told.report]]),
        "end_type": number(place_of(quarter)),
        "update_flag": number(told.update_flag),
    }
    figures = {name: values[at] for name, values in lines.items()}
    return Table(desk.keys(asked.stock[told.report], quarter) | named | figures)


def _reports(desk: Desk, asked: Asked, told: Rows) -> tuple[Report, Ints]:
    """The reports that rows tell, each version once, and which of them each row tells."""
    different, at = np.unique(told.report * len(Version) + told.version, return_inverse=True)
    which, version = np.divmod(different, len(Version))
    stock, quarter = asked.stock[which], asked.quarter[which]
    return reports(desk.ledger, stock, quarter, too_much(desk.ledger, stock, quarter, version)), at


def _per_share(report: Report) -> dict[str, Floats]:
    """Earnings per share at the end of the period."""
    eps = np.round(report.told("n_income_attr_p") / report.told("total_share"), 4)
    return {"basic_eps": eps, "diluted_eps": eps}


def _half_yearly(report: Report) -> dict[str, Floats]:
    """The lines that only half-year and annual reports tell."""
    told = report.quarter % 2 == 1
    return {name: np.where(told, report.cash[name][:, -1] / 100, np.nan) for name in INDIRECT if name in report.cash}
