"""The research reports: of whom they are written, in which language, and who is told."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic_settings import NoDecode

from stock_assistant_pipelines.settings.forms import as_list

WATCHABLE = re.compile(r"all|\d{6}\.(SH|SZ|BJ)|(industry|board):\S.*")
"""An entry of a watchlist: everybody, a stock, or a group of stocks."""


def _watchlist(values: list[str]) -> list[str]:
    """Check the form of a watchlist's entries. Whether there are such stocks, the tables tell."""
    for value in values:
        if not WATCHABLE.fullmatch(value):
            raise ValueError(
                f"takes 600519.SH, industry:白酒, board:科创板 or all, separated by commas, and not {value!r}"
            )
    return values


class ResearchSettings(BaseModel):
    """`RESEARCH_*`."""

    research_watchlist: Annotated[list[str], NoDecode, BeforeValidator(as_list), AfterValidator(_watchlist)] = Field(
        default_factory=list,
        description="Of whom research reports are written: 600519.SH, industry:白酒, board:科创板 or all, separated by commas. "
        "Nobody by default.",
    )
    research_language: Literal["zh", "en"] = Field("zh", description="The language of the research reports: zh or en.")
    research_digest: bool = Field(
        False, description="Whether the channels of the alerts are told each evening what came of the day's research."
    )
