"""Contracts: what a model is asked to answer with, as Pydantic models. Text holds placeholders, never a digit.

A claim says one thing and names the evidence it rests on. `{{id}}` prints an item's value with its unit; the whole grammar is
in `grammar`. Stance, horizon and probability are the model's own judgement, and are shown as such.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Expert(StrEnum):
    """Who writes. Each is one structured call with a versioned prompt."""

    TECHNICAL = "technical"
    FINANCIAL = "financial"
    VALUATION = "valuation"
    NEWS = "news"
    SYNTHESIS = "synthesis"


class Direction(StrEnum):
    """Which way a claim says that its evidence points."""

    UP = "up"
    DOWN = "down"
    FLAT = "flat"
    NONE = "none"


class ClaimKind(StrEnum):
    """What a claim is."""

    FACT = "fact"
    COMPARISON = "comparison"
    OPINION = "opinion"
    RISK = "risk"


class Stance(StrEnum):
    """What the synthesis expects of the stock against its index."""

    OUTPERFORM = "outperform"
    NEUTRAL = "neutral"
    UNDERPERFORM = "underperform"
    ABSTAIN = "abstain"


class Contract(BaseModel):
    """Closed: what is not declared is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _storable(text: str) -> str:
    """A text as it is, where PostgreSQL can keep it."""
    if "\0" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise ValueError("it holds U+0000 or half a pair of surrogates: write plain text")
    return text


Storable = Annotated[str, AfterValidator(_storable)]


class Claim(Contract):
    """One sentence, and what it rests on."""

    text: Annotated[Storable, Field(min_length=1, max_length=400)]
    """Words and placeholders."""
    kind: ClaimKind
    evidence: Annotated[tuple[Storable, ...], Field(min_length=1, max_length=12)]
    """Ids of the items it rests on; every placeholder's ids are among them."""
    direction: Direction = Direction.NONE


class Note(Contract):
    """What an expert of one field says."""

    summary: Claim
    claims: Annotated[tuple[Claim, ...], Field(min_length=1, max_length=12)]


class Synthesis(Contract):
    """What follows from the notes: a stance that can be proven wrong."""

    stance: Stance
    horizon: Annotated[int, Field(description="Trading days: 5, 20 or 60.")]
    probability: Annotated[float, Field(ge=0, le=1)]
    """Of the stance coming true, by the model's own judgement."""
    thesis: Annotated[tuple[Claim, ...], Field(min_length=1, max_length=8)]
    invalidation: Annotated[tuple[Claim, ...], Field(min_length=1, max_length=5)]
    """What would prove it wrong."""
    risks: Annotated[tuple[Claim, ...], Field(min_length=1, max_length=6)]
