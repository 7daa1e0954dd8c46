"""The chart of the API: whatever is set, what it makes is what Kubernetes takes, and closed to everybody who is not let in."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy.programs import found
from stock_assistant_pipelines.settings import Settings

CHART = Path(__file__).parents[2] / "deploy/kubernetes/api"
HELM = found("helm")
OLD, NEW = "1.30", "1.37"
"""Versions of Kubernetes."""

pytestmark = pytest.mark.skipif(HELM is None, reason="Helm is not here: `make programs`")

SECRETS = "/run/secrets/stock-assistant/"
DIGEST = f"sha256:{'0' * 64}"
PAGE = (CHART.parents[2] / "docs/kubernetes.md").read_text(encoding="utf-8")
(WATCHING,) = (yaml.safe_load(each) for each in re.findall(r"^ *```yaml\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL))
"""The values of the page with which the exporter looks after certificates."""

INGRESS = {"enabled": True, "host": "api.example.com", "tlsSecret": "api-tls"}

CASES: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "with an ingress": {"ingress": INGRESS, **WATCHING},
    "green": {"nameOverride": "green", "migrate": {"enabled": False}, "exporter": {"enabled": False}},
    "blue that leads to green": {"ingress": {**INGRESS, "service": "green", "annotations": {"a": "b"}}},
    "one replica": {"autoscaling": {"enabled": False}, "replicas": 1},
    "three replicas": {"autoscaling": {"enabled": False}, "replicas": 3},
    "no policies, no TLS": {"networkPolicy": {"enabled": False}, "database": {"sslmode": ""}},
    "by digest, on chosen nodes": {
        "image": {"digest": DIGEST},
        "migrate": {"image": {"digest": DIGEST}},
        "imagePullSecrets": [{"name": "pull"}],
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
    },
    "a database of one address": {"networkPolicy": {"database": [{"ipBlock": {"cidr": "10.1.2.3/32"}}]}},
    "another prefix": {"settings": {"API_V1_STR": "/quotes", "API_POOL_SIZE": "4"}},
}

WRONG: dict[str, dict[str, Any]] = {
    "database": {"database": {"host": ""}},
    "replica": {"replica": 3},
    "tlsSecret": {"ingress": {"enabled": True, "host": "a.example"}},
    "POSTGRES_PASSWORD": {"settings": {"POSTGRES_PASSWORD": "shown"}},
    "digest": {"image": {"digest": "latest"}},
    "limits": {"resources": {"requests": {}, "limits": None}},
    "API_DRAIN_SECONDS must be more": {"settings": {"API_DRAIN_SECONDS": "4"}},
    "autoscaling.max is below": {"autoscaling": {"min": 5, "max": 4}},
}
"""Values that are refused, and what is said of each."""


def helm(command: str, values: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    values = {**values, "database": {"host": "db.example.com", **values.get("database", {})}}
    arguments = ["--strict", CHART] if command == "lint" else ["shop", CHART, "--kube-version", "1.34.0"]
    return subprocess.run(
        [str(HELM), command, *arguments, "--values", "-"],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def rendered() -> dict[str, dict[tuple[str, str], Any]]:
    """What the chart makes of each case, by kind and name."""
    made = {}
    for case, values in CASES.items():
        result = helm("template", values)
        assert result.returncode == 0, f"{case}: {result.stderr}"
        documents = [each for each in yaml.safe_load_all(result.stdout) if each]
        made[case] = {(each["kind"], each["metadata"]["name"]): each for each in documents}
        assert len(made[case]) == len(documents)
    return made


def pods(made: dict[tuple[str, str], Any]) -> list[dict[str, Any]]:
    return [each["spec"]["template"]["spec"] for each in made.values() if each["kind"] in {"Deployment", "Job"}]


@pytest.mark.parametrize(("case", "version"), [*((case, NEW) for case in CASES), ("with an ingress", OLD)])
def test_every_manifest_is_one_that_kubernetes_takes(case: str, version: str, rendered: Any) -> None:
    for manifest in rendered[case].values():
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_key_that_kubernetes_does_not_know_is_noticed(rendered: Any) -> None:
    manifest = json.loads(json.dumps(rendered["as it comes"]["Deployment", "shop-stock-assistant"]))
    manifest["spec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, NEW, strict=True)


def test_helm_finds_nothing_wrong_with_it() -> None:
    result = helm("lint", {})
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("said", WRONG)
def test_values_that_cannot_be_meant_are_refused(said: str) -> None:
    result = helm("template", WRONG[said])
    assert result.returncode != 0
    assert said in result.stderr


@pytest.mark.parametrize("case", CASES)
def test_every_pod_is_closed(case: str, rendered: Any) -> None:
    for pod in pods(rendered[case]):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] == 10001
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert "memory" in container["resources"]["limits"]
            assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}


@pytest.mark.parametrize("case", CASES)
def test_secrets_come_as_files(case: str, rendered: Any) -> None:
    known = {name.upper() for name in Settings.model_fields}
    for pod in pods(rendered[case]):
        (container,) = pod["containers"]
        for variable in container["env"]:
            assert "valueFrom" not in variable
            assert variable["name"].removesuffix("_FILE") in known
            if "PASSWORD" in variable["name"]:
                assert variable["value"].removeprefix(SECRETS) in given(pod)


@pytest.mark.parametrize("case", CASES)
def test_each_pod_has_the_password_of_its_own_role_and_no_other(case: str, rendered: Any) -> None:
    roles = {"writer_password", "dagster_password", "api_password", "backup_password", "monitor_password"}
    allowed = {
        "api": {"api_password": "stock-assistant"},
        "exporter": {"monitor_password": "stock-assistant"},
        "migrate": {**dict.fromkeys(roles, "stock-assistant"), "postgres_password": "stock-assistant-owner"},
    }
    for pod in pods(rendered[case]):
        passwords = {key: secret for key, secret in given(pod).items() if key != "ca.crt"}
        assert passwords == allowed[pod["containers"][0]["name"]]


def given(pod: dict[str, Any]) -> dict[str, str]:
    """The keys that a pod finds as files, and of which secret they are. A secret that is mounted whole fails."""
    found: dict[str, str] = {}
    for volume in pod["volumes"]:
        if "secret" in volume:
            found |= {item["key"]: volume["secret"]["secretName"] for item in volume["secret"]["items"]}
        for source in volume.get("projected", {}).get("sources", []):
            found |= {item["key"]: source["secret"]["name"] for item in source["secret"]["items"]}
    return found


def test_an_update_takes_no_replica_away_before_another_is_ready(rendered: Any) -> None:
    for case in CASES:
        name = "green" if case == "green" else "shop-stock-assistant"
        deployment = rendered[case]["Deployment", name]
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_the_probes_ask_each_its_own_question(rendered: Any) -> None:
    (pod,) = [pod for pod in pods(rendered["another prefix"]) if pod["containers"][0]["name"] == "api"]
    container = pod["containers"][0]
    asked = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert asked == {
        "startup": "/quotes/health/startup",
        "readiness": "/quotes/health/ready",
        "liveness": "/quotes/health/live",
    }


def test_a_pod_may_drain_before_it_is_killed(rendered: Any) -> None:
    (pod,) = [pod for pod in pods(rendered["as it comes"]) if pod["containers"][0]["name"] == "api"]
    variables = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    readiness = pod["containers"][0]["readinessProbe"]
    drain = float(variables["API_DRAIN_SECONDS"])
    assert pod["terminationGracePeriodSeconds"] >= drain + 30, "an answer may take half a minute"
    assert drain > readiness["periodSeconds"] * readiness["failureThreshold"], "whoever routes has learnt of it"


def test_only_who_is_named_is_let_in_and_only_the_database_is_asked(rendered: Any) -> None:
    policy = rendered["a database of one address"]["NetworkPolicy", "shop-stock-assistant"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert all(rule["from"] and rule["ports"] for rule in policy["ingress"])
    assert [port["port"] for rule in policy["egress"] for port in rule["ports"]] == [53, 53, 5432]
    assert policy["egress"][1]["to"] == [{"ipBlock": {"cidr": "10.1.2.3/32"}}]


def test_only_prometheus_asks_the_exporter_and_it_asks_the_database_and_the_code_server(rendered: Any) -> None:
    policy = rendered["as it comes"]["NetworkPolicy", "shop-stock-assistant-exporter"]["spec"]
    (rule,) = policy["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    assert [port["port"] for rule in policy["egress"] for port in rule["ports"]] == [53, 53, 5432, 4000]
    policy = rendered["with an ingress"]["NetworkPolicy", "shop-stock-assistant-exporter"]["spec"]
    assert policy["egress"][-1] == {"ports": [{"port": 443, "protocol": "TCP"}]}, "and whoever is named beside them"


def test_the_exporter_tells_nothing_of_disks_and_backups_that_are_not_its_own(rendered: Any) -> None:
    (pod,) = [pod for pod in pods(rendered["as it comes"]) if pod["containers"][0]["name"] == "exporter"]
    variables = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    assert {"EXPORTER_DISKS", "BACKUP_DIR", "BACKUP_STATUS_FILE"}.isdisjoint(variables)
    assert variables["DATA_DIR"] == "/nonexistent", "else the default is told of"
    assert variables["DATA_DIR"] not in {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}


def test_no_service_leads_to_pods_of_another_kind(rendered: Any) -> None:
    made = rendered["as it comes"]
    labels = {name: each["spec"]["template"]["metadata"]["labels"] for (_, name), each in made.items() if is_run(each)}
    for (kind, name), service in made.items():
        if kind == "Service":
            reached = {pod for pod, own in labels.items() if service["spec"]["selector"].items() <= own.items()}
            assert reached == {name.removesuffix("-metrics")}


def is_run(manifest: dict[str, Any]) -> bool:
    return "template" in manifest.get("spec", {})


def test_the_budget_lets_a_node_be_drained(rendered: Any) -> None:
    kinds = {case: {kind for kind, _ in made} for case, made in rendered.items()}
    assert "PodDisruptionBudget" not in kinds["one replica"]
    assert "PodDisruptionBudget" in kinds["three replicas"]
    assert "HorizontalPodAutoscaler" not in kinds["three replicas"]
    assert "replicas" not in rendered["as it comes"]["Deployment", "shop-stock-assistant"]["spec"]


def test_the_migrations_run_before_the_new_version_and_are_tried_again_for_locks_only(rendered: Any) -> None:
    job = rendered["as it comes"]["Job", "shop-stock-assistant-migrate"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert job["spec"]["template"]["spec"]["containers"][0]["command"] == ["stock-assistant", "db", "upgrade"]
    (rule,) = job["spec"]["podFailurePolicy"]["rules"]
    assert rule["onExitCodes"]["values"] == [0, 75]
    assert not [kind for kind, _ in rendered["green"] if kind == "Job"]


def test_blue_leads_to_green(rendered: Any) -> None:
    (ingress,) = [each for each in rendered["blue that leads to green"].values() if each["kind"] == "Ingress"]
    (rule,) = ingress["spec"]["rules"]
    assert rule["http"]["paths"][0]["backend"]["service"]["name"] == "green"
    assert ("Service", "green") in rendered["green"]
