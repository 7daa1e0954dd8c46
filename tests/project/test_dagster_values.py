"""The values for Dagster's chart: keys that it knows, Dagster's instance in Kubernetes, and runs that Kubernetes takes.

The chart itself is not here: its keys were listed from its schema, and what it hands on is given to Dagster's own classes.
"""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from dagster import DagsterRun
from dagster._config import process_config, resolve_to_config_type
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.instance.config import dagster_instance_config
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._serdes.config_class import ConfigurableClassData
from dagster_k8s import K8sRunLauncher
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import construct_dagster_k8s_job
from dagster_postgres.utils import pg_url_from_config
from kubernetes.client import ApiClient

from stock_assistant_pipelines.defs.storage import Storage
from stock_assistant_pipelines.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy/kubernetes/dagster-values.yaml").read_text(encoding="utf-8")
VALUES: dict[str, Any] = yaml.safe_load(TEXT)
INSTANCE_FILE = ROOT / "deploy/kubernetes/dagster.yaml"
INSTANCE: dict[str, Any] = yaml.safe_load(INSTANCE_FILE.read_text(encoding="utf-8"))
EVERYWHERE: dict[str, Any] = yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))
API: dict[str, Any] = yaml.safe_load((ROOT / "deploy/kubernetes/api/values.yaml").read_text(encoding="utf-8"))
(CODE,) = VALUES["dagster-user-deployments"]["deployments"]
WEBSERVER = VALUES["dagsterWebserver"]
DAEMON = VALUES["dagsterDaemon"]
PARTS = {"code": CODE, "webserver": WEBSERVER, "daemon": DAEMON}

POD = {"image", "env", "volumes", "volumeMounts", "podSecurityContext", "securityContext", "resources"}
KNOWN: dict[str, set[str]] = {
    "": {
        *("global", "generatePostgresqlPasswordSecret", "postgresql", "rabbitmq", "redis", "flower", "migrate"),
        *("ingress", "telemetry", "dagster-user-deployments", "dagsterWebserver", "dagsterDaemon", "runLauncher"),
    },
    "global": {"dagsterHome", "postgresqlSecretName"},
    "postgresql": {"enabled", "postgresqlHost", "postgresqlUsername", "postgresqlDatabase", "service"},
    "dagster-user-deployments": {"enabled", "enableSubchart", "deployments"},
    "dagsterWebserver": {*POD, "replicaCount", "enableReadOnly", "service"},
    "dagsterWebserver.service": {"type", "port"},
    "dagsterDaemon": {*POD, "enabled"},
    "runLauncher": {"type"},
}
"""The keys that the chart of this version knows, of those that are used."""

DAGSTERS = {"DAGSTER_HOME", "DAGSTER_STORAGE_DIR", "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"}
"""Variables that Dagster reads, and no setting of ours."""

CODE_KEYS = {*POD, "name", "dagsterApiGrpcArgs", "port", "includeConfigInLaunchedRuns"}

OWN = {"storage", "compute_logs", "run_launcher", "run_monitoring", "code_servers"}
"""What Dagster's instance says differently in Kubernetes than elsewhere."""

SECRETS = "/run/secrets/stock-assistant/"


def environment(part: str) -> dict[str, str]:
    return {each["name"]: each["value"] for each in PARTS[part]["env"]}


@pytest.mark.parametrize("path", KNOWN)
def test_every_key_is_one_that_the_chart_knows(path: str) -> None:
    part = VALUES
    for name in filter(None, path.split(".")):
        part = part[name]
    assert set(part) <= KNOWN[path]


def test_the_code_server_is_described_as_the_chart_does() -> None:
    assert set(CODE) <= CODE_KEYS
    assert CODE["dagsterApiGrpcArgs"] == ["-m", "stock_assistant_pipelines.definitions"]


def test_chart_launcher_and_dagster_are_of_one_version() -> None:
    assert f"version {version('dagster')}:" in TEXT
    assert version("dagster-k8s").split(".")[1:] == ["29", version("dagster").split(".")[2]]


