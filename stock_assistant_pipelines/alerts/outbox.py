"""The table `alert`: what is open, what there is to tell of it, and what each channel has accepted.

Each time there is something to tell, an alert's `telling` grows by one; a channel that accepted a message has that number.
So a channel that refuses is told again without the others hearing it twice, and nothing is lost when a process dies.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, and_, cast, column, delete, exists, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from stock_assistant_pipelines.alerts import wording
from stock_assistant_pipelines.alerts.causes import Severity
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection

    from stock_assistant_pipelines.alerts.causes import Cause
    from stock_assistant_pipelines.alerts.wording import Message

REMINDED_AFTER = timedelta(days=1)
"""How long an alert stays open until it is told again."""

KEPT = timedelta(days=90)
"""How long an alert that no longer holds is kept."""

STALE = timedelta(days=1)
"""How long a channel is told that an alert no longer holds, when it refuses to hear it."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
"""How long a channel is spared an alert that it refused: the first doubles with every refusal, up to the second."""

DIGEST = "digest"
"""The kind of what is no alert: a message that is told once, by the same way. No cause of trouble opens or ends it."""

WORSE = {Severity.WARNING.value: 0, Severity.CRITICAL.value: 1}

ALERT = METADATA.tables["alert"]
CHANNEL = METADATA.tables["alert_channel"]


@dataclass(frozen=True, slots=True)
class Due:
    """An alert that a channel is to be told."""

    id: int
    telling: int
    message: Message


def record(connection: Connection, causes: Iterable[Cause], now: datetime, dagster_url: str | None = None) -> int:
    """Keep the table in step with the causes that hold now: open, renew, clear. Returns how many are open.

    Whoever calls holds `alerts`, since before the causes were looked for.
    """
    trouble = and_(ALERT.c.cleared_at.is_(None), ALERT.c.kind != DIGEST)
    known = {row.cause: row for row in connection.execute(select(ALERT).where(trouble))}
    holding = {cause.key: cause for cause in causes}
    for key, cause in holding.items():
        values = {
            "title": wording.title(cause),
            "body": wording.body(cause, dagster_url),
            "partitions": cause.partitions,
            "last_seen": now,
        }
        if key in known:
            renewed = values | _renewed(known[key], cause, now)
            connection.execute(update(ALERT).where(ALERT.c.id == known[key].id).values(renewed))
        else:
            connection.execute(insert(ALERT).values(values | _opened(cause, now)))
    for key in known.keys() - holding.keys():
        told = known[key].telling > 0
        again = _told_again(known[key], now) if told else {}
        connection.execute(update(ALERT).where(ALERT.c.id == known[key].id).values(cleared_at=now, **again))
    over = or_(ALERT.c.told_at.is_not(None), ALERT.c.first_seen < now - STALE)
    digests = and_(ALERT.c.cleared_at.is_(None), ALERT.c.kind == DIGEST)
    connection.execute(update(ALERT).where(digests, over).values(cleared_at=now))
    connection.execute(delete(ALERT).where(ALERT.c.cleared_at < now - KEPT))
    return len(holding)


def announce(connection: Connection, name: str, title: str, body: str, now: datetime) -> bool:
    """Keep a message that each channel is told once, for a day at the most. False: one of this name was kept before.

    Whoever calls holds `alerts`.
    """
    if connection.scalar(select(exists().where(ALERT.c.cause == name))):
        return False
    values = {"cause": name, "kind": DIGEST, "severity": "info", "title": title, "body": body, "datasets": []}
    moments = {"first_seen": now, "last_seen": now, "due_at": now}
    connection.execute(insert(ALERT).values(values | moments | {"partitions": 0, "telling": 1}))
    return True


