"""A code location whose runs happen in the test's own process."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import dagster as dg

from stock_assistant_pipelines import definitions
from stock_assistant_pipelines.settings import Settings

if TYPE_CHECKING:
    from stock_assistant_pipelines.defs.resources import Platform


@cache
def built() -> tuple[dg.RepositoryDefinition, Platform]:
    """The definitions, and where they look up what is set: built once, since that takes as long as a short run."""
    built = definitions.build(Settings())
    assert built.resources is not None
    return built.get_repository_def(), built.resources["platform"]


class CodeLocation:
    """The definitions of one installation, and an instance that keeps what happened."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self.settings = settings
        self.instance = instance

    @property
    def repository(self) -> dg.RepositoryDefinition:
        """The definitions, which work for this installation from now on."""
        repository, platform = built()
        platform.settings = self.settings
        return repository

    def run(
        self, *names: str, first: str, last: str, refetch: bool = False, config: bool = True, root: str | None = None
    ) -> dg.ExecuteInProcessResult:
        """Materialise these datasets from `first` to `last` in one run; `root` makes it a retry of that run.

        What takes no configuration is run without.
        """
        wanted = {dg.AssetKey(name) for name in names}
        assets = [asset for asset in self.repository.assets_defs_by_key.values() if asset.keys & wanted]
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        if root:
            tags |= {"dagster/root_run_id": root, "dagster/parent_run_id": root}
        options = {"ops": {name: {"config": {"refetch": refetch}} for name in names}} if config else None
        return dg.materialize(assets, instance=self.instance, tags=tags, run_config=options, raise_on_error=False)

    def materialized(self, name: str) -> set[str]:
        """The partitions that Dagster shows as materialised."""
        return self.instance.get_materialized_partitions(dg.AssetKey(name))
