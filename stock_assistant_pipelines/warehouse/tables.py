"""The tables, built from the catalog. One table per dataset, named as Tushare names the interface; those that are derived; and
beside them our own.

Rows are stored by day, as they arrive: a trading-day dataset's key starts with `trade_date`. They are read by stock as
well, so those whose key holds a code get a covering index the other way (`docs/decisions/0003-storage.md`).

Where rows are versions, columns of ours follow those of Tushare: since when a version is known, what it says in short, when
it was read and replaced (`docs/decisions/0010-versions.md`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.columns import Type
from stock_assistant_pipelines.catalog.derived import DERIVED
from stock_assistant_pipelines.warehouse import desk, searches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.types import TypeEngine

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.catalog.derived import Derived

SNAPSHOT = "all"
"""The partition key of a dataset without a time axis."""

CODE = "ts_code"
"""The column by which rows are read the other way round."""

TYPES: dict[Type, type[TypeEngine[Any]]] = {
    Type.TEXT: Text,
    Type.DATE: Date,
    Type.NUMBER: Numeric,
    Type.INTEGER: BigInteger,
}

NAMING = {"pk": "%(table_name)s_pkey", "uq": "%(table_name)s_key", "ix": "%(table_name)s_%(column_0_N_name)s_idx"}


class Status(StrEnum):
    """What is known of a partition."""

    COMPLETE = "complete"
    """It holds everything that is expected of it."""
    PARTIAL = "partial"
    """Rows are there, and keys are missing, or nothing yet proves that none is."""
    LATE = "late"
    """Partial or empty, and past the hour by which a recent trading day should be whole: it is asked for again and again."""
    EMPTY = "empty"
    """The source answered without a row where rows are expected."""
    FAILED = "failed"
    """No usable answer came."""
    DEFERRED = "deferred"
    """The quota is used up: it is asked for when Tushare's hour or day is over."""
    DISABLED = "disabled"
    """The token may not ask for this dataset."""
    CLOSED = "closed"
    """The market was closed that day: nothing is expected."""


SETTLED = frozenset({Status.COMPLETE, Status.CLOSED})
"""The statuses after which nothing is left to do."""

BROKEN = "broken"
"""The cause of a partition whose rows break a rule or a law that blocks."""

DOUBTS = frozenset({"doubted", "repeated", BROKEN})
"""The causes by which the rows themselves are not believed."""

INCOMPLETE = frozenset({Status.PARTIAL, Status.LATE, Status.EMPTY})
"""What an answer was judged to be, and the source may complete within a few days."""

ORDINARY = frozenset({None, *INCOMPLETE, *DOUBTS})
"""The causes that say no more than that something is missing, or not believed."""


def build(datasets: Iterable[Dataset]) -> MetaData:
    """Build the tables of these datasets, the derived ones, and ours: bookings, quota, alerts, keys, ledger, searches."""
    metadata = MetaData(naming_convention=NAMING)
    for dataset in datasets:
        dataset_table(dataset, metadata)
    for derived in DERIVED.values():
        _derived_table(derived, metadata)
    _coverage(metadata)
    _asked(metadata)
    _superseded(metadata)
    _data_version(metadata)
    _floor(metadata)
    _quota(metadata)
    _alerts(metadata)
    _keys(metadata)
    _ledger(metadata)
    desk.add(metadata)
    searches.add(metadata)
    return metadata


