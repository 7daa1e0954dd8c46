"""The contracts in pyproject.toml catch each arrow that must never exist, and let the allowed ones pass."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = "stock_assistant_pipelines"

ALLOWED = {
    f"{OURS}/calendar.py": "",
    f"{OURS}/settings/__init__.py": "",
    f"{OURS}/catalog/__init__.py": f"from {OURS}.catalog import dataset",
    f"{OURS}/catalog/dataset.py": "import pydantic",
    f"{OURS}/protocol/__init__.py": f"from {OURS} import catalog",
    f"{OURS}/tushare/__init__.py": f"import pandas, tushare\nfrom {OURS} import catalog, settings",
    f"{OURS}/warehouse/__init__.py": f"import sqlalchemy\nfrom {OURS} import calendar, catalog, settings",
    f"{OURS}/ingest/__init__.py": f"from {OURS} import tushare, warehouse",
    f"{OURS}/alerts/__init__.py": f"from {OURS} import warehouse",
    f"{OURS}/backup/__init__.py": f"from {OURS} import warehouse",
    f"{OURS}/exporter/__init__.py": f"from {OURS} import backup, warehouse",
    f"{OURS}/defs/__init__.py": f"import dagster\nfrom {OURS} import ingest",
    f"{OURS}/defs/assets.py": "import dagster, dagster_k8s, dagster_postgres",
    f"{OURS}/definitions.py": f"import dagster\nfrom {OURS} import defs",
    f"{OURS}/sandbox/__init__.py": f"from {OURS} import catalog, calendar, protocol",
    f"{OURS}/cli/__init__.py": f"from {OURS} import definitions, ingest, sandbox",
    "api/app.py": f"import fastapi\nfrom {OURS} import catalog, protocol, settings, warehouse",
}

FORBIDDEN = [
    ("catalog", f"{OURS}/catalog/dataset.py", f"from {OURS} import settings"),
    ("api", "api/app.py", "import dagster"),
    ("api", "api/app.py", "def later():\n    import pandas"),
    ("api", f"{OURS}/warehouse/__init__.py", "import pandas"),
    ("api", "api/app.py", f"from {OURS}.ingest import land"),
    ("api", f"{OURS}/protocol/__init__.py", f"from {OURS} import sandbox"),
    ("api", "api/app.py", f"from {OURS} import alerts"),
    ("api", "api/app.py", f"from {OURS} import backup"),
    ("api", f"{OURS}/warehouse/__init__.py", f"def later():\n    from {OURS} import exporter"),
    ("dagster", f"{OURS}/ingest/__init__.py", "import dagster"),
    ("dagster", f"{OURS}/backup/__init__.py", "import dagster"),
    ("dagster", f"{OURS}/exporter/__init__.py", "import dagster_k8s"),
    ("dagster", f"{OURS}/cli/__init__.py", "import dagster"),
    ("dagster", f"{OURS}/a_new_module.py", "from dagster import asset"),
    ("defs", f"{OURS}/ingest/__init__.py", f"from {OURS} import defs"),
    ("sandbox", f"{OURS}/tushare/__init__.py", f"from {OURS}.sandbox import x"),
    ("sandbox", f"{OURS}/defs/__init__.py", f"from {OURS} import sandbox"),
    ("cli", f"{OURS}/ingest/__init__.py", f"from {OURS} import cli"),
    ("circles", f"{OURS}/calendar.py", f"from {OURS} import warehouse"),
]


def lint(directory: Path, files: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    for package in (OURS, "api"):
        (directory / package).mkdir()
        (directory / package / "__init__.py").touch()
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    linter = Path(sys.executable).with_name("lint-imports")
    command = [linter, "--no-cache", "--no-logo", *options, ROOT / "pyproject.toml"]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


def test_the_planned_arrows_are_allowed(tmp_path: Path) -> None:
    result = lint(tmp_path, ALLOWED)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(("contract", "module", "planted"), FORBIDDEN, ids=lambda value: value.replace("\n", ";"))
def test_a_forbidden_arrow_breaks_its_contract(tmp_path: Path, contract: str, module: str, planted: str) -> None:
    files = ALLOWED | {module: f"{ALLOWED.get(module, '')}\n{planted}"}
    result = lint(tmp_path, files, "--contract", contract)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "1 broken" in result.stdout
