"""`stock-assistant backup`: what is wrong is one line, and an identity is written once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from stock_assistant_pipelines import settings as module
from stock_assistant_pipelines.backup.sealing import Seal
from stock_assistant_pipelines.backup.status import doing
from stock_assistant_pipelines.cli import main
from stock_assistant_pipelines.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result


@pytest.fixture
def backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Run the command for an installation that has no backup yet."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    module.settings.cache_clear()
    yield lambda *words: CliRunner().invoke(main, ["backup", *words])
    module.settings.cache_clear()


def test_before_the_first_backup_there_is_nothing_to_restore_or_to_be_glad_of(
    backup: Callable[..., Result], tmp_path: Path
) -> None:
    status = backup("status")
    assert (status.exit_code, status.output) == (1, "[]\n")
    for words in (("test",), ("restore", str(tmp_path / "restored"))):
        result = backup(*words)
        assert result.exit_code == 1
        assert result.output.startswith("Error: ")
        assert "holds no b" in result.output
    assert backup("list").output == ""
    assert backup("tidy").output == "There is nothing to delete.\n"


def test_the_status_is_an_exit_code(backup: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "backups" / "status.json"
    with doing(path, "dump"):
        pass
    assert backup("status").exit_code == 0
    with pytest.raises(OSError, match="full"), doing(path, "dump"):
        raise OSError("the disk is full")
    assert backup("status").exit_code == 1


def test_a_moment_is_one_or_is_refused(backup: Callable[..., Result], tmp_path: Path) -> None:
    result = backup("restore", str(tmp_path / "restored"), "--to", "yesterday")
    assert result.exit_code == 2
    assert "takes a moment such as" in result.output


def test_a_dump_is_not_loaded_into_the_embedded_server(backup: Callable[..., Result]) -> None:
    assert "into a server of your own" in backup("load").output


def test_an_identity_is_written_once_and_is_one_that_the_settings_take(
    backup: Callable[..., Result], tmp_path: Path
) -> None:
    path = tmp_path / "identity"
    recipient = backup("key", str(path)).output.strip()
    assert path.stat().st_mode & 0o777 == 0o600
    assert "is never written over" in backup("key", str(path)).output
    settings = Settings(_env_file=None, backup_recipient=recipient, backup_identity=path.read_text())
    assert Seal(settings.backup_recipient, settings.backup_identity).opens
