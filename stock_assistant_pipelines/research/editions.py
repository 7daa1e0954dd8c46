"""Editions: in which language, by which prompts and which model a report is written. With its evidence that is what it is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from stock_assistant_pipelines.research import prompts

if TYPE_CHECKING:
    from datetime import date

    from stock_assistant_pipelines.research.providers.endpoint import Endpoint
    from stock_assistant_pipelines.research.render import Language

SANDBOX = "sandbox"
RULES = "sandbox-rules"
"""The provider and the model of the sandbox, which is none."""


@dataclass(frozen=True, slots=True)
class Edition:
    """What makes a report of the same evidence the same report."""

    language: Language
    provider: str
    """Of the model that is asked first; which one answered stands with each note."""
    model: str
    prompt_version: str

    @classmethod
    def of(cls, endpoint: Endpoint, language: Language) -> Edition:
        """The edition by the present prompts."""
        return cls(language, endpoint.provider, endpoint.model, prompts.edition(language))

    @property
    def by_rules(self) -> bool:
        """Whether rules write it, and no model."""
        return self.provider == SANDBOX

    def report_id(self, ts_code: str, day: date, evidence_sha256: str | None) -> str:
        """The id of a report: stock, day, and ten hex digits of what it is made of."""
        made_of = [evidence_sha256, self.prompt_version, self.provider, self.model, self.language]
        digest = hashlib.sha256(orjson.dumps(made_of)).hexdigest()[:10]
        return f"{ts_code}-{day:%Y%m%d}-{digest}"
