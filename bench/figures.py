"""Is every figure in published reports what the tables say? Recomputed by independent code, and compared by characters.

Reports of several days and both languages are written with the sandbox model. Beyond what these choose to print, every item of
every sheet is printed once in every form.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from bench import ground
from bench.newsroom import expect, newsroom
from bench.recomputed.audit import Audit, forms
from bench.report import Report, Table
from bench.writing import Plan, written
from stock_assistant_pipelines.research import store
from stock_assistant_pipelines.research.render import Language, render
from stock_assistant_pipelines.sandbox.model.server import running

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sqlalchemy import Engine

    from bench.newsroom import Newsroom

SHOWN = 20
"""Differences that are told one by one."""
KINDS = (
    ("statements", ("QUARTER.quarter", "QUARTER.ttm")),
    ("balance sheets, indicators of finance, restatements", ("QUARTER",)),
    ("valuation", ("pe_ttm", "pb", "ps_ttm", "dv_ttm", "total_mv", "circ_mv", "turnover_rate")),
    ("chart indicators", ("sma", "rsi", "macd", "atr", "bollinger")),
    ("company", ("name", "industry", "market", "list_date", "status")),
)
PREVIEWS = ("forecast", "express", "dividend")


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is checked."""

    stocks: int
    """Of the market."""
    days: int
    before: tuple[int, ...]
    """Of which days reports are written: so many trading days before the last."""
    reports: int
    """Of each of these days."""


FULL = Scale(stocks=120, days=420, before=(0, 1, 20, 60, 120), reports=10)
QUICK = Scale(stocks=50, days=80, before=(0, 10), reports=2)


def run(*, quick: bool) -> Report:
    """Write reports, and hold what they print against the tables."""
    scale = QUICK if quick else FULL
    with (
        ground.server() as server,
        newsroom(server, scale.stocks, scale.days) as room,
        room.database.connected() as engine,
    ):
        _write(engine, room, scale)
        with engine.connect() as connection:
            audit = Audit(connection)
            reports = audit.reports()
            sheets = every_item(audit)
            standing = Counter(connection.execute(text("select status from research_report")).scalars())
    return report(audit, reports, sheets, standing, scale)


def _write(engine: Engine, room: Newsroom, scale: Scale) -> None:
    days = [room.days[-1 - before] for before in scale.before]
    for day in days:
        expect(engine, day, scale.reports)
    half = len(days) // 2
    with running(process=True) as model:
        for language, some in ((Language.EN, days[:half]), (Language.ZH, days[half:])):
            written(_plan(room, model.url, language, some))


def _plan(room: Newsroom, url: str, language: Language, days: Sequence[date]) -> Plan:
    return Plan(
        database=room.database.url.render_as_string(False),
        model=url,
        days=[day.isoformat() for day in days],
        stocks_at_once=16,
        calls_at_once=16,
        timeout=60.0,
        language=language,
    )


def every_item(audit: Audit) -> int:
    """Print every item of every sheet in every form and language, as a claim would; returns how many sheets there are."""
    hashes = list(audit.connection.execute(text("select sha256 from research_sheet order by 1")).scalars())
    for sha256 in hashes:
        sheet = store.load_sheet(audit.connection, sha256)
        for item in sheet.items:
            for language in Language:
                for form in forms(item):
                    shown = render(f"{{{{{item.id}{form and ':'}{form}}}}}", sheet, language).text
                    audit.same("every item", (sheet.ts_code, sheet.day), item.id, shown, language, form)
    return len(hashes)


def report(audit: Audit, reports: int, sheets: int, standing: Mapping[str, int], scale: Scale) -> Report:
    """What was found."""
    figures = sum(count for (where, _), count in audit.checked.items() if where != "every item")
    wanted = len(scale.before) * scale.reports
    told = ", ".join(f"{count} {status}" for status, count in sorted(standing.items()))
    broken = [f"{len(audit.differences)} differences"] if audit.differences else []
    broken += audit.differences[:SHOWN]
    if standing.get("published") != wanted:
        broken.append(f"not all {wanted} reports were published: {told}")
    broken += [f"nobody recomputes {name}" for name in audit.unchecked if name.startswith("item ")]
    return Report(
        "figures",
        "is every figure in published reports what the tables say?",
        [_by_place(audit), _by_kind(audit), _unchecked(audit)],
        [
            f"{reports} reports ({told}) on {len(scale.before)} days, in both languages; **{figures:,} figures of theirs "
            f"recomputed, {len(audit.differences)} differ**",
            f"every item of their {sheets} sheets was printed in every form and both languages besides",
            "recomputed by `bench/recomputed`: plain queries of the raw tables, own formulas, versions and rounding, in "
            "fractions; compared by characters. Not shared with the product: queries, as-of functions, TA-Lib, derivations, "
            "renderer",
        ],
        broken,
    )


def _by_place(audit: Audit) -> Table:
    rows = []
    for place in dict.fromkeys(where for where, _ in audit.checked):
        kinds = {name for where, name in audit.checked if where == place}
        count = sum(each for (where, _), each in audit.checked.items() if where == place)
        differing = sum(each.startswith(f"{place} of ") for each in audit.differences)
        rows.append((place, str(len(kinds)), f"{count:,}", f"**{differing}**"))
    return Table("Recomputed, by where it stands", ("", "kinds of items", "printed values", "differences"), rows)


def _by_kind(audit: Audit) -> Table:
    kinds: dict[str, set[str]] = {}
    counts: Counter[str] = Counter()
    for (_, name), count in audit.checked.items():
        group = _group(name)
        kinds.setdefault(group, set()).add(name)
        counts[group] += count
    rows = [(group, str(len(kinds[group])), f"{counts[group]:,}") for group in sorted(kinds)]
    rows.append(("all", str(sum(map(len, kinds.values()))), f"{counts.total():,}"))
    return Table("Recomputed, by what it is", ("", "kinds of items", "printed values"), rows)


def _group(name: str) -> str:
    if name.startswith(PREVIEWS):
        return "forecasts, preliminary earnings, dividends"
    for group, parts in KINDS:
        if any(part in name if "QUARTER" in part else name.split(".")[0] == part for part in parts):
            return group
    return "prices and returns"


def _unchecked(audit: Audit) -> Table:
    rows = [(name, f"{count:,}") for name, count in sorted(audit.unchecked.items())]
    return Table("In the reports, and not recomputed", ("", "times"), rows)
