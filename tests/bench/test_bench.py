"""Every question of the benchmark can be asked, is answered with ratios, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bench import growth, quota, reports, tiers
from bench.__main__ import NAMES, main
from bench.histories import Content, History, Taken
from bench.measure import Figures, figure, in_turns, ratio
from bench.report import Report, Table, write

ROOT = Path(__file__).parents[2]
RATIO = re.compile(r"\d×")


@cache
def measured(name: str) -> str:
    """What a quick run of a module prints."""
    command = [sys.executable, "-m", "bench", name, "--quick"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", ["landing", "quota"])
def test_a_question_is_answered_with_ratios(name: str) -> None:
    """The others take minutes together: `make bench ARGS=--quick` asks them all."""
    assert name in NAMES
    printed = measured(name)
    assert printed.startswith(name)
    assert RATIO.search(printed)


@pytest.mark.slow
def test_a_day_landed_again_writes_no_row() -> None:
    line = next(line for line in measured("landing").splitlines() if re.search(r"ours .*\d / \d", line))
    _, new, again, changed = re.split(r"\s{2,}", line.strip())
    assert again.startswith("0 / 0 / ")
    assert not new.startswith("0 / ")
    assert not changed.startswith("0 / ")


@pytest.mark.slow
def test_filings_that_are_told_again_add_no_version() -> None:
    _, _, told = measured("finance").partition("The last eight periods again")
    told, _, _ = told.partition("The evening of")
    lines = [re.split(r"\s{2,}", line.strip()) for line in told.splitlines()]
    again = {line[0]: line[3:5] for line in lines if line[0].startswith("income, ")}
    assert again == {"income, by period": ["0", "0"], "income, by stock": ["0", "0"]}


@pytest.mark.slow
def test_the_same_questions_are_asked_over_more_rows() -> None:
    assert growth.QUICK.more
    printed = measured("growth")
    ((more, less),) = re.findall(r"with ([\d,]+) rows in `daily`\s+as\s+with ([\d,]+),", printed)
    assert int(more.replace(",", "")) - int(less.replace(",", "")) > growth.QUICK.more * growth.QUICK.stocks / 2
    for name in (*growth.QUICK.asked, growth.CONTROL):
        assert len(re.findall(rf"{name}: ours, c.*\d×", printed)) == 2


def test_answers_that_change_with_rows_of_others_are_no_measure_of_growth() -> None:
    growth.require_same({"day": b"[1]"}, {"day": b"[1]"})
    with pytest.raises(RuntimeError, match="other answers after the fill: day"):
        growth.require_same({"year": b"[]", "day": b"[1]"}, {"year": b"[]", "day": b"[1,2]"})


def test_ratios_are_taken_round_by_round() -> None:
    slow_then_busy, quick_then_busy = Figures((2.0, 20.0, 2.0)), Figures((1.0, 10.0, 1.0))
    assert slow_then_busy.over(quick_then_busy).values == (2.0, 2.0, 2.0)
    assert ratio(slow_then_busy.over(quick_then_busy)) == "**2×** (2–2)"


def test_a_figure_is_a_median_between_quartiles() -> None:
    assert figure(Figures((5.0, 1.0, 2.0, 3.0, 4.0))) == "3 (2–4)"


def test_every_side_has_its_turn_in_every_round() -> None:
    turns: list[str] = []
    in_turns({"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}, 2)
    assert turns == ["a", "b", "b", "a"]


def test_a_report_replaces_what_stands_between_its_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- bench:x -->old<!-- /bench:x -->\nafter\n", encoding="utf-8")
    report = Report("x", "?", [Table("t", ("", "ms"), [("ours", "1")])], ["a note"])
    write(report, page, "make bench ARGS=x")
    write(report, page, "make bench ARGS=x")
    text = page.read_text(encoding="utf-8")
    assert "old" not in text
    assert text.count("| ours | 1 |") == 1
    assert text.startswith("before\n")
    assert text.endswith("after\n")


def test_a_page_without_markers_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing", encoding="utf-8")
    with pytest.raises(ValueError, match="has no section"):
        write(Report("x", "?", []), page, "make bench")


def test_a_quota_that_is_exceeded_or_left_unused_is_broken() -> None:
    outcome = quota.Outcome(served=29_999, rejected=1, killed=0, worker_cpu=0.0, postgres_cpu=0.0)
    idle = quota.Outcome(served=29_000, rejected=0, killed=9, worker_cpu=0.0, postgres_cpu=0.0)
    killed = "ours, a worker killed every few seconds"
    found = quota.broken({"ours": outcome, killed: idle, "no limiter": outcome}, quota.FULL, least=quota.SHARE)
    assert found == [
        "ours: calls refused: 1",
        f"{killed}: 96.67% of what is allowed was used, not 99%",
    ]


def test_every_refusal_counts() -> None:
    class Sandbox:
        def stats(self) -> dict[str, dict[str, object]]:
            return {"calls": {"daily": 10}, "rejections": {"daily": {"throttle": 1, "permission": 2}}}

    outcome = quota._outcome(Sandbox(), [(10, 1.0)], 0, 1.0)  # type: ignore[arg-type]
    assert (outcome.served, outcome.rejected) == (7, 3)


def taken(**words: Any) -> Taken:
    given: dict[str, Any] = {"calls": 3, "least": 3, "rows": 9, "added": 0, "replaced": 0, "seconds": 1.0}
    return Taken(**{**given, "unsettled": (), **words})


def test_a_version_where_nothing_has_changed_and_a_period_that_lacks_somebody_are_broken() -> None:
    history = History({"income": taken(added=9, unsettled=("income 2025-12-31: lacks 1",))}, {}, {}, 0.0, {})
    outcome = tiers.Outcome(history, 0, {"income": taken(added=1)}, {}, {}, 0)
    assert tiers._broken({"by stock": outcome}) == [
        "by stock: income 2025-12-31: lacks 1",
        "by stock: income was told the same again, and 1 versions were added, 0 replaced",
    ]


def test_sides_that_hold_other_versions_of_what_was_disclosed_are_broken() -> None:
    one, other, prospectus = Content(9, 1, 0), Content(9, 2, 0), Content(9, 1, 5)
    assert tiers._different({"by period": {"income": one}, "by stock": {"income": prospectus}}) == []
    (found,) = tiers._different({"by period": {"income": one}, "by stock": {"income": other}})
    assert found.startswith("income: ")


def test_a_gate_that_refuses_all_or_nothing_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "judge", lambda *_: ())
    assert {each.split(",")[0] for each in reports.run(quick=True).broken} == {"passed"}
    monkeypatch.setattr(reports, "judge", lambda *_: ("no",))
    assert {each.split(":")[0] for each in reports.run(quick=True).broken} == {"a clean draft was refused"}


def test_a_report_that_is_broken_ends_with_one_and_is_not_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "performance.md"
    page.write_text("<!-- bench:quota --><!-- /bench:quota -->")
    monkeypatch.setattr(quota, "run", lambda *, quick: Report("quota", "?", [], broken=["ours: calls refused: 1"]))
    result = CliRunner().invoke(main, ["quota", "--write", str(page)])
    assert result.exit_code == 1
    assert "BROKEN ours: calls refused: 1" in result.output
    assert page.read_text() == "<!-- bench:quota --><!-- /bench:quota -->"
