"""`stock-assistant research` and `replay`: a report is written and shown, and made again without anybody to ask."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result
from desks import clear, holding, laid_out
from evidence_market import DAY, HALTED, LISTED, MAIN, NEW, PAST, PEERS, book, put
from sqlalchemy import delete, func, select, update

from stock_assistant_pipelines.cli import main
from stock_assistant_pipelines.research import store
from stock_assistant_pipelines.research.ledger import pack
from stock_assistant_pipelines.settings import settings
from stock_assistant_pipelines.warehouse.tables import (
    LLM_CALL,
    LLM_SPENDING,
    RESEARCH_CLAIM,
    RESEARCH_NOTE,
    RESEARCH_REPORT,
    RESEARCH_SHEET,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.sandbox.model.server import RunningModel

OTHER = PEERS[1]
SUNDAY = DAY - timedelta(days=1)


@pytest.fixture(scope="module")
def installed(postgres: URL) -> Iterator[Engine]:
    """The market made by hand, whose calendar knows a Sunday."""
    with laid_out(postgres) as engine:
        with engine.begin() as connection:
            put(connection, "trade_cal", {"exchange": "SSE", "cal_date": SUNDAY, "is_open": 0})
        yield engine


@pytest.fixture
def tables(installed: Engine) -> Engine:
    """Its tables, without what was written before."""
    clear(installed)
    return installed


@pytest.fixture(autouse=True)
def _configured(installed: Engine, rules: RunningModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    url = installed.url.set(drivername="postgresql")
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    monkeypatch.setenv("COLUMNS", "200")
    configured = {"PROVIDER": "sandbox", "MODEL": "sandbox-rules", "BASE_URL": rules.url, "API_KEY": "sandbox"}
    for name, value in {**configured, "CALLS_PER_MINUTE": "0"}.items():
        monkeypatch.setenv(f"LLM_{name}", value)
    yield
    settings.cache_clear()


def run(*words: str) -> Result:
    settings.cache_clear()
    result = CliRunner().invoke(main, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def stored(engine: Engine) -> list[tuple[str, str]]:
    """The reports: id, and what each is worth."""
    query = select(RESEARCH_REPORT.c.id, RESEARCH_REPORT.c.status).order_by(RESEARCH_REPORT.c.made_at)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def markdown(engine: Engine, report_id: str) -> str:
    with engine.connect() as connection:
        query = select(RESEARCH_REPORT.c.markdown).where(RESEARCH_REPORT.c.id == report_id)
        return str(connection.scalar(query))


def test_a_report_is_written_step_by_step_and_shown(tables: Engine) -> None:
    result = run("research", MAIN)
    assert result.exit_code == 0, result.output
    ((report_id, status),) = stored(tables)
    assert (report_id.startswith(f"{MAIN}-20250303-"), status) == (True, "published")
    for step in (
        "evidence",
        "technical  written",
        "financial  written",
        "valuation  written",
        "news       absent",
        "report",
    ):
        assert f"{MAIN}  {step}" in result.output
    assert "6/6 steps" in result.output
    assert markdown(tables, report_id) in result.output
    assert f"http://127.0.0.1:8000/research/{report_id}" in result.output
    assert f"stock-assistant replay {report_id}" in result.output
    assert "4 calls, CNY 0.0" in result.output


def test_the_day_is_held_from_the_evidence_to_the_report(tables: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    held = holding(monkeypatch)
    assert run("research", MAIN).exit_code == 0
    assert held == {"gather": True, "notes": True, "reports": True}


def test_what_stands_is_shown_without_asking_anybody(tables: Engine, rules: RunningModel) -> None:
    run("research", MAIN)
    rules.forget()
    again = run("research", MAIN, OTHER)  # of whom nothing is filed
    assert again.exit_code == 0
    assert (again.output.count("# 茅台股份"), len(stored(tables)), rules.stats()["calls"]) == (1, 2, 3)


def test_the_markdown_alone_goes_to_standard_output(tables: Engine) -> None:
    result = run("research", MAIN.lower(), "--markdown", "--language", "en")
    ((report_id, _),) = stored(tables)
    assert result.stdout == markdown(tables, report_id)
    assert result.stdout.startswith("# 茅台股份 (600519.SH): research report, 2025-03-03")
    assert f"{MAIN}  technical  written" in result.stderr


def test_a_past_day_is_written_of_as_well(tables: Engine) -> None:
    day = PAST[-5]
    with tables.begin() as connection:
        book(connection, "daily", day.isoformat())
    result = run("research", MAIN, "--as-of", f"{day:%Y%m%d}")
    ((report_id, _),) = stored(tables)
    assert (result.exit_code, report_id.startswith(f"{MAIN}-{day:%Y%m%d}-")) == (0, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("999999.SH",), "'999999.SH' names no stock of stock_basic"),
        (("Moutai",), "'MOUTAI' is no code of a stock: it takes one such as 600519.SH"),
        ((MAIN, "--as-of", str(SUNDAY)), "2025-03-02 is no trading day of the calendar: name one that is"),
        ((MAIN, "--as-of", "2025-03-04"), "daily of 2025-03-04 has not landed: `stock-assistant backfill"),
    ],
)
def test_what_cannot_be_written_is_one_line_that_says_what_to_do(
    tables: Engine, rules: RunningModel, words: tuple[str, ...], told: str
) -> None:
    result = run("research", *words)
    (line,) = (line for line in result.output.splitlines() if line.startswith("Error"))
    assert (told in line, result.exit_code, stored(tables), rules.stats()["calls"]) == (True, 1, [], 0), line


def test_without_a_model_it_says_how_to_set_one_or_to_do_without(
    tables: Engine, rules: RunningModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LLM_PROVIDER")
    refused = run("research", MAIN)
    assert (refused.exit_code, "LLM_PROVIDER is not set" in refused.output, "--rules" in refused.output) == (
        1,
        True,
        True,
    )
    by_rules = run("research", MAIN, "--rules")
    assert (by_rules.exit_code, rules.stats()["calls"]) == (0, 0)
    assert "rules, not a model" in by_rules.stderr
    assert "并非语言模型" in by_rules.output


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [("API_KEY", "wrong-key", "check LLM_API_KEY"), ("MODEL", "gone", "there is no such model (LLM_MODEL)")],
)
def test_a_preflight_that_fails_is_told_in_a_sentence(
    tables: Engine, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(f"LLM_{name}", value)
    result = run("research", MAIN)
    assert (result.exit_code, result.output.count(told), "wrong-key" in result.output) == (1, 1, False)
    assert stored(tables) == []


def test_a_budget_that_stops_it_has_an_exit_code_of_its_own_and_the_same_command_goes_on(
    tables: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_BUDGET_DAY", "0.0001")
    stopped = run("research", MAIN)
    assert (stopped.exit_code, stored(tables)) == (3, [])
    assert "LLM_BUDGET_DAY" in stopped.output
    assert f"Not written yet: {MAIN}" in stopped.output
    monkeypatch.setenv("LLM_BUDGET_DAY", "50")
    assert run("research", MAIN).exit_code == 0


def test_a_report_that_fails_is_told_with_its_reason(tables: Engine, rules: RunningModel) -> None:
    rules.inject("off_contract")
    failed = run("research", MAIN)
    ((report_id, status),) = stored(tables)
    assert (failed.exit_code, status) == (1, "failed")
    assert (
        f"{report_id}  failed: technical: sandbox/sandbox-rules: the answer does not keep to the schema"
        in failed.output
    )
    rules.heal()
    assert run("research", MAIN).exit_code == 0


def test_of_a_suspended_stock_it_says_that_no_stance_is_taken(tables: Engine) -> None:
    result = run("research", HALTED)
    ((_, status),) = stored(tables)
    assert (result.exit_code, status) == (0, "abstained")


def test_a_trial_by_rules_costs_nothing_and_lets_nothing_be_expected_that_was_not(
    tables: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_BUDGET_DAY", "0.0001")
    with tables.begin() as connection:
        store.watch(connection, DAY, {OTHER: "on demand"})
    result = run("research", MAIN, OTHER, "--rules")
    assert (result.exit_code, "4 calls, CNY 0.0000" in result.output) == (0, True), result.output
    with tables.connect() as connection:
        assert [each.ts_code for each in store.watched(connection, DAY)] == [OTHER]
        assert connection.scalar(select(func.sum(LLM_SPENDING.c.spent_cny))) == 0
    assert len(stored(tables)) == 2
    again = run("research", MAIN, "--rules")
    assert (again.exit_code, again.output.count("# 茅台股份"), len(stored(tables))) == (0, 1, 2)


# --- replay


def test_a_report_is_made_again_without_a_model_and_without_a_key(
    tables: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PROVIDER", "MODEL", "BASE_URL", "API_KEY"):
        monkeypatch.delenv(f"LLM_{name}")
    run("research", MAIN, "--rules")  # whoever wrote it has ended with the command
    ((report_id, _),) = stored(tables)
    assert run("replay", report_id).output == f"{report_id}: the same, byte for byte\n"
    with tables.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(LLM_CALL)) == 4


def test_a_difference_is_shown_and_is_an_exit_code(tables: Engine) -> None:
    run("research", MAIN, OTHER)
    changed, same = (report_id for report_id, _ in sorted(stored(tables), reverse=True))
    with tables.begin() as connection:
        table = RESEARCH_REPORT.c
        forged = func.replace(table.markdown, "研究报告", "研究简报")
        connection.execute(update(RESEARCH_REPORT).where(table.id == changed).values(markdown=forged))
    result = run("replay", changed)
    assert result.exit_code == 1
    assert f"--- {changed} as stored\n+++ {changed} as made again" in result.output
    assert any(line.startswith("-# ") and "研究简报" in line for line in result.output.splitlines())
    assert any(line.startswith("+# ") and "研究报告" in line for line in result.output.splitlines())
    assert run("replay", same).exit_code == 0
    every = run("replay", "--all")
    assert (every.exit_code, every.output.splitlines()[-1]) == (1, "1 of 2 reports are the same, byte for byte.")


def test_the_reports_of_a_day_are_made_again(tables: Engine) -> None:
    run("research", MAIN, HALTED)
    told = "2 of 2 reports are the same, byte for byte.\n"
    assert (run("replay", "--day", DAY.isoformat()).output, run("replay", "--all").output) == (told, told)
    assert run("replay", "--day", LISTED.isoformat()).output == "0 of 0 reports are the same, byte for byte.\n"


def test_what_cannot_be_made_again_is_told_with_the_reason(tables: Engine) -> None:
    unknown = run("replay", f"{NEW}-20250303-0123456789")
    assert (unknown.exit_code, unknown.output) == (1, f"there is no report {NEW}-20250303-0123456789\n")
    assert "name reports by their ids, or a --day, or --all of them" in run("replay").output


# --- costs


def test_what_was_spent_is_shown_with_what_is_left(tables: Engine) -> None:
    assert run("costs").output.startswith("No model was asked.\nLLM_BUDGET_MONTH: CNY 500")
    run("research", MAIN, OTHER)
    ids = [report_id for report_id, _ in stored(tables)]
    with tables.connect() as connection:
        calls, spent = connection.execute(select(func.count(), func.sum(LLM_CALL.c.cost_cny))).one()
    told = run("costs", "--by", "model", "--by", "report").output
    lines = [line.split() for line in told.splitlines() if "sandbox-rules" in line]
    assert sorted(line[2] for line in lines) == sorted(ids)
    assert sum(int(line[3]) for line in lines) == calls == 7
    assert f"of 50 left, {spent:,.4f} spent or booked; it begins anew on " in told
    one = run("costs", "--report", ids[0]).output
    assert "LLM_BUDGET_REPORT: CNY 1.9" in one
    assert run("costs", "--to", "2020-01-01").output.startswith("No model was asked.")


def test_a_report_that_cannot_be_read_stops_no_other(tables: Engine) -> None:
    run("research", MAIN, OTHER)
    answer, sheet, claim = (update(table).values for table in (LLM_CALL, RESEARCH_SHEET, RESEARCH_CLAIM))
    for breaks, told in (  # each before those above it is read
        (delete(RESEARCH_NOTE).where(RESEARCH_NOTE.c.expert == "synthesis"), "KeyError"),
        (answer(response=pack(b'{"content": "{}"}')), "ValidationError: 2 validation errors"),
        (answer(response=pack(b'{"content": "I cannot."}')), "NoObject: the answer holds no JSON"),
        (claim(template="{{gone}}"), "Unprintable: There is no evidence 'gone'"),
        (claim(template="{{close"), "GrammarError"),
        (sheet(document=pack(b"{}")), "KeyError: 'ts_code'"),
        (sheet(document=b"no sheet"), "ZstdError"),
    ):
        with tables.begin() as connection:
            connection.execute(breaks)
        every = run("replay", "--all")
        *lines, last = every.output.splitlines()
        assert (every.exit_code, len(lines), last) == (1, 2, "0 of 2 reports are the same, byte for byte.")
        assert all(f"could not be made again: {told}" in line for line in lines), lines