def dataset_table(dataset: Dataset, metadata: MetaData) -> Table:
    """Build the table of one dataset."""
    columns = [
        Column(
            column.name,
            TYPES[column.type](),
            nullable=column.name not in dataset.key or column.optional,
            comment=f"{column.title}, {column.unit}" if column.unit else column.title,
        )
        for column in dataset.columns
    ]
    ours = _version() if dataset.versions else []
    key = (*dataset.key, "digest", "ingested_at") if dataset.versions else dataset.key
    unique = (
        UniqueConstraint(*key, postgresql_nulls_not_distinct=True)
        if any(dataset.by_name[name].optional for name in dataset.key)
        else PrimaryKeyConstraint(*key)
    )
    table = Table(dataset.api, metadata, *columns, *ours, unique, comment=dataset.row)
    if dataset.versions:
        period, code = table.c[dataset.grain.value], table.c[CODE]
        Index(f"{dataset.api}_by_period", period, code)
        Index(f"{dataset.api}_quarantined", period, code, postgresql_where=table.c.flaw.is_not(None))
        if dataset.versions.known:  # the last of these days is that of the first announcement
            Index(f"{dataset.api}_by_announcement", table.c[dataset.versions.known[-1]])
    elif dataset.partitioned and CODE in dataset.key:
        rest = [name for name in dataset.fields if name not in {CODE, dataset.grain.value}]
        Index(
            f"{dataset.api}_by_code",
            table.c[CODE],
            table.c[dataset.grain.value],
            postgresql_include=rest,
        )
    return table


def _version() -> list[Column[Any]]:
    """What is kept of each version beside Tushare's columns."""
    return [
        Column("known_at", DateTime(timezone=True), comment="Since when it is known; null: nobody can say, see `flaw`"),
        Column("flaw", Text, comment="Why it is quarantined, in a sentence; null: it is not"),
        Column("digest", Text, nullable=False, comment="MD5 of what Tushare's columns say"),
        Column("filled", Integer, nullable=False, comment="How many of Tushare's columns say something"),
        Column("ingested_at", DateTime(timezone=True), nullable=False, comment="When an answer first told it"),
        Column("replaced_at", DateTime(timezone=True), comment="When an answer told others instead; null: it stands"),
        Column("known_until", DateTime(timezone=True), comment="Since when others are known instead; null: it stands"),
        Column("run_id", Text, comment="The Dagster run that read it"),
    ]


def _derived_table(derived: Derived, metadata: MetaData) -> None:
    columns = [
        Column(
            column.name,
            TYPES[column.type](),
            nullable=column.name != "trade_date",
            comment=f"{column.title}, {column.unit}" if column.unit else column.title,
        )
        for column in derived.columns
    ]
    Table(
        derived.name,
        metadata,
        *columns,
        Column("made_from", JSONB, nullable=False, comment="The revision of the day in each source, as in `coverage`"),
        Column("made_at", DateTime(timezone=True), nullable=False, comment="When it was last written"),
        Column("run_id", Text, comment="The Dagster run that did it"),
        PrimaryKeyConstraint("trade_date"),
        comment=derived.row,
    )


def _coverage(metadata: MetaData) -> None:
    Table(
        "coverage",
        metadata,
        Column("dataset", Text, nullable=False),
        Column("partition", Text, nullable=False, comment="ISO date of the trading day or report period, or 'all'"),
        Column("status", Text, nullable=False, comment=", ".join(Status)),
        Column("expected", Integer, comment="Keys a complete partition holds; null while unknown"),
        Column("landed", Integer, nullable=False, comment="Rows in the table"),
        Column("missing", Integer, comment="Expected keys without a row; null while unknown"),
        Column("missing_keys", ARRAY(Text), comment="Which; null while unknown"),
        Column("reason", Text, comment="Why it is not complete, in a sentence"),
        Column("source", Text, comment="Who answered: tushare, or the sandbox"),
        Column("revision", Text, comment="SHA-256 of the rows, without their day, as the source last told them"),
        Column(
            "calls",
            Integer,
            nullable=False,
            comment="Answers it took the last time; one shared by several days counts on one of them",
        ),
        Column("inserted", Integer, nullable=False, comment="Rows that the last landing added"),
        Column("updated", Integer, nullable=False, comment="Rows that the last landing changed"),
        Column("deleted", Integer, nullable=False, comment="Rows that the last landing took out"),
        Column("landed_at", DateTime(timezone=True), nullable=False, comment="When it was last landed or tried"),
        Column("attempts", Integer, nullable=False, server_default="0", comment="Tries since it was last settled"),
        Column(
            "cause", Text, comment="What kind of thing keeps it from being complete, the same word for all partitions"
        ),
        Column("complete_at", DateTime(timezone=True), comment="Since when it is complete"),
        Column("run_id", Text, comment="The Dagster run that did it"),
        PrimaryKeyConstraint("dataset", "partition"),
        Index(None, "source"),
        comment="One row per dataset and partition: what is expected of it, and what landed",
    )


