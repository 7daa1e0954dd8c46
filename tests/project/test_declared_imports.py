"""What the product imports, pyproject.toml declares: nothing works only because another package happens to bring it."""

from __future__ import annotations

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# FastAPI is Starlette with types, Pydantic a face of pydantic_core: who declares one has declared the other.
FOUNDATIONS = {"starlette", "pydantic_core"}
KNOWN = {"stock_assistant_pipelines", "api"} | sys.stdlib_module_names | FOUNDATIONS
DECLARED = {
    "api": PROJECT["dependencies"],
    "stock_assistant_pipelines": PROJECT["dependencies"]
    + PROJECT["optional-dependencies"]["pipelines"]
    + PROJECT["optional-dependencies"]["research"],
}


def imported(package: str) -> set[str]:
    """The top-level names that a package imports, wherever in its modules."""
    names: set[str] = set()
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", DECLARED)
def test_every_import_is_of_a_declared_package(package: str) -> None:
    declared = {canonicalize_name(Requirement(line).name) for line in DECLARED[package]}
    distributions = packages_distributions()
    undeclared = {
        name
        for name in imported(package) - KNOWN
        if declared.isdisjoint(canonicalize_name(each) for each in distributions.get(name, []))
    }
    assert undeclared == set()
