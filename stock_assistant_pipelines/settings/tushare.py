"""Tushare: where it is asked, with which token, how often, and whom the evening asks for again."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, SecretStr

from stock_assistant_pipelines.settings.addresses import encrypted

SANDBOX_TOKEN = "sandbox"  # noqa: S105 - not a secret: the sandbox's own, printed in the docs
"""The token that the sandbox takes when none is set."""

SANDBOX_POINTS = "5000"
"""The points that the sandbox takes its callers to have."""


class TushareSettings(BaseModel):
    """`TUSHARE_*`, `SYNC_*`."""

    tushare_token: SecretStr | None = Field(
        None, description="Your Tushare token. Without it only the sandbox can be asked."
    )
    tushare_base_url: Annotated[str, encrypted("token")] = Field(
        "https://api.waditu.com/dataapi", description="Where Tushare's interface is asked."
    )
    tushare_points: Annotated[int, Field(ge=0)] = Field(
        2000,
        description="The points of your token (120, 2000, 5000, 10000, 15000): datasets that ask for more are not asked for.",
    )
    tushare_timeout: Annotated[float, Field(gt=0, le=600)] = Field(30.0, description="Seconds to wait for one answer.")
    tushare_throttle_seconds: Annotated[float, Field(gt=0, le=3600)] = Field(
        61.0, description="Seconds to leave an interface alone after it said that its calls per minute are used up."
    )
    tushare_calls_per_minute: Annotated[int, Field(ge=0, le=10_000)] | None = Field(
        None,
        description="Calls of one interface per minute, of all workers together; by default as many as the points allow. "
        "0: no limit, for a sandbox without one.",
    )
    tushare_concurrency: Annotated[int, Field(ge=1, le=64)] = Field(
        4, description="Calls under way at once in one run."
    )
    sync_incremental_missing_limit: Annotated[int, Field(ge=0, le=10_000)] = Field(
        300,
        description="Companies whose report is due and not there that are asked for each evening, of each dataset, those first "
        "that were asked longest ago.",
    )
    sync_failure_max_retries: Annotated[int, Field(ge=0, le=1000)] = Field(
        3, description="How often the evening asks again for a company's report of which no answer came."
    )

    @property
    def sandboxed(self) -> bool:
        """Whether there is no token, so that only the sandbox can be asked."""
        return self.tushare_token is None

    @property
    def points(self) -> int:
        """The points by which Tushare is asked: those of the token, or the sandbox's."""
        return int(SANDBOX_POINTS) if self.sandboxed else self.tushare_points