def _asked(metadata: MetaData) -> None:
    Table(
        "asked",
        metadata,
        Column("dataset", Text, nullable=False),
        Column("ts_code", Text, nullable=False, comment="The stock; '*': the whole market"),
        Column("part", Text, nullable=False, comment="Which of the calls that one stock takes"),
        Column(
            "variant", Integer, nullable=False, comment="Position of its parameters in the declaration's `variants`"
        ),
        Column("first_period", Date, comment="The first report period that it asked for; null: from the beginning"),
        Column("last_period", Date, comment="The last one; null: to the newest"),
        Column("asked_at", DateTime(timezone=True), nullable=False, comment="When it was last answered or tried"),
        Column("status", Text, nullable=False, comment="complete, failed, deferred, disabled"),
        Column("cause", Text, comment="What kind of thing kept it from being answered"),
        Column("reason", Text, comment="Why it was not answered, in a sentence"),
        Column("attempts", Integer, nullable=False, comment="Tries in vain since it was last answered"),
        Column("rows", Integer, nullable=False, comment="Rows of the last answer"),
        Column("run_id", Text, comment="The Dagster run that did it"),
        PrimaryKeyConstraint("dataset", "ts_code", "part"),
        comment="One row per call that is made for a stock, or for the market's report period: when it was last answered",
    )


def _superseded(metadata: MetaData) -> None:
    Table(
        "superseded",
        metadata,
        Column("id", BigInteger, autoincrement=True, primary_key=True),
        Column("dataset", Text, nullable=False),
        Column("partition", Text, nullable=False),
        Column("row", JSONB, nullable=False, comment="The row as it was before the source changed it"),
        Column("superseded_at", DateTime(timezone=True), nullable=False),
        Column("run_id", Text),
        Index(None, "dataset", "partition"),
        comment="One row per row that the source corrected or withdrew: what it said before",
    )


def _data_version(metadata: MetaData) -> None:
    Table(
        "data_version",
        metadata,
        Column("id", BigInteger, autoincrement=True, primary_key=True),
        Column("dataset", Text, nullable=False, comment="What was changed; 'everything': whatever is served"),
        Column("version", BigInteger, nullable=False, comment="Transactions that took this counter"),
        comment="One row per dataset and transactions at once: counters, whose sum moves with every change of what is served",
        postgresql_with={"fillfactor": 50},
    )


def _quota(metadata: MetaData) -> None:
    Table(
        "quota",
        metadata,
        Column("account", Text, nullable=False, comment="Fingerprint of address and token"),
        Column("api", Text, nullable=False),
        Column("calls_per_minute", Integer, nullable=False, comment="How many permits the ring has"),
        Column("calls_per_day", Integer, comment="Null: as many as the minutes allow"),
        Column("day", Date, nullable=False, comment="Day, in Shanghai, of the last call"),
        Column("calls", Integer, nullable=False, comment="Calls on that day"),
        Column("urgent_until", DateTime(timezone=True), comment="Until then, who is not urgent takes no permit"),
        Column("paused_until", DateTime(timezone=True), comment="Until then, nobody calls"),
        Column("paused_window", Text, comment="The calls of which span are used up: minute, hour, day"),
        Column("paused_because", Text, comment="What Tushare said"),
        PrimaryKeyConstraint("account", "api"),
        comment="One row per account and interface that was asked: its limits, and what keeps it from being asked",
    )
    Table(
        "permit",
        metadata,
        Column("account", Text, nullable=False),
        Column("api", Text, nullable=False),
        Column("slot", Integer, nullable=False),
        Column("free_at", DateTime(timezone=True), nullable=False, comment="From when on it may be taken"),
        Column("lease", BigInteger, comment="Who has it; null when it was given back"),
        PrimaryKeyConstraint("account", "api", "slot"),
        ForeignKeyConstraint(["account", "api"], ["quota.account", "quota.api"], ondelete="CASCADE"),
        comment="One row per call that an interface allows in a window; taken before a call, free one window after it",
        postgresql_with={"fillfactor": 50},
    )


