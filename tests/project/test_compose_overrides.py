"""What the pages lay over docker-compose.yml: valid like the file itself, and of the services that there are."""

from __future__ import annotations

import subprocess
import sys
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.native.compose import merged, overrides

ROOT = Path(__file__).parents[2]
FILE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
OVERRIDES = [
    (f"{name}-{number}", over)
    for name in ("deploy", "machines")
    for number, over in enumerate(overrides(ROOT / f"docs/{name}.md"))
]


def test_the_pages_have_those_that_are_tried() -> None:
    assert [name for name, _ in OVERRIDES] == ["deploy-0", "deploy-1", "machines-0", "machines-1"]


def test_with_all_of_them_the_file_follows_the_compose_specification(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.yml" for name, _ in OVERRIDES]
    for path, (_, over) in zip(paths, OVERRIDES, strict=True):
        path.write_text(yaml.safe_dump(merged(FILE, over)), encoding="utf-8")
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", *paths]
    result = subprocess.run(checker, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(("name", "over"), OVERRIDES)
def test_an_override_is_of_services_that_there_are_and_names_nothing_that_is_not(
    name: str, over: dict[str, Any]
) -> None:
    assert set(over["services"]) <= set(FILE["services"])
    document = merged(FILE, over)
    for service in over["services"]:
        given = document["services"][service]
        assert set(given["networks"]) <= set(document["networks"])
        assert set(given.get("secrets", [])) <= set(document["secrets"])


def test_the_other_host_asks_for_postgresql_by_the_name_that_its_certificate_bears() -> None:
    code = reduce(merged, [over for name, over in OVERRIDES if name == "machines-1"], FILE)["services"]["code"]
    assert code["environment"]["POSTGRES_SERVER"] in dict(entry.split("=") for entry in code["extra_hosts"])


def test_whoever_is_told_of_the_other_hosts_has_a_way_to_them() -> None:
    services = merged(FILE, dict(OVERRIDES)["machines-0"])["services"]
    told = {name for name, service in services.items() if "RUN_HOSTS" in service.get("environment", {})}
    assert {"daemon", "webserver", "exporter"} <= told
    assert {name for name in told if "outside" not in services[name]["networks"]} == set()


@pytest.mark.parametrize(("name", "over"), OVERRIDES)
def test_nobody_loses_a_network_or_an_address_by_an_override(name: str, over: dict[str, Any]) -> None:
    services = merged(FILE, over)["services"]
    for service, given in FILE["services"].items():
        before, after = given["networks"], services[service]["networks"]
        assert set(before) <= set(after)
        if isinstance(before, dict):
            assert {network: after[network] for network in before} == before


def test_where_the_backups_lie_on_the_host_they_lie_there_for_all_who_see_them() -> None:
    services = merged(FILE, dict(OVERRIDES)["deploy-0"])["services"]
    mounts = [
        each for service in services.values() for each in service.get("volumes", []) if "/var/lib/backups" in each
    ]
    assert {each.split(":")[0] for each in mounts} == {"/srv/backups"}
