"""The rules: each alert fires where it has to and is quiet where it has not, speaks two languages, and leads to the runbook."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from monitoring import ALERTMANAGER, CASES, PROMETHEUS, ROOT, RULES, alerts, expressions, read, rules

from deploy.programs import found

if TYPE_CHECKING:
    from pathlib import Path

PROMTOOL, AMTOOL = found("promtool"), found("amtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not here: `make programs` fetches it")
needs_amtool = pytest.mark.skipif(AMTOOL is None, reason="amtool is not here: `make programs` fetches it")

ALWAYS = {"Watchdog"}
"""What fires whatever is the case."""

FOR_EVER = {"none"}
SEVERITIES = {"critical", "warning"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def run(*command: str | None) -> str:
    """Run a program, and return what it says. It has to end well."""
    assert command[0] is not None
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def cases() -> dict[str, list[dict[str, Any]]]:
    """The tests of each alert."""
    told: dict[str, list[dict[str, Any]]] = {}
    for path in CASES:
        for case in read(path)["tests"]:
            for asked in case["promql_expr_test"]:
                name = re.search(r'alertname="(\w+)"', asked["expr"])
                assert name is not None, asked
                told.setdefault(name.group(1), []).extend(asked["exp_samples"] or [{}])
    return told


@needs_promtool
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_rules_do_what_their_tests_say(path: Path) -> None:
    run(PROMTOOL, "test", "rules", str(path))


@needs_promtool
def test_prometheus_takes_its_configuration() -> None:
    assert "SUCCESS" in run(PROMTOOL, "check", "config", str(PROMETHEUS / "prometheus.yml"))


def test_the_copies_for_one_machine_ask_only_what_the_page_starts_there(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```sh\n(mkdir -p data/monitoring\n.*?)```", page, re.DOTALL)
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    subprocess.run(["sh", "-ec", block], cwd=tmp_path, check=True)
    copies = tmp_path / "data" / "monitoring"
    asked = read(copies / "prometheus.yml")
    told = [asked["alerting"]["alertmanagers"][0], *asked["scrape_configs"]]
    ports = {target for each in told for config in each["static_configs"] for target in config["targets"]}
    assert ports == {f"127.0.0.1:{port}" for port in (9100, 9101, 9187, 9090, 9093)}
    assert sorted(copies.glob(asked["rule_files"][0])) == [copies / "rules" / path.name for path in RULES]
    (receiver, _) = read(copies / "alertmanager.yml")["receivers"]
    assert receiver["webhook_configs"][0]["url"] == "http://127.0.0.1:9102/alerts"


@needs_amtool
def test_alertmanager_takes_its_configuration() -> None:
    assert "SUCCESS" in run(AMTOOL, "check-config", str(ALERTMANAGER))


@needs_amtool
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["alertname=Watchdog", "severity=none"], "deadman"),
        (["alertname=ApiDown", "severity=critical"], "channels"),
        (["alertname=DatasetLate", "severity=warning"], "channels"),
    ],
)
def test_alerts_go_to_the_channels_and_the_watchdog_does_not(labels: list[str], receiver: str) -> None:
    assert run(AMTOOL, "config", "routes", "test", f"--config.file={ALERTMANAGER}", *labels).strip() == receiver


@needs_promtool
def test_prometheus_can_read_every_expression(tmp_path: Path) -> None:
    group = {"name": "all", "rules": [{"record": f"x{at}", "expr": text} for at, text in enumerate(expressions())]}
    file = tmp_path / "all.yml"
    file.write_text(yaml.safe_dump({"groups": [group]}))
    run(PROMTOOL, "check", "rules", str(file))


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    names = {alert["alert"] for alert in alerts()}
    assert {name for name, found in cases().items() if any(found)} == names
    assert {name for name, found in cases().items() if {} in found} == names - ALWAYS


def test_every_name_is_of_one_alert() -> None:
    assert {name for name, count in Counter(alert["alert"] for alert in alerts()).items() if count > 1} == set()


def test_every_file_of_rules_has_one_of_tests() -> None:
    assert [path.name for path in RULES] == [path.name for path in CASES]
    assert len(rules()) > len(alerts()) > 40


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_how_bad_it_is_and_what_is_wrong_in_two_languages(alert: dict[str, Any]) -> None:
    severity = alert["labels"]["severity"]
    assert severity in (FOR_EVER if alert["alert"] in ALWAYS else SEVERITIES)
    words = alert["annotations"]
    assert set(words) == {"summary", "summary_zh", "description", "description_zh", "runbook_url"}
    for name in ("summary", "description"):
        assert CHINESE.search(words[f"{name}_zh"])
        assert not CHINESE.search(words[name])
    assert words["runbook_url"] == f"docs/runbook.md#{alert['alert'].lower()}"


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_what_an_alert_says_names_only_labels_that_it_has(alert: dict[str, Any]) -> None:
    said = " ".join(alert["annotations"].values())
    named = set(re.findall(r"\$labels\.(\w+)", said))
    for case in cases()[alert["alert"]]:
        assert not case or named <= set(re.findall(r'(\w+)="', case["labels"]))
    assert re.findall(r"{{(?! \$(?:labels\.\w+|value(?: \| \w+)?) }})", said) == []


def test_what_alertmanager_keeps_back_are_alerts_that_there_are() -> None:
    names = {alert["alert"] for alert in alerts()}
    for rule in read(ALERTMANAGER)["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            for pattern in matcher.partition("=")[2].strip('~ "').split("|"):
                assert any(re.fullmatch(pattern, name) for name in names), pattern
