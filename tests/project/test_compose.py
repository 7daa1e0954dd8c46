"""docker-compose.yml, without an engine: valid, closed to the outside, and speaking the settings' names."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from stock_assistant_pipelines.settings import Settings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")

SETTINGS = {name.upper() for name in Settings.model_fields}
DAGSTER = {"DAGSTER_HOME", "DAGSTER_STORAGE_DIR"}
SECRETS = {
    "POSTGRES_PASSWORD",
    "API_DATABASE_PASSWORD",
    "TUSHARE_TOKEN",
    "DATABASE_URL",
    "LLM_API_KEY",
    "LLM_FALLBACKS",
    "BOCHA_API_KEY",
}


def test_the_file_follows_the_compose_specification() -> None:
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", FILE]
    result = subprocess.run(checker, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_services_are_those_the_documentation_names() -> None:
    assert list(SERVICES) == ["postgres", "migrate", "code", "webserver", "daemon", "api", "backup"]


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_one_that_the_settings_read(name: str) -> None:
    known = SETTINGS | {f"{setting}_FILE" for setting in SETTINGS} | DAGSTER
    assert set(SERVICES[name]["environment"]) <= known


@pytest.mark.parametrize("name", SERVICES)
def test_the_service_runs_as_someone_who_is_not_root(name: str) -> None:
    service = SERVICES[name]
    if "build" in service:
        stage = DOCKERFILE.split(f" AS {service['build']['target']}\n")[1].split("\nFROM ")[0]
        user = re.findall(r"^USER (\S+)", stage, flags=re.MULTILINE)[-1]
    else:
        user = service["user"]
    assert user.split(":")[0] not in {"", "0", "root"}


@pytest.mark.parametrize("name", SERVICES)
def test_the_service_is_closed_up_and_its_log_ends(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert "privileged" not in service
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_on_loopback_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


def test_what_has_no_password_is_on_the_inner_network_only() -> None:
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert SERVICES["postgres"]["networks"] == ["inside"]
    assert "ports" not in SERVICES["postgres"]
    assert "ports" not in SERVICES["code"]


def test_the_metrics_are_told_inside_and_published_nowhere() -> None:
    _, port = SERVICES["api"]["environment"]["METRICS_ADDRESS"].split(":")
    assert SERVICES["api"]["expose"] == [port]
    published = [each.rpartition(":")[2] for service in SERVICES.values() for each in service.get("ports", [])]
    assert port not in published


def test_secrets_come_as_files_and_the_api_is_given_neither_the_token_nor_the_owners_password() -> None:
    for service in SERVICES.values():
        environment = service["environment"]
        assert not SECRETS & set(environment)
        files = {value for variable, value in environment.items() if variable.endswith("_FILE")}
        assert files == {f"/run/secrets/{secret}" for secret in service["secrets"]}
        assert set(service["secrets"]) <= set(COMPOSE["secrets"])
    assert SERVICES["api"]["secrets"] == ["api_password"]


def test_the_api_connects_as_the_role_that_can_only_read() -> None:
    assert SERVICES["api"]["environment"].keys().isdisjoint({"POSTGRES_USER", "POSTGRES_PASSWORD_FILE"})
    assert "API_OPEN_ON_LOOPBACK" not in SERVICES["api"]["environment"]


def test_the_backups_are_made_by_the_role_that_reads_and_replicates_and_a_lost_receiver_does_not_fill_the_disk() -> (
    None
):
    assert SERVICES["backup"]["environment"]["POSTGRES_USER"] == "stock_assistant_backup"
    assert SERVICES["backup"]["secrets"] == ["backup_password"]
    assert SERVICES["backup"]["profiles"] == ["backup"]
    assert "max_slot_wal_keep_size=10GB" in SERVICES["postgres"]["command"]


def test_each_waits_for_what_it_needs() -> None:
    for name, service in SERVICES.items():
        for other, wait in service.get("depends_on", {}).items():
            assert other in SERVICES
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other] or "build" in SERVICES[other]
            else:
                assert (wait["condition"], SERVICES[other]["restart"]) == ("service_completed_successfully", "no")
        assert name == "postgres" or "depends_on" in service


def test_every_volume_and_network_is_declared() -> None:
    volumes = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}
    networks = {network for service in SERVICES.values() for network in service["networks"]}
    assert volumes == set(COMPOSE["volumes"])
    assert networks == set(COMPOSE["networks"])
