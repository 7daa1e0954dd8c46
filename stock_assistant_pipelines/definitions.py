"""The code location: everything Dagster knows, assembled once."""

from __future__ import annotations

import warnings

import dagster as dg

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.derived import DERIVED
from stock_assistant_pipelines.defs import alerts, clock, derived, disclosed, freshness, lifeline, logged
from stock_assistant_pipelines.defs.assets import build_asset
from stock_assistant_pipelines.defs.fill import fill
from stock_assistant_pipelines.defs.research import assets as research
from stock_assistant_pipelines.defs.research import clock as research_clock
from stock_assistant_pipelines.defs.research import goes_on, outcomes
from stock_assistant_pipelines.defs.research.on_demand import research_stocks
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.defs.tidy import tidy, tidy_weekly
from stock_assistant_pipelines.settings import Settings, settings


def build(configuration: Settings) -> dg.Definitions:
    """Assemble the definitions for an installation."""
    assets = [build_asset(dataset, configuration) for dataset in CATALOG.values()]
    following = [derived.build_asset(each, configuration) for each in DERIVED.values()]
    researched = research.build_asset(configuration)
    daily = research.build_job(researched)
    platform = Platform(configuration)
    return dg.Definitions(
        assets=[*assets, *following, researched, outcomes.build_asset()],
        jobs=[fill, disclosed.disclosed, tidy, daily, research_stocks, outcomes.research_follow],
        schedules=[*clock.build_schedules(platform), outcomes.build_schedule(platform), tidy_weekly],
        sensors=[
            *(part.build_sensor(platform) for part in (clock, disclosed, freshness, lifeline, alerts)),
            derived.build_sensor(following),
            research_clock.build_sensor(platform, daily),
            goes_on.build_sensor(platform, [daily, research_stocks]),
        ],
        resources={"platform": platform},
        executor=lifeline.build_executor(platform),
    )


# Backfill policies are marked as beta; Dagster is pinned, and they are what keeps a backfill to a few runs.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

logged.begin(settings())
defs = build(settings())
