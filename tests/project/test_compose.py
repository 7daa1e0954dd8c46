"""docker-compose.yml, without an engine: valid, closed to the outside, and speaking the settings' names."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.journal import WELL_FORMED
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.warehouse import embedded

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
    "ALERT_URLS",
    "WRITER_DATABASE_PASSWORD",
    "DAGSTER_DATABASE_PASSWORD",
    "BACKUP_DATABASE_PASSWORD",
    "MONITOR_DATABASE_PASSWORD",
}

UNNAMED = {"postgres_certificate", "postgres_key", "nginx_certificate", "nginx_key", "ui_users"}
"""Secrets that a configuration file or a command line names, and no variable."""

ROLES = {f"{role}_password" for role in ("postgres", "writer", "dagster", "api", "backup", "monitor")}
"""The passwords of the roles in PostgreSQL."""

FIRST = {"postgres", "prometheus", "alertmanager", "receiver", "grafana"}
"""Who waits for nobody."""


def test_the_file_follows_the_compose_specification() -> None:
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", FILE]
    result = subprocess.run(checker, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_services_are_those_the_documentation_names() -> None:
    page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    assert [name for name in SERVICES if f"`{name}`" not in page] == []


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
def test_the_service_has_a_limit_and_is_started_again(name: str) -> None:
    service = SERVICES[name]
    assert {"mem_limit", "pids_limit"} <= set(service)
    assert service["restart"] == ("no" if name == "migrate" else "unless-stopped")


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in OURS])
def test_what_others_made_has_a_version(name: str) -> None:
    assert re.search(r":v?\d+\.\d+", SERVICES[name]["image"])


def test_only_nginx_publishes_ports_and_only_it_is_where_others_come_in() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx"]
    assert [name for name, service in SERVICES.items() if "public" in service["networks"]] == ["nginx"]
    assert set(SERVICES["nginx"]["networks"]) == {"public", "edge"}
    assert [name for name, given in COMPOSE["networks"].items() if not (given or {}).get("internal")] == [
        "outside",
        "public",
    ]


def test_only_who_asks_others_has_a_way_out() -> None:
    assert [name for name, service in SERVICES.items() if "outside" in service["networks"]] == [
        "code",
        "alertmanager",
        "receiver",
    ]


def test_nginx_stands_before_what_it_reaches_and_knows_it_by_the_address_that_it_has() -> None:
    edge = {name: service["networks"]["edge"]["ipv4_address"] for name, service in SERVICES.items() if on_edge(service)}
    assert len(set(edge.values())) == len(edge)
    known = dict(entry.split("=") for entry in SERVICES["nginx"]["extra_hosts"])
    assert known == {name: edge[name] for name in ("api-1", "api-2", "webserver", "grafana")}
    for name in ("api-1", "api-2"):
        assert SERVICES[name]["environment"]["API_TRUSTED_PROXIES"] == edge["nginx"]


def on_edge(service: dict[str, Any]) -> bool:
    return "edge" in service["networks"]


def test_the_replicas_differ_in_nothing_but_their_address() -> None:
    first, second = ({**SERVICES[name], "networks": None} for name in ("api-1", "api-2"))
    assert first == second


def test_without_a_profile_there_is_what_serves_and_nothing_that_watches() -> None:
    watching = {name for name, service in SERVICES.items() if service.get("profiles") == ["monitoring"]}
    assert watching == {*("exporter", "postgres-exporter", "prometheus", "alertmanager", "receiver", "grafana")}
    for name, service in SERVICES.items():
        assert name in watching or watching.isdisjoint(service.get("depends_on", {}))


def test_the_metrics_are_told_inside_and_published_nowhere() -> None:
    for name in ("api-1", "api-2"):
        _, port = SERVICES[name]["environment"]["METRICS_ADDRESS"].split(":")
        assert port in SERVICES[name]["expose"]
    published = [each.rpartition(":")[2] for each in SERVICES["nginx"]["ports"]]
    assert published == ["8080", "8443"]


def test_nginx_takes_over_the_ids_that_the_api_takes_over() -> None:
    configuration = (ROOT / "deploy/nginx/nginx.conf").read_text(encoding="utf-8")
    assert f'"~^{WELL_FORMED.pattern.decode()}$" $http_x_request_id;' in configuration


def test_secrets_come_as_files_and_each_service_is_given_those_that_it_names() -> None:
    for service in SERVICES.values():
        environment = service.get("environment", {})
        assert not SECRETS & set(environment)
        named = set(re.findall(r"/run/secrets/(\w+)", str(service)))
        assert named | UNNAMED >= set(service.get("secrets", []))
        assert named <= set(service.get("secrets", []))
        assert named <= set(COMPOSE["secrets"])


def test_each_service_has_the_password_of_its_own_role_and_no_other() -> None:
    given = {name: {each for each in service.get("secrets", []) if each in ROLES} for name, service in SERVICES.items()}
    assert given == {
        **{name: set() for name in ("nginx", "prometheus", "alertmanager", "receiver", "grafana")},
        **{name: {"writer_password", "dagster_password"} for name in ("code", "webserver", "daemon")},
        **{name: {"api_password"} for name in ("api-1", "api-2")},
        **{name: {"monitor_password"} for name in ("exporter", "postgres-exporter")},
        "backup": {"backup_password"},
        "postgres": {"postgres_password"},
        "migrate": ROLES,
    }


def test_whoever_connects_to_postgresql_looks_whether_it_is_the_right_one() -> None:
    for name in OURS:
        assert SERVICES[name]["environment"]["POSTGRES_SSLMODE"] == "verify-full"
    assert "sslmode=verify-full" in SERVICES["postgres-exporter"]["environment"]["DATA_SOURCE_URI"]
    rules = (ROOT / "deploy/postgres/pg_hba.conf").read_text(encoding="utf-8").splitlines()
    kinds = {line.split()[0] for line in rules if line and not line.startswith("#")}
    assert kinds == {"local", "hostssl"}


def test_postgresql_is_set_as_the_embedded_one_is() -> None:
    given = dict(word[2:].split("=", 1) for word in SERVICES["postgres"]["command"] if word.startswith("-c"))
    assert embedded.TUNING.items() <= given.items()
    assert given["max_slot_wal_keep_size"] == "10GB"  # a lost receiver of WAL does not fill the disk


def test_every_file_that_is_mounted_is_there() -> None:
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    made = {"./deploy/nginx/local"}  # by deploy/prepare.py
    assert [path for path in mounted - made if path.startswith("./") and not (ROOT / path).exists()] == []


def test_the_api_connects_as_the_role_that_can_only_read() -> None:
    for name in ("api-1", "api-2"):
        given = SERVICES[name]["environment"].keys()
        assert given.isdisjoint({"POSTGRES_USER", "POSTGRES_PASSWORD_FILE", "API_OPEN_ON_LOOPBACK"})


def test_each_waits_for_what_it_needs() -> None:
    for name, service in SERVICES.items():
        for other, wait in service.get("depends_on", {}).items():
            assert other in SERVICES
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other] or "build" in SERVICES[other]
            else:
                assert (wait["condition"], SERVICES[other]["restart"]) == ("service_completed_successfully", "no")
        assert name in FIRST or "depends_on" in service


def test_every_volume_and_network_is_declared() -> None:
    mounts = [mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])]
    volumes = {mount for mount in mounts if not mount.startswith(".")}
    networks = {network for service in SERVICES.values() for network in service["networks"]}
    assert volumes == set(COMPOSE["volumes"])
    assert networks == set(COMPOSE["networks"])
