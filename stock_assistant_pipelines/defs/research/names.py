"""The names of the research: assets and jobs; and which runs are of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from stock_assistant_pipelines.defs.resources import UNDER_WAY

if TYPE_CHECKING:
    from collections.abc import Iterable

EVIDENCE, NOTES, REPORTS, OUTCOMES = ASSETS = (
    "research_evidence",
    "research_notes",
    "research_reports",
    "research_outcomes",
)
WRITTEN = (NOTES, REPORTS)
"""What a model writes."""

DAILY, ON_DEMAND, FOLLOWING = JOBS = ("research_day", "research_stocks", "research_follow")


def is_research(assets: Iterable[dg.AssetKey] | None, job: str = "") -> bool:
    """Whether a backfill, or a run of a job, is of the research and nothing else: it lands no days."""
    return job in JOBS or bool(assets and all(key.to_user_string() in ASSETS for key in assets))


def under_way(instance: dg.DagsterInstance) -> bool:
    """Whether a run of the research is under way."""
    runs = instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY))
    return any(is_research(run.asset_selection, run.job_name) for run in runs)
