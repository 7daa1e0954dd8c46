"""The page about the clock says what the catalog says."""

from __future__ import annotations

from pathlib import Path

from stock_assistant_pipelines.catalog import CATALOG

PAGE = Path(__file__).parents[2] / "docs" / "clock.md"


def test_every_dataset_stands_there_with_its_times() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for dataset in CATALOG.values():
        if dataset.published and dataset.due:
            line = next(line for line in lines if f"`{dataset.api}`" in line and line.startswith("|"))
            times = f"| {dataset.published:%H:%M} | {dataset.due:%H:%M} | {dataset.window} |"
            assert line.endswith(times), f"{dataset.api}: the page should say {times}"
