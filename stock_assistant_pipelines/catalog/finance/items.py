"""Line items of a statement, one per line, and the columns that filings share."""

from __future__ import annotations

from stock_assistant_pipelines.catalog.columns import Column, Type
from stock_assistant_pipelines.catalog.rules import Rule, Severity

END_DATE = Column("end_date", Type.DATE, "Report period, the last day of a quarter", "报告期")
ANN_DATE = Column("ann_date", Type.DATE, "Announced on", "公告日期")
F_ANN_DATE = Column("f_ann_date", Type.DATE, "Announced on, this version", "实际公告日期")
COMP_TYPE = Column(
    "comp_type",
    Type.TEXT,
    "1 industrial and commercial, 2 bank, 3 insurer, 4 broker",
    "公司类型(1一般工商业2银行3保险4证券)",
)
END_TYPE = Column("end_type", Type.TEXT, "Quarter of the report period, 1 to 4", "报告期类型")
UPDATE_FLAG = Column("update_flag", Type.TEXT, "1 latest, 0 as first told", "更新标识")

REPORT_TYPES = ({"report_type": "1"}, {"report_type": "4"}, {"report_type": "5"})
"""The company's consolidated report; as the next year's report restates it; as it was before it was adjusted."""

RESTATED = frozenset({1})
"""Which of these comes with the report of the year after."""

REPORT_ROWS = (1.4, 0.5, 0.1)
"""About how many rows a company has of each: a warehouse of others held 1.37 for a company and period."""

ANN_AFTER_PERIOD = Rule(
    "ann_after_period", "ann_date >= end_date", "nothing is announced before its period is over", Severity.WARN, "C12"
)
STATEMENT_AFTER_PERIOD = Rule(
    "ann_after_period", "least(ann_date, f_ann_date) >= end_date", ANN_AFTER_PERIOD.title, Severity.WARN, "C12"
)

VERSIONS = (
    "A correction comes beside the row that it corrects (update_flag 1 beside 0, often with the same days) or in its place: "
    "every version is kept. Some periods have a row with update_flag 0 only: a filter on 1 loses them."
)
"""What is worth knowing of every interface with `update_flag`."""


def items(lines: str, *, unit: str | None = "CNY", flow: bool = False) -> tuple[Column, ...]:
    """Figures, in the order of the lines: `name | title | Tushare's title`, and `| unit` where it is another one (`-`: none).

    A star after the name says that Tushare leaves the column out by default.
    """
    return tuple(_item(line, unit, flow) for line in lines.splitlines() if line.strip())


def _item(line: str, unit: str | None, flow: bool) -> Column:
    name, title, title_zh, *other = (part.strip() for part in line.split(" | "))
    if other:
        (written,) = other
        unit = None if written == "-" else written
    return Column(name.rstrip("*"), Type.NUMBER, title, title_zh, unit, default=not name.endswith("*"), flow=flow)
