"""The data dictionary, written from the catalog. As a program this file writes the pages; `make docs` does it first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.calls import PerPeriod
from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.catalog.derived import DERIVED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stock_assistant_pipelines.catalog.columns import Column
    from stock_assistant_pipelines.catalog.derived import Derived

DOCS = Path(__file__).parents[1]
PAGES = {"en": DOCS / "data-dictionary.md", "zh": DOCS / "zh" / "data-dictionary.md"}

TEXTS = {
    "head": (
        """# Data dictionary

Every dataset and column that is kept, written from the catalog (`stock_assistant_pipelines/catalog/`) by `make docs`: edit
that, and not this page. Names are Tushare's, misspellings included. A `number` is an exact decimal; a `date` is served as
`YYYYMMDD`; what is absent is null. **Bold** columns are the key. What a complete partition holds:
[completeness](completeness.md) and [finance](finance.md#what-complete-means). The running server tells the same, and what has
landed: `/datasets/NAME` for people, `/api/v1/datasets/NAME` for programs.

Datasets that keep versions have more columns in SQL, `known_at` among them: [point in time](point-in-time.md#two-times).
""",
        """# 数据字典

本平台保存的全部数据集与字段，由 `make docs` 根据目录（`stock_assistant_pipelines/catalog/`）生成：请改目录，不要改本页。
字段名即 Tushare 的字段名，原有的拼写错误也照旧。`number` 是精确小数；`date` 以 `YYYYMMDD` 提供；没有的值为 null。
**粗体**字段为主键。分区怎样才算完整，见[完整性](../completeness.md)与[财务](../finance.md#what-complete-means)。
运行中的服务也提供这些内容，并附落库情况：网页是 `/datasets/名称`，程序用 `/api/v1/datasets/名称`。

保留版本的数据集在 SQL 中还有 `known_at` 等字段，见[当时已知](../point-in-time.md#two-times)。
""",
    ),
    "derived": ("Made of {}", "由 {} 得出"),
    "grain": ("Partition", "分区"),
    "trade_date": ("a trading day", "交易日"),
    "end_date": ("a report period", "报告期"),
    "snapshot": ("none, a snapshot", "无（快照）"),
    "versions": ("every version is kept", "保留每一个版本"),
    "points": ("points", "积分"),
    "whole": ("the whole market with {}", "全市场一次返回需 {}"),
    "published": ("published", "发布时间"),
    "due": ("should be whole by", "应于此时前齐全"),
    "window": ("fetched again", "重新获取"),
    "days": ("the last {} trading days", "最近 {} 个交易日"),
    "columns": ("| column | meaning | type | unit |", "| 字段 | 含义 | 类型 | 单位 |"),
    "worth": ("Worth knowing:", "值得注意的事项（英文）见[英文页](../data-dictionary.md#{})。"),
    "families": ("| dataset | what it is | key |", "| 数据集 | 内容 | 主键 |"),
}
UNITS_ZH = {
    "share": "股", "day": "天", "10,000 CNY": "万元", "lot of 100 shares": "手", "10,000 shares": "万股", "1000 CNY": "千元",
    "point": "点", "CNY": "元", "%": "%", "stock": "只",
}  # fmt: skip
"""The units of the catalog, as the market calls them in Chinese."""


class Page:
    """The dictionary in one language."""

    def __init__(self, language: str) -> None:
        self.chinese = language == "zh"

    def text(self) -> str:
        """The whole page."""
        every: list[Dataset | Derived] = [*CATALOG.values(), *DERIVED.values()]
        parts = [self.say("head"), self._overview(every), *(self._section(one) for one in every)]
        return "\n".join(parts)

    def say(self, word: str) -> str:
        """A text of the page."""
        return TEXTS[word][self.chinese]

    def _title(self, one: Dataset | Derived | Column) -> str:
        return (one.title_zh if self.chinese else one.title).replace("|", "\\|")

    def _overview(self, every: Iterable[Dataset | Derived]) -> str:
        lines = [self.say("families"), "|---|---|---|"]
        lines += [f"| [`{_name(one)}`](#{_name(one)}) | {self._title(one)} | {', '.join(_key(one))} |" for one in every]
        return "\n".join(lines) + "\n"

    def _section(self, one: Dataset | Derived) -> str:
        stop = "。" if self.chinese else ". "
        row = [] if self.chinese else [one.row[0].upper() + one.row[1:]]
        facts = [self._title(one), *row, " · ".join(self._facts(one))]
        table = [self.say("columns"), "|---|---|---|---|", *(self._column(column, _key(one)) for column in one.columns)]
        return "\n".join(
            [f"## {_name(one)}", "", (stop.join(facts) + stop).rstrip(), "", *table, *self._worth(one), ""]
        )

    def _facts(self, one: Dataset | Derived) -> Iterator[str]:
        """What a dataset is like, fact by fact."""
        colon, comma = ("：", "、") if self.chinese else (": ", ", ")
        if not isinstance(one, Dataset):
            yield self.say("derived").format(comma.join(f"[`{name}`](#{name})" for name in one.sources))
            return
        yield f"{self.say('grain')}{colon}{self.say(one.grain)}"
        if one.versions:
            yield self.say("versions")
        yield f"{self.say('points')}{colon}{one.points:,}"
        if isinstance(one.calls, PerPeriod) and one.calls.period and one.calls.whole_points > one.points:
            yield self.say("whole").format(f"{one.calls.whole_points:,}")
        for word in ("published", "due"):
            if moment := getattr(one, word):
                yield f"{self.say(word)}{colon}{moment:%H:%M}"
        if one.partitioned:
            yield f"{self.say('window')}{colon}{self.say('days').format(one.window)}"

    def _column(self, column: Column, key: tuple[str, ...]) -> str:
        name = f"**`{column.name}`**" if column.name in key else f"`{column.name}`"
        unit = column.unit or ""
        return (
            f"| {name} | {self._title(column)} | {column.type} | {UNITS_ZH[unit] if self.chinese and unit else unit} |"
        )

    def _worth(self, one: Dataset | Derived) -> list[str]:
        if not isinstance(one, Dataset) or not one.quirks:
            return []
        listed = [] if self.chinese else ["", *(f"- {quirk}" for quirk in one.quirks)]
        return ["", self.say("worth").format(one.api), *listed]


def _name(one: Dataset | Derived) -> str:
    return one.api if isinstance(one, Dataset) else one.name


def _key(one: Dataset | Derived) -> tuple[str, ...]:
    return one.key if isinstance(one, Dataset) else one.fields[:1]


def main() -> None:
    """Write the pages."""
    for language, page in PAGES.items():
        page.write_text(Page(language).text(), encoding="utf-8")


if __name__ == "__main__":
    main()
