"""Which sandbox a command asks where there is no token."""

from __future__ import annotations

import io
from contextlib import nullcontext
from typing import TYPE_CHECKING

from rich.console import Console

from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.cli.sandboxed import asked_instead
from stock_assistant_pipelines.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    import pytest


def test_the_sandbox_of_services_that_are_gone_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[services.Service] = []

    def start(wanted: list[services.Service], _: Mapping[str, str]) -> AbstractContextManager[None]:
        started.extend(wanted)
        return nullcontext()

    monkeypatch.setattr(services, "running", start)
    (tmp_path / services.SANDBOX).write_text("http://127.0.0.1:1/dataapi")
    out = io.StringIO()
    with asked_instead(Settings(data_dir=tmp_path), Console(file=out)) as url:
        assert [own.url for own in started] == [str(url).replace("/dataapi", "/_sandbox/health")]
    assert "SANDBOX DATA" in out.getvalue()


def test_with_a_token_tushare_itself_is_asked(tmp_path: Path) -> None:
    with asked_instead(Settings(data_dir=tmp_path, tushare_token="real"), Console()) as url:
        assert url is None
