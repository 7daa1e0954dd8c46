"""`stock-assistant backfill`: what it refuses, what it says beforehand, what it leaves with Dagster."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date, datetime
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from click.testing import CliRunner
from dagster._core.execution.backfill import BulkActionStatus

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.cli import main, services
from stock_assistant_pipelines.cli.backfill import Asked
from stock_assistant_pipelines.sandbox.server import TOKEN
from stock_assistant_pipelines.settings import SHANGHAI, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stock_assistant_pipelines.sandbox.server import Running
    from stock_assistant_pipelines.warehouse.database import Database

SPAN = ("--from", "2025-12-22", "--to", "2026-01-09")


@pytest.fixture(autouse=True)
def _installation(
    database: Database, sandbox: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """What the command finds in its environment. No service runs."""
    for name, value in {
        "DATABASE_URL": database.url.render_as_string(hide_password=False),
        "TUSHARE_TOKEN": TOKEN,
        "TUSHARE_BASE_URL": sandbox.url,
        "DATA_DIR": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    for name in (
        "DAGSTER_HOME",
        "DAGSTER_PG_URL",
        "DAGSTER_STORAGE_DIR",
        "DAGSTER_EVENT_BATCH_SIZE",
        services.PATIENT_BACKFILLS,
    ):
        monkeypatch.setenv(name, "")  # so that what the command sets is taken back
    settings.cache_clear()
    yield
    settings.cache_clear()


def backfill(*words: str, answer: str | None = None) -> tuple[int, str]:
    """Run the command."""
    result = CliRunner().invoke(main, ["backfill", *words], input=answer)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["earnings"], "there is no dataset earnings; there are trade_cal, "),
        ([], "name the datasets, or say --all"),
        (["daily", "--all"], "not both"),
        (["daily", "--from", "2026-02-01", "--to", "2026-01-31"], "exchange them"),
        (["daily", "--from", "1990-12-18"], "is before 1990-12-19, the market's first day"),
        (["daily", "--to", "2099-01-01"], "is not there yet: the newest day is "),
        (["daily", "--from", "yesterday"], "'yesterday' does not match"),
        (["--watch"], "no backfill of this command is under way"),
        (["--cancel"], "no backfill of this command is under way"),
    ],
)
def test_what_makes_no_sense_is_told_in_a_line(words: list[str], told: str) -> None:
    code, output = backfill(*words)
    assert code in {1, 2}
    assert told in output.splitlines()[-1]


@pytest.mark.parametrize(
    ("names", "hour", "last"),
    [
        (("daily", "adj_factor"), 14, date(2026, 3, 3)),
        (("daily", "adj_factor"), 16, date(2026, 3, 4)),
        (("adj_factor",), 14, date(2026, 3, 4)),
        (("daily_basic",), 16, date(2026, 3, 3)),
    ],
)
def test_it_ends_with_the_newest_day_of_which_everything_is_published(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], hour: int, last: date
) -> None:
    monkeypatch.setattr(calendar, "now", lambda: datetime(2026, 3, 4, hour, 30, tzinfo=SHANGHAI))
    assert Asked(names).target().last == last


def test_what_it_takes_is_told_before_it_asks_and_no_leaves_everything_as_it_is() -> None:
    code, output = backfill("index_daily", *SPAN, answer="n\n")
    assert code == 1
    figures = {line.split()[0]: line.split()[1:] for line in output.splitlines() if line.strip()}
    assert figures["index_daily"] == ["15", "0", "16", "120", "0.1"], "8 indices in 2 years"
    assert figures["index_basic"][:3] == ["all", "0", "6"]
    assert "The trading days are not known yet" in output
    assert backfill("--watch")[0] == 1


def test_who_interrupts_it_is_told_that_the_same_command_goes_on_and_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(services, "running", lambda *_: nullcontext())
    monkeypatch.setattr("stock_assistant_pipelines.cli.backfill.follow", interrupted)
    code, output = backfill("index_daily", *SPAN, "--yes")
    assert code == 1
    assert "Starting Dagster" in output
    assert output.splitlines()[-1] == "Stopping … What has landed stays; the same command goes on from there."
    code, output = backfill("index_daily", *SPAN, "--yes", "--detach")
    assert (code, "goes on" in output, "3 backfills" in output) == (0, True, True)
    with dg.DagsterInstance.get() as dagster:
        assert len(dagster.get_backfills()) == 3


def test_a_backfill_is_handed_over_year_by_year_found_again_and_cancelled() -> None:
    code, output = backfill("index_daily", *SPAN, "--yes", "--detach")
    assert code == 0
    assert "Handed over to Dagster: 3 backfills, the newest year first. " in output
    with dg.DagsterInstance.get() as dagster:
        launched = sorted(dagster.get_backfills(), key=lambda each: each.backfill_timestamp)
    assert [each.title for each in launched] == [
        "trade_cal, index_basic",
        "2026-01-01 to 2026-01-09",
        "2025-12-22 to 2025-12-31",
    ]
    assert [each.tags["dagster/priority"] for each in launched] == ["-1", "-2", "-3"]

    code, output = backfill("index_daily", *SPAN, "--yes", "--detach")
    assert code == 0
    assert "goes on" in output
    code, output = backfill("--watch")
    assert code == 1
    assert "no service runs that would carry it on" in output
    code, output = backfill("daily", *SPAN, "--yes", "--detach")
    assert code == 1
    assert "another backfill is under way" in output
    with dg.DagsterInstance.get() as dagster:
        assert len(dagster.get_backfills()) == 3, "the same is not asked for twice"

    assert backfill("--cancel")[0] == 0
    with dg.DagsterInstance.get() as dagster:
        assert {each.status for each in dagster.get_backfills()} == {BulkActionStatus.CANCELING}
