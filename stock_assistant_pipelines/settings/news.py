"""News in the research reports: Bocha, which searches the web for them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, SecretStr

from stock_assistant_pipelines.settings.addresses import encrypted


class NewsSettings(BaseModel):
    """`BOCHA_*`."""

    bocha_api_key: SecretStr | None = Field(
        None, description="Your key at Bocha, which searches the web for news. Without it there is none."
    )
    bocha_base_url: Annotated[str, encrypted("key")] = Field(
        "https://api.bocha.cn", description="Where Bocha is asked."
    )
    bocha_timeout: Annotated[float, Field(gt=0, le=600)] = Field(
        15.0, description="Seconds after which a search is over, whatever keeps its connection alive."
    )
    bocha_calls_per_minute: Annotated[int, Field(ge=0, le=100_000)] = Field(
        60, description="Searches per minute, of all workers together. 0: no limit."
    )
    bocha_back_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        30,
        description="How many days back a day may lie for which the web is searched; of older ones only what was found then.",
    )