def _opened(cause: Cause, now: datetime) -> dict[str, Any]:
    """What is new of an alert that was not open."""
    ripe = cause.ripe(now, now)
    return {
        "cause": cause.key,
        "kind": cause.kind.value,
        "severity": cause.severity.value,
        "datasets": [each.dataset for each in cause.affected],
        "first_seen": now,
        "telling": 1 if ripe else 0,
        "due_at": now if ripe else None,
    }


def _renewed(row: Any, cause: Cause, now: datetime) -> dict[str, Any]:
    """What changes of an open alert. It is told again for another dataset, when it is worse, or a day later.

    Days that come to lack something come one after the other: they are told, and counted, when no more have come for a while.

    Its datasets are all that it ever concerned, and its severity the worst that it ever had, so that nothing which comes
    and goes is told each time.
    """
    datasets = {each.dataset for each in cause.affected}
    worse = WORSE[cause.severity] > WORSE[row.severity]
    ripe = cause.ripe(row.first_seen, now)
    further = cause.moved_at is not None and cause.partitions > row.partitions
    if row.telling == 0:
        tell = ripe
    else:
        reminded = cause.reminded and now - row.due_at >= REMINDED_AFTER
        tell = worse or not datasets <= set(row.datasets) or reminded or (further and ripe)
    values: dict[str, Any] = {"datasets": sorted({*row.datasets, *datasets})}
    if further and not tell:
        values["partitions"] = row.partitions
    if worse:
        values["severity"] = cause.severity.value
    return values | (_told_again(row, now) if tell else {})


def _told_again(row: Any, now: datetime) -> dict[str, Any]:
    return {"telling": row.telling + 1, "due_at": now, "told_at": None}


@contextmanager
def alone(connection: Connection, channel: str) -> Iterator[bool]:
    """Whether nobody else tells a channel; until the end of the block nobody will. The connection commits by itself."""
    lock = {"name": f"telling {channel}"}
    mine = connection.execute(text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))"), lock).scalar_one()
    try:
        yield bool(mine)
    finally:
        if mine:
            connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))"), lock)


def due(connection: Connection, channel: str, now: datetime, limit: int, *, sandboxed: bool) -> list[Due]:
    """What a channel is to be told now; what it refused before comes last."""
    mine = and_(CHANNEL.c.alert_id == ALERT.c.id, CHANNEL.c.channel == channel)
    heard = func.coalesce(CHANNEL.c.telling, 0)
    query = (
        select(ALERT)
        .select_from(ALERT.outerjoin(CHANNEL, mine))
        .where(
            ALERT.c.telling > heard,
            _worth_telling(heard),
            or_(ALERT.c.cleared_at.is_(None), and_(ALERT.c.cleared_at > now - STALE, ~_is_back())),
            or_(CHANNEL.c.next_at.is_(None), CHANNEL.c.next_at <= now),
        )
        .order_by(func.coalesce(CHANNEL.c.attempts, 0), ALERT.c.due_at, ALERT.c.id)
        .limit(limit)
    )
    return [Due(row.id, row.telling, _message(row, sandboxed=sandboxed)) for row in connection.execute(query)]


def _worth_telling(heard: ColumnElement[Any]) -> ColumnElement[bool]:
    """That something no longer holds is told only where it was heard that it did."""
    return or_(ALERT.c.cleared_at.is_(None), heard > 0)


def _is_back() -> ColumnElement[bool]:
    """That something no longer holds is not told once it holds again: that may have been heard already."""
    again = ALERT.alias("again")
    return exists(select(1).where(again.c.cause == ALERT.c.cause, again.c.cleared_at.is_(None)).correlate(ALERT))


def _message(row: Any, *, sandboxed: bool) -> Message:
    if row.kind == DIGEST:
        return wording.digest(row.title, row.body, sandboxed=sandboxed)
    if row.cleared_at:
        return wording.cleared(
            row.title, row.kind, first_seen=row.first_seen, cleared_at=row.cleared_at, sandboxed=sandboxed
        )
    return wording.message(
        row.title, row.body, row.severity, telling=row.telling, first_seen=row.first_seen, sandboxed=sandboxed
    )


