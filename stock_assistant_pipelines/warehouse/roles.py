"""The roles in PostgreSQL, one per duty: what each may do with our tables, and with those of Dagster beside them.

The owner makes the tables and gives the rights (`grants`); whoever works day by day is somebody else. What a role may do stands
here and nowhere else: a table that is not named is open to nobody, a right that was given by hand is taken back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.derived import DERIVED
from stock_assistant_pipelines.settings.database import API_ROLE, BACKUP_ROLE, DAGSTER_ROLE, MONITOR_ROLE, WRITER_ROLE

if TYPE_CHECKING:
    from collections.abc import Mapping

READ = frozenset({"SELECT"})
APPEND = READ | {"INSERT"}
KEEP = APPEND | {"UPDATE"}
WRITE = KEEP | {"DELETE"}

ROWS = (*CATALOG, *DERIVED)
"""Tables of the datasets, and what is derived from them."""

BOOKS = (
    *("coverage", "asked", "data_version", "quota", "permit", "llm_spending"),
    *("research_sheet", "research_report", "research_note", "research_claim", "research_outcome"),
)
"""Tables of ours that are served, beside those of the datasets: what is known of the rows, and the reports."""

FIXED = ("alembic_version", "schema_floor", "quarantine")
"""What is served and only a migration changes: the number of the last one, which versions it takes, and a view."""

INNER = (
    *("superseded", "api_key", "alert", "alert_channel"),
    *("llm_call", "research_watch", "research_search", "research_page"),
)
"""Tables of ours that are not served, or a few columns of them only."""

SERVED = (*ROWS, *BOOKS, *FIXED)

COSTS = (
    *("report_key", "expert", "provider", "model", "tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning"),
    *("reserved_cny", "cost_cny", "started_at", "outcome"),
)
"""Of a call of a model: what it cost, and nothing that was said in it."""


@dataclass(frozen=True)
class Access:
    """What a role may do in one database."""

    database: frozenset[str] = frozenset()
    """Rights that are taken from everybody: CONNECT to Dagster's database, TEMPORARY tables in either."""
    tables: Mapping[str, frozenset[str]] = field(default_factory=dict)
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Tables of which it reads these columns only."""
    functions: tuple[str, ...] = ()
    """Those that are closed to everybody else."""


@dataclass(frozen=True)
class Role:
    """One duty. Options and settings hold from when it is made; what the operator changes of them afterwards stays."""

    name: str
    variable: str
    """The setting with its password."""
    connections: int
    """How many it may have at once, so that none takes those of the others."""
    settings: Mapping[str, str]
    options: str = "NOINHERIT"
    member_of: tuple[str, ...] = ()
    """Of PostgreSQL's own roles."""
    ours: Access = field(default_factory=Access)
    dagsters: Access = field(default_factory=Access)


API = Role(
    API_ROLE,
    variable="API_DATABASE_PASSWORD",
    connections=100,
    settings={
        "default_transaction_read_only": "on",
        "statement_timeout": "30s",
        "idle_in_transaction_session_timeout": "60s",
    },
    ours=Access(
        tables=dict.fromkeys(SERVED, READ),
        columns={"llm_call": COSTS, "research_watch": ("trade_date", "ts_code", "named_by")},
        functions=("api_keys()",),
    ),
)
"""It reads what is served. Of who is expected neither who asked nor what went wrong; of the keys what tells a good one."""

WRITER = Role(
    WRITER_ROLE,
    variable="WRITER_DATABASE_PASSWORD",
    connections=100,
    # As long as a run may take: a session waits for the day that another works on, and reads while models answer.
    settings={"statement_timeout": "6h", "idle_in_transaction_session_timeout": "6h"},
    ours=Access(
        database=frozenset({"TEMPORARY"}),  # what lands is staged
        tables=dict.fromkeys((*ROWS, *BOOKS, *INNER), WRITE)
        | dict.fromkeys(FIXED, READ)
        | {"superseded": APPEND, "llm_call": KEEP, "llm_spending": KEEP, "api_key": KEEP},
    ),
)
"""It lands rows and writes reports. What a row said before it was corrected, it adds and never changes; calls that were paid
and keys that were made, it never deletes.
"""

DAGSTER = Role(
    DAGSTER_ROLE,
    variable="DAGSTER_DATABASE_PASSWORD",
    connections=100,
    # Dagster's pages of backfills run long, and break where the server ends them.
    settings={"statement_timeout": "0", "idle_in_transaction_session_timeout": "1h"},
    # PostgreSQL 15 gives the rights of a database's owner to a role that inherits only.
    options="INHERIT",
)
"""It owns Dagster's database, where Dagster makes its tables itself."""

BACKUP = Role(
    BACKUP_ROLE,
    variable="BACKUP_DATABASE_PASSWORD",
    connections=10,
    settings={"default_transaction_read_only": "on", "statement_timeout": "0"},
    options="INHERIT REPLICATION",
    member_of=("pg_read_all_data",),
    dagsters=Access(database=frozenset({"CONNECT"})),
)
"""It reads everything: whoever has a backup has everything too."""

MONITOR = Role(
    MONITOR_ROLE,
    variable="MONITOR_DATABASE_PASSWORD",
    connections=10,
    settings={
        "default_transaction_read_only": "on",
        "statement_timeout": "30s",
        "idle_in_transaction_session_timeout": "60s",
    },
    options="INHERIT",
    member_of=("pg_monitor",),
    ours=Access(
        tables=dict.fromkeys(
            (
                *("coverage", "asked", "data_version", "quota", "permit", "llm_spending", "trade_cal"),
                *("research_outcome", *FIXED),
            ),
            READ,
        ),
        columns={
            "alert": (
                *("id", "cause", "kind", "severity", "datasets", "partitions", "first_seen", "last_seen", "telling"),
                *("due_at", "told_at", "cleared_at"),
            ),
            "alert_channel": ("alert_id", "channel", "telling", "accepted_at", "attempts", "next_at"),
            "llm_call": (*COSTS, "rung", "expires_at", "first_byte_ms", "total_ms", "attempt"),
            "research_watch": ("trade_date", "ts_code", "named_by", "evidence_sha256"),
            "research_search": ("ts_code", "day", "asked_at", "answered_at", "outcome", "source"),
            "research_report": (
                *("id", "ts_code", "trade_date", "language", "provider", "model", "prompt_version", "evidence_sha256"),
                *("status", "stance", "horizon", "probability", "claims", "dropped", "forward", "made_at", "run_id"),
            ),
            "research_note": ("report_id", "expert", "status", "calls", "provider", "model", "made_at"),
            "research_claim": ("report_id", "expert", "place", "kind", "direction", "held", "violations"),
        },
    ),
    dagsters=Access(
        database=frozenset({"CONNECT"}),
        tables=dict.fromkeys(("run_tags", "instigators", "jobs", "job_ticks"), READ),
        columns={
            "runs": (
                *("id", "run_id", "pipeline_name", "status", "partition", "partition_set", "backfill_id"),
                *("create_timestamp", "update_timestamp", "start_time", "end_time"),
            ),
            "bulk_actions": ("id", "key", "status", "timestamp", "action_type", "selector_id", "job_name"),
            "daemon_heartbeats": ("id", "daemon_type", "daemon_id", "timestamp"),
        },
    ),
)
"""It counts what is there. Of reports, calls and alerts it sees that they are, and not what they say; of Dagster's runs neither
configuration nor log.
"""

ROLES = (API, WRITER, DAGSTER, BACKUP, MONITOR)
