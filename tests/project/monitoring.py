"""The files of the monitoring: rules, their tests, dashboards, and the metrics that they name."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTMANAGER = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
GRAFANA = ROOT / "deploy" / "grafana"

RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
CASES = sorted((PROMETHEUS / "tests").glob("*.yml"))
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))

METRIC = re.compile(r"\b(?:stock_assistant|pg|prometheus|alertmanager|process)_\w+\b(?!:)|\bup\b")
TEXT = re.compile(r'"[^"]*"')


def read(path: Path) -> Any:
    """A file of YAML, or of JSON."""
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)


def rules() -> list[dict[str, Any]]:
    """All rules, those that record as well."""
    return [rule for path in RULES for group in read(path)["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    """The rules that alert."""
    return [rule for rule in rules() if "alert" in rule]


@dataclass(frozen=True)
class Panel:
    """A panel of a dashboard."""

    board: str
    title: str
    expressions: tuple[str, ...]


def panels() -> list[Panel]:
    """The panels of all dashboards."""
    return [
        Panel(path.stem, panel["title"], tuple(target["expr"] for target in panel["targets"]))
        for path in DASHBOARDS
        for panel in read(path)["panels"]
    ]


def expressions() -> list[str]:
    """Every expression that Prometheus is asked for."""
    return [rule["expr"] for rule in rules()] + [text for panel in panels() for text in panel.expressions]


def metrics(expression: str) -> set[str]:
    """The metrics that an expression names, those left out that rules record."""
    bare = re.sub(r"\b\w+(?::\w+)+\b", "", TEXT.sub('""', expression))
    return set(METRIC.findall(bare))