def accepted(connection: Connection, told: Due, channel: str, now: datetime) -> None:
    """Note that a channel has accepted a message."""
    _note(connection, told, channel, {"telling": told.telling, "accepted_at": now, "attempts": 0, "next_at": None})


def refused(connection: Connection, told: Due, channel: str, reason: str, now: datetime) -> None:
    """Note that a channel has not accepted a message, and leave it alone for a while."""
    mine = and_(CHANNEL.c.alert_id == told.id, CHANNEL.c.channel == channel)
    attempts = (connection.execute(select(CHANNEL.c.attempts).where(mine)).scalar() or 0) + 1
    doublings: int = 2 ** min(attempts - 1, 10)  # the longest pause is reached long before
    pause = min(FIRST_PAUSE * doublings, LONGEST_PAUSE)
    _note(connection, told, channel, {"attempts": attempts, "next_at": now + pause, "last_error": reason})


def _note(connection: Connection, told: Due, channel: str, values: dict[str, Any]) -> None:
    fresh = {"alert_id": told.id, "channel": channel, "telling": 0, "attempts": 0} | values
    noted = insert(CHANNEL).values(fresh)
    kept = values | {"telling": func.greatest(CHANNEL.c.telling, noted.excluded.telling)}
    connection.execute(noted.on_conflict_do_update(index_elements=[CHANNEL.c.alert_id, CHANNEL.c.channel], set_=kept))


def mark_told(connection: Connection, channels: Sequence[str], now: datetime) -> None:
    """Mark the alerts of which every channel has accepted what there is to tell."""
    wanted = func.unnest(cast(list(channels), ARRAY(Text))).table_valued(column("name", Text), name="wanted")
    mine = and_(CHANNEL.c.alert_id == ALERT.c.id, CHANNEL.c.channel == wanted.c.name)
    heard = func.coalesce(select(CHANNEL.c.telling).where(mine).correlate(ALERT, wanted).scalar_subquery(), 0)
    waits = exists(select(1).select_from(wanted).where(heard < ALERT.c.telling, _worth_telling(heard)))
    connection.execute(update(ALERT).where(ALERT.c.telling > 0, ALERT.c.told_at.is_(None), ~waits).values(told_at=now))


@dataclass(frozen=True, slots=True)
class Heard:
    """What a channel was told of an alert."""

    telling: int
    accepted_at: datetime | None
    attempts: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert, and what each channel that was tried has heard of it."""

    cause: str
    kind: str
    severity: str
    title: str
    body: str
    first_seen: datetime
    telling: int
    told_at: datetime | None
    cleared_at: datetime | None
    channels: Mapping[str, Heard]


def alerts(connection: Connection, cleared: int = 0) -> list[Alert]:
    """The open alerts, the worst and oldest first, and after them the last ones that were `cleared`."""
    order = (ALERT.c.severity, ALERT.c.first_seen, ALERT.c.id)  # critical comes before warning
    rows = list(connection.execute(select(ALERT).where(ALERT.c.cleared_at.is_(None)).order_by(*order)))
    gone = select(ALERT).where(ALERT.c.cleared_at.is_not(None)).order_by(ALERT.c.cleared_at.desc(), ALERT.c.id)
    rows += connection.execute(gone.limit(cleared))
    heard: dict[int, dict[str, Heard]] = {}
    for row in connection.execute(select(CHANNEL).where(CHANNEL.c.alert_id.in_([row.id for row in rows]))):
        state = Heard(row.telling, row.accepted_at, row.attempts, row.last_error)
        heard.setdefault(row.alert_id, {})[row.channel] = state
    names = [each.name for each in fields(Alert) if each.name != "channels"]
    return [Alert(**{name: getattr(row, name) for name in names}, channels=heard.get(row.id, {})) for row in rows]
