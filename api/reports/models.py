"""Models: what the answers on reports hold, for the OpenAPI document."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003 - Pydantic reads them
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, Field, WithJsonSchema

Number = Annotated[Decimal, WithJsonSchema({"type": "number"})]
"""A decimal, to the digit."""


class Summary(BaseModel):
    """A report, in short."""

    id: str = Field(
        description="Stock, day, and ten digits of what it is made of.", examples=["600519.SH-20240103-1a2b3c4d5e"]
    )
    ts_code: str
    trade_date: date = Field(description="The trading day: nothing that became known later is in it.")
    name: str = Field(description="The name that the stock bore on the day.")
    language: str = Field(description="`zh`, `en`.")
    status: str = Field(description="`published`, `degraded`, `abstained`, `failed`.")
    reason: str | None = Field(description="Why it is not published whole.")
    stance: str | None = Field(
        description="`outperform`, `neutral`, `underperform`: against CSI 300. Null: none is taken."
    )
    horizon: int | None = Field(description="Trading days over which the stance is held.")
    probability: Number | None = Field(
        description="Of the stance coming true, by the model's own judgement; from 0 to 1."
    )
    claims: int = Field(description="Claims that are published.")
    dropped: int = Field(description="Claims that the evidence does not support: they are not part of the report.")
    label: str | None = Field(description="`rules, not a model`, where the sandbox wrote it or a note of it.")
    provider: str = Field(description="Of the model that was to be asked first.")
    model: str = Field(description="Which one answered stands with each expert's note.")
    prompt_version: str = Field(description="The hash of all prompts and contracts.")
    evidence_sha256: str | None = Field(description="The hash of its evidence; null: there is none.")
    forward: bool = Field(description="Whether it was made before the next trading day opened, or afterwards.")
    before_cutoff: bool | None = Field(
        description="Whether that model may know what came after the day, since it was trained later; null: nobody knows."
    )
    made_at: datetime


class ReportsMeta(BaseModel):
    """Where a list of reports stands."""

    rows: int = Field(description="Reports in `items`.")
    limit: int = Field(description="Reports in one answer at the most.")
    order: str = Field(description="`asc` or `desc`.")
    next_cursor: str | None = Field(
        description='Where the next page begins; null on the last. Also as a header, `Link: <…>; rel="next"`.'
    )


class ReportsAnswer(BaseModel):
    """Reports."""

    meta: ReportsMeta
    items: list[Summary]


class Printed(BaseModel):
    """A value that code printed into a text."""

    start: int = Field(description="Where it stands in `text`, in characters.")
    end: int
    ids: list[str] = Field(description="The items of evidence that it was made of.")
    function: str | None = Field(description="The derivation that made it of them; null: it is an item's own.")
    value: Number | None = Field(description="Before rounding; null of a text, a period, a name.")


class Violation(BaseModel):
    """What the evidence does not support."""

    rule: str
    detail: str


class Claim(BaseModel):
    """One sentence, and what it rests on."""

    expert: str = Field(description="`technical`, `financial`, `valuation`, `news`, `synthesis`.")
    place: str = Field(description="Where it stands in the expert's answer.", examples=["summary", "thesis[0]"])
    ordinal: int
    kind: str = Field(description="`fact`, `comparison`, `opinion`, `risk`.")
    direction: str = Field(description="`up`, `down`, `flat`, `none`.")
    template: str = Field(description="As the model wrote it: words and placeholders.")
    text: str | None = Field(description="With its values printed; null: it cannot be printed.")
    evidence: list[str] = Field(description="Ids of the items it rests on.")
    spans: list[Printed]
    held: bool = Field(description="Whether the gate let it pass: only then it is part of the report.")
    violations: list[Violation] = Field(description="Why not.")


class Note(BaseModel):
    """What an expert said."""

    expert: str
    status: str = Field(
        description="`written`, `degraded`, `abstained`, `failed`; `absent`: nobody was asked, for want of evidence."
    )
    reason: str | None
    provider: str | None = Field(description="Who answered; null: nobody.")
    model: str | None
    label: str | None
    prompt_sha256: str
    strangers: list[str] = Field(description="Names of other companies that its answers hold.")
    made_at: datetime
    claims: list[Claim] = Field(description="Those that are part of the report: none where it abstained.")
    dropped: list[Claim] = Field(description="Those that the evidence does not support, and why.")


class Outcome(BaseModel):
    """How it turned out."""

    horizon: int = Field(description="Trading days after the report's.")
    end_date: date
    return_pct: Number | None = Field(description="Of the stock, adjusted; null: it cannot be told.")
    index_pct: Number | None = Field(description="Of CSI 300.")
    industry_pct: Number | None = Field(
        description="The median of its industry, without stocks that were delisted before it was told."
    )
    hit: bool | None = Field(description="Whether the stance came true against the index; null: none was taken.")
    brier: Number | None = Field(description="The square of probability less hit.")
    lacks: str | None = Field(description="Why something cannot be told.")


class Cost(BaseModel):
    """What the calls for it came to, those in vain too."""

    calls: int
    cost_cny: Number | None = Field(description="Null while nothing is settled.")
    tokens_in: int | None
    tokens_cached: int | None = Field(description="Of those asked.")
    tokens_out: int | None = Field(description="Thinking included.")


class Report(Summary):
    """A report, whole."""

    experts: list[Note] = Field(description="Synthesis first.")
    missing: dict[str, str] = Field(description="Evidence that one would expect and there is not, with the reason.")
    outcomes: list[Outcome]
    cost: Cost
    markdown: str | None = Field(description="The report as a text; null: it failed.")
    sha256: str | None = Field(description="Of the Markdown.")
    run_id: str | None = Field(description="The run that made it.")


class Origin(BaseModel):
    """A row that an item was taken from."""

    dataset: str
    key: dict[str, str]
    column: str
    href: str | None = Field(description="Where this API answers with the row; null: nowhere.")


class Item(BaseModel):
    """One figure or one text."""

    id: str = Field(examples=["close", "revenue.2024q3.ttm.yoy"])
    kind: str = Field(description="`row`: as it is stored. `derived`. `news`: a page that a search found.")
    topic: str
    label: str
    label_zh: str
    value: Number | None = Field(description="The figure, exact.")
    text: str | None
    unit: str
    period: str | None = Field(description="What it speaks of: a day, a report period (`2024q3`), a span (`20d`).")
    known_at: datetime
    origins: list[Origin] = Field(description="The rows it was taken from; of a long span the first and the last.")
    derivation: str | None
    inputs: list[str] = Field(description="The items that the derivation took.")
    signed: bool = Field(description="Whether the sign tells a direction.")
    url: str | None = Field(description="Of news: the page, as the search named it.")


class EvidenceMeta(BaseModel):
    """Where a sheet stands."""

    report_id: str
    ts_code: str
    name: str
    trade_date: date
    sha256: str | None = Field(description="The hash of the whole sheet; null: there is none.")
    rows: int = Field(description="Items in `items`.")
    missing: dict[str, str] = Field(
        description="What one would expect and there is not, by topic or item, with the reason."
    )


class EvidenceAnswer(BaseModel):
    """What a report may rest on."""

    meta: EvidenceMeta
    items: list[Item]


class ClaimsMeta(BaseModel):
    """Where a list of claims stands."""

    report_id: str
    rows: int


class ClaimsAnswer(BaseModel):
    """Every claim of every expert's last answer."""

    meta: ClaimsMeta
    items: list[Claim]


Row = dict[str, Any]
"""What is told, by the names above."""
