"""Parameters of the pages, as closed as those of the API."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from api.pages.languages import Language  # noqa: TC001 - Pydantic reads it
from api.parameters import Adjust, Day, Parameters, Word
from api.row_parameters import Cursor  # noqa: TC001 - Pydantic reads it
from stock_assistant_pipelines.catalog.grain import MARKET_OPENED

Reach = Literal["3m", "1y", "5y", "all"]


def given(value: object) -> object:
    """What a field of a form holds: one that is left empty holds nothing."""
    return value or None


class Page(Parameters):
    """Any page."""

    lang: Language | None = None


class Login(Page):
    """Where to go with a key."""

    next: str | None = None


class Year(Page):
    """A year of the coverage; the newest that there is when absent."""

    year: int | None = Field(None, ge=MARKET_OPENED.year, le=2100)


class Chart(Page):
    """How a stock is drawn."""

    adjust: Adjust = "qfq"
    range: Reach = "1y"


class Search(Page):
    """Which stocks are listed."""

    q: Word | None = None
    offset: int = Field(0, ge=0, le=1_000_000)


class Scores(Page):
    """Of which days scores and costs are told."""

    start: Annotated[Day | None, BeforeValidator(given)] = None
    end: Annotated[Day | None, BeforeValidator(given)] = None


class Research(Page):
    """Which reports are listed."""

    ts_code: Annotated[Word | None, BeforeValidator(given)] = None
    day: Annotated[Day | None, BeforeValidator(given)] = None
    cursor: Cursor | None = None
