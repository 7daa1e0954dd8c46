"""`.env.example` names every variable that can be set, with its default and a line that says what it means."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from dotenv import dotenv_values

from stock_assistant_pipelines.settings import Settings

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / ".env.example"
BY_UP = {"api_url", "api_drain_seconds", "api_open_on_loopback"}
"""What `up` decides by itself where it is not set: written out it would be."""
COMPOSE_VARIABLES = set(re.findall(r"\$\{([A-Z0-9_]+)", (ROOT / "docker-compose.yml").read_text(encoding="utf-8")))


def test_every_setting_and_nothing_unknown_is_in_the_example() -> None:
    settings = {name.upper() for name in Settings.model_fields}
    assert set(dotenv_values(EXAMPLE)) == settings | COMPOSE_VARIABLES | {"SECRETS_DIR"}


def test_the_values_in_the_example_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    assert Settings(_env_file=EXAMPLE) == Settings(_env_file=None)


def test_a_default_is_written_out_where_there_is_one() -> None:
    values = dotenv_values(EXAMPLE)
    for name, field in Settings.model_fields.items():
        has_default = field.default_factory is None and field.default is not None and name not in BY_UP
        assert bool(values[name.upper()]) == has_default, name


def test_each_variable_has_a_comment_above_it() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    bare = [line for above, line in pairwise(lines) if "=" in line and line[0] != "#" and above[:1] != "#"]
    assert bare == []
