"""Dagster's programs leave the `.env` of the working directory to our settings."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click
from dagster._cli import utils
from dagster._cli.utils import get_possibly_temporary_instance_for_cli

from stock_assistant_pipelines.defs import programs

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_an_empty_value_in_it_takes_nothing_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("TUSHARE_TOKEN=\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUSHARE_TOKEN", "sandbox")
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setattr(utils, "get_env_var_dict", utils.get_env_var_dict)  # so that it is taken back
    monkeypatch.setattr(sys, "argv", ["programs", "dagster", "--version"])
    seen = []

    @click.command()
    @click.option("--version", is_flag=True)
    def program(version: bool) -> None:
        with get_possibly_temporary_instance_for_cli():
            seen.append((version, os.environ["TUSHARE_TOKEN"]))

    monkeypatch.setattr("dagster._cli.main", program.main)
    with monkeypatch.context() as context:
        context.setattr(sys, "exit", lambda *_: None)
        programs.main()
    assert seen == [(True, "sandbox")]