def _alerts(metadata: MetaData) -> None:
    alert = Table(
        "alert",
        metadata,
        Column("id", BigInteger, autoincrement=True, primary_key=True),
        Column("cause", Text, nullable=False, comment="What is wrong; the same word for everything that it explains"),
        Column("kind", Text, nullable=False, comment="failed, partial, late, quota, permission"),
        Column("severity", Text, nullable=False, comment="warning, critical"),
        Column("title", Text, nullable=False, comment="As it is told, in one line"),
        Column("body", Text, nullable=False, comment="As it is told"),
        Column("datasets", ARRAY(Text), nullable=False, comment="All that it concerned since it is open"),
        Column("partitions", Integer, nullable=False, comment="How many partitions it concerns now"),
        Column("first_seen", DateTime(timezone=True), nullable=False),
        Column("last_seen", DateTime(timezone=True), nullable=False),
        Column("telling", Integer, nullable=False, comment="How often there was something to tell; 0: not yet"),
        Column("due_at", DateTime(timezone=True), comment="When there was last something to tell"),
        Column(
            "told_at", DateTime(timezone=True), comment="Since when every channel has accepted what there is to tell"
        ),
        Column("cleared_at", DateTime(timezone=True), comment="Since when it no longer holds; null: it is open"),
        comment="One row per cause of trouble that was seen: one message, however many partitions it concerns",
    )
    Index("alert_open", alert.c.cause, unique=True, postgresql_where=alert.c.cleared_at.is_(None))
    Table(
        "alert_channel",
        metadata,
        Column("alert_id", ForeignKey("alert.id", ondelete="CASCADE"), nullable=False),
        Column("channel", Text, nullable=False, comment="Scheme and fingerprint; the address is a secret"),
        Column("telling", Integer, nullable=False, comment="The last telling of the alert that it accepted; 0: none"),
        Column("accepted_at", DateTime(timezone=True)),
        Column("attempts", Integer, nullable=False, comment="Tries in vain since it last accepted one"),
        Column("next_at", DateTime(timezone=True), comment="Not tried again before; null when nothing was refused"),
        Column("last_error", Text, comment="What the channel answered when it last refused"),
        PrimaryKeyConstraint("alert_id", "channel"),
        comment="One row per alert and channel that was tried: what it accepted, and why not",
    )


def _floor(metadata: MetaData) -> None:
    Table(
        "schema_floor",
        metadata,
        Column("revision", Text, nullable=False, comment="The migration that took something away"),
        Column("floor", Text, nullable=False, comment="The lowest revision that code must know since"),
        Column("reason", Text, nullable=False, comment="What was taken away"),
        PrimaryKeyConstraint("revision"),
        comment="One row per migration that took away what older code needs",
    )


def _keys(metadata: MetaData) -> None:
    key = Table(
        "api_key",
        metadata,
        Column("id", BigInteger, autoincrement=True, primary_key=True),
        Column("name", Text, nullable=False, comment="Who has it; the API's log says it"),
        Column("hash", LargeBinary, nullable=False, comment="SHA-256 of the key, which is shown once and kept nowhere"),
        Column("hint", Text, nullable=False, comment="How it begins, by which its holder knows it again"),
        Column("per_minute", Integer, comment="Requests per minute; null: as many as are set for all; 0: no limit"),
        Column("created_at", DateTime(timezone=True), nullable=False),
        Column("expires_at", DateTime(timezone=True), comment="From when on it is refused; null: never"),
        Column("revoked_at", DateTime(timezone=True), comment="Since when it is refused; null: it is not"),
        UniqueConstraint("hash"),
        comment="One row per key of the API that was ever made",
    )
    Index("api_key_in_use", key.c.name, unique=True, postgresql_where=key.c.revoked_at.is_(None))


