"""dagster.yaml is one that the pinned Dagster accepts, and says what the platform relies on."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from dagster._core.instance.config import dagster_instance_config
from dagster._core.storage.tags import BACKFILL_ID_TAG

from stock_assistant_pipelines.defs.launcher import PatientRunLauncher
from stock_assistant_pipelines.defs.storage import Storage

ROOT = Path(__file__).parents[2]
CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))


def test_dagster_accepts_every_key(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_bytes((ROOT / "dagster.yaml").read_bytes())
    accepted, custom_class = dagster_instance_config(str(tmp_path))
    assert accepted == CONFIG
    assert custom_class is None


def test_nothing_in_it_is_bound_to_a_machine() -> None:
    assert CONFIG["storage"]["custom"]["config"] == {"postgres_url": {"env": "DAGSTER_PG_URL"}}
    for part in ("local_artifact_storage", "compute_logs"):
        assert CONFIG[part]["config"] == {"base_dir": {"env": "DAGSTER_STORAGE_DIR"}}


def test_only_dead_workers_are_retried_and_runs_cannot_hang_for_ever() -> None:
    assert CONFIG["run_retries"] == {"enabled": True, "max_retries": 3, "retry_on_asset_or_op_failure": False}
    assert CONFIG["run_monitoring"]["enabled"]
    assert CONFIG["run_monitoring"]["max_runtime_seconds"] > 0
    assert CONFIG["run_monitoring"]["free_slots_after_run_end_seconds"] > 0


def test_the_storage_keeps_no_secrets() -> None:
    storage = CONFIG["storage"]["custom"]
    assert getattr(import_module(storage["module"]), storage["class"]) is Storage


def test_the_launcher_is_ours() -> None:
    launcher = CONFIG["run_launcher"]
    assert getattr(import_module(launcher["module"]), launcher["class"]) is PatientRunLauncher


def test_backfills_never_take_the_last_place() -> None:
    runs = CONFIG["concurrency"]["runs"]
    (limit,) = runs["tag_concurrency_limits"]
    assert limit["key"] == BACKFILL_ID_TAG
    assert 1 < limit["limit"] < runs["max_concurrent_runs"], "several share the work, and one place is left"


def test_runs_wait_while_the_code_server_is_started_again() -> None:
    queue = CONFIG["run_coordinator"]["config"]
    assert queue["max_user_code_failure_retries"] * queue["user_code_failure_retry_delay"] >= 1800


def test_nothing_is_reported_to_anyone() -> None:
    assert CONFIG["telemetry"] == {"enabled": False}
    assert CONFIG["nux"] == {"enabled": False}


def test_the_workspace_is_the_code_location_of_pyproject() -> None:
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text(encoding="utf-8"))
    assert workspace == {"load_from": [{"python_module": "stock_assistant_pipelines.definitions"}]}
