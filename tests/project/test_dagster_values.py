"""The values for Dagster's chart: keys that it knows, what dagster.yaml says too, and runs that Kubernetes takes.

The chart itself is not here: its keys were listed from its schema, and what it hands on is given to Dagster's own classes.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._serdes.config_class import ConfigurableClassData
from dagster_k8s import K8sRunLauncher
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import construct_dagster_k8s_job
from kubernetes.client import ApiClient

from stock_assistant_pipelines.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy/kubernetes/dagster-values.yaml").read_text(encoding="utf-8")
VALUES: dict[str, Any] = yaml.safe_load(TEXT)
OURS: dict[str, Any] = yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))
(CODE,) = VALUES["dagster-user-deployments"]["deployments"]
DAEMON = VALUES["dagsterDaemon"]

POD = {"image", "env", "volumes", "volumeMounts", "podSecurityContext", "securityContext", "resources"}
KNOWN: dict[str, set[str]] = {
    "": {
        *(
            "global",
            "generatePostgresqlPasswordSecret",
            "postgresql",
            "rabbitmq",
            "redis",
            "flower",
            "migrate",
            "ingress",
        ),
        *("telemetry", "dagster-user-deployments", "dagsterWebserver", "dagsterDaemon", "runLauncher", "retention"),
    },
    "global": {"dagsterHome", "postgresqlSecretName"},
    "postgresql": {
        *(
            "enabled",
            "postgresqlHost",
            "postgresqlUsername",
            "postgresqlDatabase",
            "postgresqlScheme",
            "postgresqlParams",
        ),
        "service",
    },
    "dagster-user-deployments": {"enabled", "enableSubchart", "deployments"},
    "dagsterWebserver": {*POD, "replicaCount", "enableReadOnly"},
    "dagsterDaemon": {*POD, "enabled", "runCoordinator", "runMonitoring", "runRetries"},
    "dagsterDaemon.runMonitoring": {
        *("enabled", "startTimeoutSeconds", "pollIntervalSeconds", "maxResumeRunAttempts", "maxRuntimeSeconds"),
        "freeSlotsAfterRunEndSeconds",
    },
    "dagsterDaemon.runRetries": {"enabled", "maxRetries", "retryOnAssetOrOpFailure"},
    "runLauncher.config.k8sRunLauncher": {
        *(
            "imagePullPolicy",
            "loadInclusterConfig",
            "envConfigMaps",
            "envSecrets",
            "envVars",
            "volumeMounts",
            "volumes",
        ),
        "runK8sConfig",
    },
    "retention": {"enabled", "schedule", "sensor"},
}
"""The keys that the chart of this version knows, of those that are used."""

ROLES_AND_TLS = ("DAGSTER_DATABASE_PASSWORD", "POSTGRES_SSLMODE", "POSTGRES_SSLROOTCERT")

CODE_KEYS = {*POD, "name", "dagsterApiGrpcArgs", "port", "includeConfigInLaunchedRuns"}


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


def test_the_queue_is_that_of_dagster_yaml() -> None:
    coordinator = DAEMON["runCoordinator"]["config"]["customRunCoordinator"]
    data = ConfigurableClassData(coordinator["module"], coordinator["class"], yaml.safe_dump(coordinator["config"]))
    assert isinstance(data.rehydrate(as_type=QueuedRunCoordinator), QueuedRunCoordinator)
    assert coordinator["config"] == {**OURS["concurrency"]["runs"], **OURS["run_coordinator"]["config"]}


def test_runs_are_retried_and_ended_as_dagster_yaml_says() -> None:
    retries, monitoring = DAEMON["runRetries"], DAEMON["runMonitoring"]
    assert retries["maxRetries"] == OURS["run_retries"]["max_retries"]
    assert retries["retryOnAssetOrOpFailure"] is OURS["run_retries"]["retry_on_asset_or_op_failure"]
    assert monitoring["maxRuntimeSeconds"] == OURS["run_monitoring"]["max_runtime_seconds"]
    assert monitoring["freeSlotsAfterRunEndSeconds"] == OURS["run_monitoring"]["free_slots_after_run_end_seconds"]
    assert monitoring["maxResumeRunAttempts"] == 0, "a run goes on where its books say, not where it was"
    assert {"name": "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR", "value": "1"} in DAEMON["env"]


def test_events_are_written_by_the_driver_that_can_and_in_utc() -> None:
    postgres = VALUES["postgresql"]
    assert not postgres["enabled"]
    assert postgres["postgresqlScheme"] == "postgresql+psycopg2"
    assert postgres["postgresqlParams"]["options"] == "-ctimezone=UTC"


def test_every_variable_is_one_that_is_read_and_no_secret_is_written_down() -> None:
    known = {name.upper() for name in Settings.model_fields} | {"DAGSTER_STORAGE_DIR", *ROLES_AND_TLS}
    for variable in CODE["env"]:
        assert variable["name"].removesuffix("_FILE") in known
        if any(word in variable["name"] for word in ("PASSWORD", "TOKEN", "API_KEY", "URLS", "FALLBACKS")):
            assert variable["value"].startswith("/run/secrets/stock-assistant/")


def test_everything_runs_as_the_images_user_with_a_root_that_nobody_writes() -> None:
    for part in (CODE, VALUES["dagsterWebserver"], DAEMON):
        assert part["podSecurityContext"]["runAsUser"] == 10001
        assert part["securityContext"]["readOnlyRootFilesystem"]
        assert part["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert part["resources"]["limits"]["memory"]
        assert part["image"] == CODE["image"]


def test_a_run_becomes_a_job_that_kubernetes_takes(tmp_path: Path) -> None:
    launcher = VALUES["runLauncher"]["config"]["k8sRunLauncher"]
    spec = launcher["runK8sConfig"]
    context = K8sContainerContext.create_from_config(
        {
            "k8s": {
                "env": CODE["env"],
                "volumes": CODE["volumes"],
                "volume_mounts": CODE["volumeMounts"],
                "resources": CODE["resources"],
                "security_context": CODE["securityContext"],
                "image_pull_policy": launcher["imagePullPolicy"],
                "run_k8s_config": {
                    "job_spec_config": spec["jobSpecConfig"],
                    "pod_spec_config": {**spec["podSpecConfig"], "securityContext": CODE["podSecurityContext"]},
                },
            }
        }
    )
    job = construct_dagster_k8s_job(
        context.get_k8s_job_config("stock-assistant-pipelines:0.1.0", run_launcher(tmp_path / "kubeconfig")),
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
    (container,) = pod["containers"]
    assert "command" not in container, "the image's entrypoint finds the database"
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert "/run/secrets/stock-assistant" in {mount["mountPath"] for mount in container["volumeMounts"]}
    variables = {each["name"]: each for each in container["env"]}
    assert len(variables) == len(container["env"]), "one name would hide another"
    assert variables["DAGSTER_HOME"]["value"] == "/opt/dagster", "where the image has its dagster.yaml"
    assert variables["DAGSTER_PG_PASSWORD"]["valueFrom"]["secretKeyRef"]["name"] == "stock-assistant-dagster"


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
    """The launcher, as the chart has Dagster make it."""
    kubeconfig.write_text(CLUSTER, encoding="utf-8")
    launcher = getattr(import_module("dagster_k8s"), VALUES["runLauncher"]["type"])
    made = launcher(
        service_account_name="dagster",
        instance_config_map="dagster-instance",
        postgres_password_secret=VALUES["global"]["postgresqlSecretName"],
        dagster_home=VALUES["global"]["dagsterHome"],
        load_incluster_config=False,
        kubeconfig_file=str(kubeconfig),
    )
    assert isinstance(made, K8sRunLauncher)
    return made