def _ledger(metadata: MetaData) -> None:
    call = Table(
        "llm_call",
        metadata,
        Column("id", BigInteger, autoincrement=True, primary_key=True),
        Column("report_key", Text, comment="The report that it was made for; null: none"),
        Column("expert", Text, nullable=False, comment="Who asked"),
        Column("provider", Text, nullable=False),
        Column("model", Text, nullable=False),
        Column("rung", Text, nullable=False, comment="json_schema, tools, json_object, text"),
        Column("request_sha256", Text, nullable=False, comment="Of provider, model, prompt and contract"),
        Column("request", LargeBinary, nullable=False, comment="The body that was sent, zstd"),
        Column("response", LargeBinary, comment="What was answered, zstd; null: nothing"),
        Column("tokens_in", BigInteger, comment="Null: the provider did not say"),
        Column("tokens_out", BigInteger, comment="Thinking included"),
        Column("tokens_cached", BigInteger, comment="Of those asked"),
        Column("tokens_reasoning", BigInteger, comment="Of those answered"),
        Column("price_version", Text, nullable=False, comment="By which prices it was counted"),
        Column(
            "reserved_cny", Numeric, nullable=False, comment="What it could cost at the most, booked before it was made"
        ),
        Column("cost_cny", Numeric, comment="What it cost; null: it is under way"),
        Column("started_at", DateTime(timezone=True), nullable=False),
        Column(
            "expires_at", DateTime(timezone=True), nullable=False, comment="From when on an open call counts as lost"
        ),
        Column("first_byte_ms", Integer, comment="Until something was answered"),
        Column("total_ms", Integer, comment="Until all was"),
        Column("attempt", Integer, nullable=False, comment="Which one of the same question"),
        Column("outcome", Text, comment="answered, lost, or the class of the error; null: it is under way"),
        Column("error", Text, comment="What went wrong, in a sentence"),
        comment="One row per call of a language model, whatever came of it",
    )
    Index("llm_call_by_report", call.c.report_key)
    Index("llm_call_by_provider", call.c.provider, call.c.started_at)
    Index("llm_call_under_way", call.c.provider, postgresql_where=call.c.outcome.is_(None))
    Index("llm_call_answered", call.c.request_sha256, postgresql_where=call.c.outcome == literal_column("'answered'"))
    Table(
        "llm_spending",
        metadata,
        Column("span", Text, nullable=False, comment="A month, a day (both in Shanghai), or report:KEY"),
        Column("spent_cny", Numeric, nullable=False, comment="What the calls of the span cost, or could at the most"),
        PrimaryKeyConstraint("span"),
        comment="One row per month, day and report: what is spent or booked, locked by whoever books a call",
        postgresql_with={"fillfactor": 50},
    )


METADATA = build(CATALOG.values())
"""The tables of the whole catalog."""

VERSIONED = (*CATALOG, *DERIVED)
"""What has a data version: the datasets, and what is derived from them."""

EVERYTHING = "everything"
"""The name under which a change is counted of which nobody can say whom it concerns."""

API_KEY = METADATA.tables["api_key"]
ASKED = METADATA.tables["asked"]
COVERAGE = METADATA.tables["coverage"]
LLM_CALL = METADATA.tables["llm_call"]
LLM_SPENDING = METADATA.tables["llm_spending"]
RESEARCH_CLAIM = METADATA.tables["research_claim"]
RESEARCH_NOTE = METADATA.tables["research_note"]
RESEARCH_OUTCOME = METADATA.tables["research_outcome"]
RESEARCH_PAGE = METADATA.tables["research_page"]
RESEARCH_REPORT = METADATA.tables["research_report"]
RESEARCH_SEARCH = METADATA.tables["research_search"]
RESEARCH_SHEET = METADATA.tables["research_sheet"]
RESEARCH_WATCH = METADATA.tables["research_watch"]
DATA_VERSION = METADATA.tables["data_version"]
SUPERSEDED = METADATA.tables["superseded"]
