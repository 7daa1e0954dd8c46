"""The research of an installation whose runs happen in the test's own process, over the market made by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg
from evidence_market import DAY, MAIN, PAST, PEERS

from stock_assistant_pipelines.defs.research import assets, names, on_demand, outcomes
from stock_assistant_pipelines.defs.research import goes_on as sensors
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from sqlalchemy import Engine

    from stock_assistant_pipelines.sandbox.model.server import RunningModel

BEFORE = PAST[-2]
"""A Friday, the trading day before the day of the market."""
CLOSED = PAST[-300]
"""A weekday on which the market was closed."""
FEW = (MAIN, PEERS[1])
ALL = (names.EVIDENCE, names.NOTES, names.REPORTS)


@dataclass
class Research:
    """The research assets, whom they ask, and an instance that keeps what happened."""

    engine: Engine
    rules: RunningModel
    instance: dg.DagsterInstance
    options: dict[str, Any] = field(default_factory=dict)
    """Settings that differ."""

    @property
    def known(self) -> dict[str, Any]:
        """What is set."""
        return {
            "database_url": self.engine.url.set(drivername="postgresql").render_as_string(hide_password=False),
            "llm_provider": "sandbox",
            "llm_model": "sandbox-rules",
            "llm_base_url": self.rules.url,
            "llm_api_key": "sandbox",
            "llm_calls_per_minute": 0,
            "llm_concurrency": 16,
            "research_watchlist": ["all"],
            **self.options,
        }

    @property
    def settings(self) -> Settings:
        return Settings(**self.known)

    @property
    def platform(self) -> Platform:
        return Platform(self.settings)

    @property
    def repository(self) -> dg.RepositoryDefinition:
        """The research's part of the code location: the whole takes a second to build."""
        made = assets.build_asset(self.settings)
        jobs = [assets.build_job(made), on_demand.research_stocks]
        return dg.Definitions([made], jobs=jobs, resources={"platform": self.platform}).get_repository_def()

    @property
    def calls(self) -> int:
        return int(self.rules.stats()["calls"])

    def run(
        self, *wanted: str, first: date = DAY, last: date = DAY, tags: Mapping[str, str] | None = None
    ) -> dg.ExecuteInProcessResult:
        """Materialise these assets, or all that a model is asked for, from `first` to `last`, in one run."""
        span = {
            "dagster/asset_partition_range_start": first.isoformat(),
            "dagster/asset_partition_range_end": last.isoformat(),
        }
        return dg.materialize(
            [assets.build_asset(self.settings), outcomes.build_asset()],
            selection=list(wanted or ALL),
            instance=self.instance,
            resources={"platform": self.platform},
            tags={**span, **(tags or {})},
            raise_on_error=False,
        )

    def follow(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """Carry out what a sensor asks for, as the daemon would."""
        job = self.repository.get_job(str(request.job_name))
        return job.execute_in_process(
            run_config=request.run_config or None,
            instance=self.instance,
            tags={**request.tags, "dagster/run_key": str(request.run_key)},
            partition_key=request.partition_key,
            asset_selection=request.asset_selection,
            raise_on_error=False,
        )

    def shown(self, name: str, day: date = DAY) -> dict[str, Any]:
        """What the UI shows of the newest materialisation of a day."""
        wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(name), asset_partitions=[day.isoformat()])
        (record,) = self.instance.fetch_materializations(wanted, limit=1).records
        assert record.asset_materialization is not None
        return {key: value.value for key, value in record.asset_materialization.metadata.items()}

    def materialized(self, name: str) -> set[str]:
        return self.instance.get_materialized_partitions(dg.AssetKey(name))


def failure(result: dg.ExecuteInProcessResult) -> tuple[str, dict[str, Any]]:
    """Why a step of a run failed, and what it says besides."""
    (event,) = [each for each in result.all_events if each.is_step_failure]
    data = event.step_failure_data
    told = data.user_failure_data
    metadata = {key: value.value for key, value in told.metadata.items()} if told else {}
    assert data.error is not None
    return str(told.description if told else data.error), metadata


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """What the checks of a run said, by name."""
    return {each.check_name: each for each in result.get_asset_check_evaluations()}


def goes_on(research: Research, at: datetime) -> dg.RunRequest | str | None:
    """What the sensor asks for at a moment, or why it asks for nothing."""
    repository = research.repository
    jobs = [repository.get_job(name) for name in (names.DAILY, names.ON_DEMAND)]
    sensor = sensors.build_sensor(research.platform, jobs, now=lambda: at)
    with dg.build_sensor_context(research.instance, repository_def=repository) as context:
        told = sensor.evaluate_tick(context)
    return told.run_requests[0] if told.run_requests else told.skip_message