def test_dagster_accepts_every_key_of_the_instance(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_bytes(INSTANCE_FILE.read_bytes())
    accepted, custom_class = dagster_instance_config(str(tmp_path))
    assert accepted == INSTANCE
    assert custom_class is None


def test_the_instance_says_what_it_says_everywhere_but_where_kubernetes_differs() -> None:
    same = [{key: told[key] for key in told if key not in OWN} for told in (INSTANCE, EVERYWHERE)]
    assert same[0] == same[1]
    here, elsewhere = INSTANCE["run_monitoring"], EVERYWHERE["run_monitoring"]
    for key in ("enabled", "max_runtime_seconds", "free_slots_after_run_end_seconds"):
        assert here[key] == elsewhere[key]
    assert here["max_resume_run_attempts"] == 0, "a run goes on where its books say, not where it was"


def test_the_storage_is_the_one_that_keeps_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    storage, elsewhere = (told["storage"]["custom"] for told in (INSTANCE, EVERYWHERE))
    assert (storage["module"], storage["class"]) == (elsewhere["module"], elsewhere["class"])
    monkeypatch.setenv("POSTGRES_SERVER", "db.example.com")
    monkeypatch.setenv("DAGSTER_PG_PASSWORD", "of dagster")
    read = process_config(resolve_to_config_type(Storage.config_type()), storage["config"])
    assert read.success, read.errors
    address = pg_url_from_config(read.value or {})
    assert address.startswith(
        "postgresql+psycopg2://stock_assistant_dagster:of%20dagster@db.example.com:5432/stock_assistant_dagster?"
    )
    assert storage["config"]["postgres_db"]["params"] == {
        "sslmode": "verify-full",
        "sslrootcert": f"{SECRETS}ca.crt",
        "options": "-ctimezone=UTC",
    }


@pytest.mark.parametrize("part", ["webserver", "daemon"])
def test_webserver_and_daemon_read_our_instance_and_not_the_charts(part: str) -> None:
    home = environment(part)["DAGSTER_HOME"]
    assert home != VALUES["global"]["dagsterHome"], "there lies the one that the chart makes"
    (mount,) = [each for each in PARTS[part]["volumeMounts"] if each["mountPath"] == home]
    (volume,) = [each for each in PARTS[part]["volumes"] if each["name"] == mount["name"]]
    assert volume["configMap"]["name"] == INSTANCE["run_launcher"]["config"]["instance_config_map"]
    given = set(environment(part)) | {"DAGSTER_PG_PASSWORD"}  # by the chart
    assert {name for name in references(INSTANCE) if name not in given} == set()


def test_a_command_in_the_code_servers_pod_finds_our_instance_as_the_page_says() -> None:
    page = (ROOT / "docs/kubernetes.md").read_text(encoding="utf-8").replace("\\\n", " ")
    asked = [line for line in page.splitlines() if re.search(r" -- .*stock-assistant (backfill|holes)", line)]
    assert asked
    home = environment("daemon")["DAGSTER_HOME"]
    assert [line for line in asked if f"env DAGSTER_HOME={home} stock-assistant" not in line] == []
    assert home in {mount["mountPath"] for mount in CODE["volumeMounts"]}
    assert set(references(INSTANCE)) <= {*environment("code"), "DAGSTER_PG_PASSWORD"}


def references(told: Any) -> list[str]:
    """The variables of which something is read."""
    if isinstance(told, dict):
        return [told["env"]] if set(told) == {"env"} else [name for each in told.values() for name in references(each)]
    return [name for each in told for name in references(each)] if isinstance(told, list) else []


@pytest.mark.parametrize("part", PARTS)
def test_each_pod_has_the_passwords_of_the_pipelines_and_no_other(part: str) -> None:
    (secret,) = [each["secret"] for each in PARTS[part]["volumes"] if "secret" in each]
    keys = {item["key"] for item in secret["items"]}
    assert {key for key in keys if key.endswith("_password")} == {"writer_password", "dagster_password"}
    assert secret["secretName"] != API["migrate"]["ownerSecret"]
    read = {path.removeprefix(SECRETS) for path in environment(part).values() if path.startswith(SECRETS)}
    assert keys - read <= {"ca.crt"}, "what is mounted is read, so that it is known and never written down"
    assert read <= keys


@pytest.mark.parametrize("part", PARTS)
def test_every_variable_is_one_that_is_read_and_no_secret_is_written_down(part: str) -> None:
    known = {name.upper() for name in Settings.model_fields} | DAGSTERS
    for name, value in environment(part).items():
        assert name in known or name.removesuffix("_FILE") in known
        if any(word in name for word in ("PASSWORD", "TOKEN", "API_KEY", "URLS", "FALLBACKS")):
            assert value.startswith(SECRETS)


def test_backfills_wait_for_the_code_server() -> None:
    assert environment("daemon")["DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"] == "1"


def test_the_code_server_has_a_name_of_its_own_by_which_the_exporter_asks_it() -> None:
    assert API["exporter"]["codeServer"] == f"{CODE['name']}:{CODE['port']}"
    assert CODE["name"] != "stock-assistant", "the chart names a service so, and the API's is called that"


def test_nobody_needs_a_capability_to_listen() -> None:
    assert WEBSERVER["service"]["port"] >= 1024


def test_everything_runs_as_the_images_user_with_a_root_that_nobody_writes() -> None:
    for part in PARTS.values():
        assert part["podSecurityContext"]["runAsUser"] == 10001
        assert part["securityContext"]["readOnlyRootFilesystem"]
        assert part["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert part["resources"]["limits"]["memory"]
        assert part["image"] == CODE["image"]


def test_a_run_becomes_a_job_that_kubernetes_takes(tmp_path: Path) -> None:
    launcher = run_launcher(tmp_path / "kubeconfig")
    of_code_server = {
        "env": CODE["env"],
        "volumes": CODE["volumes"],
        "volume_mounts": CODE["volumeMounts"],
        "resources": CODE["resources"],
    }
    repository = RepositoryPythonOrigin("python", LOADED, container_context={"k8s": of_code_server})
    run = DagsterRun("daily", job_code_origin=JobPythonOrigin("daily", repository))
    context = K8sContainerContext.create_for_run(run, launcher, include_run_tags=False)
    job = construct_dagster_k8s_job(
        context.get_k8s_job_config("stock-assistant-pipelines:0.1.0", launcher),
        ["dagster", "api", "execute_run"],
        "dagster-run",
        user_defined_k8s_config=context.run_k8s_config,
    )
    manifest = ApiClient().sanitize_for_serialization(job)
    kubernetes_validate.validate(manifest, "1.37", strict=True)
    pod = manifest["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    assert manifest["spec"]["backoffLimit"] == 0, "a run is started again by Dagster, and by nobody else"
    assert pod["terminationGracePeriodSeconds"] == 120
    assert pod["securityContext"] == CODE["podSecurityContext"]
    (container,) = pod["containers"]
    assert "command" not in container, "the image's entrypoint finds the database"
    assert container["securityContext"] == CODE["securityContext"]
    (secret,) = [each["secret"] for each in pod["volumes"] if "secret" in each]
    assert secret["items"] == CODE["volumes"][0]["secret"]["items"]
    variables = {each["name"]: each for each in container["env"]}
    assert len(variables) == len(container["env"]), "one name would hide another"
    assert variables["DAGSTER_PG_PASSWORD"]["valueFrom"]["secretKeyRef"]["name"] == "stock-assistant-dagster"
    assert variables["DAGSTER_HOME"]["value"] == environment("daemon")["DAGSTER_HOME"]
    assert variables["DAGSTER_HOME"]["value"] in {mount["mountPath"] for mount in container["volumeMounts"]}


LOADED = ModuleCodePointer("stock_assistant_pipelines.definitions", "defs", working_directory=None)

CLUSTER = """
apiVersion: v1
kind: Config
current-context: none
contexts: [{name: none, context: {cluster: none, user: none}}]
clusters: [{name: none, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: none, user: {}}]
"""
"""A cluster that is not there: nothing is asked of it."""


def run_launcher(kubeconfig: Path) -> K8sRunLauncher:
    """The launcher, as Dagster makes it of the instance; only the cluster is another."""
    kubeconfig.write_text(CLUSTER, encoding="utf-8")
    told = INSTANCE["run_launcher"]
    config = {**told["config"], "load_incluster_config": False, "kubeconfig_file": str(kubeconfig)}
    made = ConfigurableClassData(told["module"], told["class"], yaml.safe_dump(config)).rehydrate(
        as_type=K8sRunLauncher
    )
    assert type(made).__name__ == VALUES["runLauncher"]["type"], "for which the chart gives the rights"
    return made
