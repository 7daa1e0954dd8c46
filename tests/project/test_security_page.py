"""The page on security tells of what there is: tests, commands, files of secrets, settings."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.warehouse.roles import ROLES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
RUNBOOK = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


def test_every_test_that_it_names_is_there() -> None:
    named = re.findall(r"`(tests/\S+\.py)`", PAGE)
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_every_threat_says_where_it_is_tested() -> None:
    (table,) = re.findall(r"## Threats\n\n(.*?)\n\n", PAGE, flags=re.DOTALL)
    _, _, *rows = table.splitlines()
    assert [row for row in rows if "`tests/" not in row.split("|")[3]] == []


def test_every_command_of_make_that_it_names_is_there() -> None:
    named = set(re.findall(r"`make ([a-z]+)", PAGE))
    assert (
        {"audit", "sbom", "licences", "lock"} <= named <= set(re.findall(r"^([a-z]+):", MAKEFILE, flags=re.MULTILINE))
    )


def test_every_role_and_every_secret_is_told_of() -> None:
    for role in ROLES:
        assert role.name in PAGE
    for name in Settings.model_fields:
        if name.endswith(("_token", "_key", "_fallbacks")) or name == "alert_urls":
            assert f"`{name}`" in PAGE, name


def test_whoever_holds_the_addresses_of_the_channels_is_given_the_new_ones() -> None:
    holders = {name for name, service in SERVICES.items() if "alert_urls" in service.get("secrets", [])}
    for page in (PAGE, RUNBOOK):
        _, then = re.split(r"(?:write|change) `secrets/alert_urls`", page)
        assert set(then.partition("--force-recreate ")[2].partition("`")[0].split()) == holders
