"""Look what is wrong, keep it in the table, and tell it: what the sensor does each minute, in one function."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stock_assistant_pipelines.alerts import causes, outbox, standing
from stock_assistant_pipelines.warehouse.landing import hold

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Engine

    from stock_assistant_pipelines.alerts.causes import Crash
    from stock_assistant_pipelines.alerts.channels import Channel
    from stock_assistant_pipelines.settings import Settings

AT_ONCE = 5
"""How many messages a channel is sent in one go: robots take 20 a minute."""

SECONDS = 20.0
"""After how many seconds no further message is begun; one that was begun ends within `channels.TIMEOUT`."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of it."""

    open: int
    channels: int
    accepted: int = 0
    refused: int = 0

    def __str__(self) -> str:
        alerts = f"{self.open} {'alert is' if self.open == 1 else 'alerts are'} open"
        if not self.channels:
            return f"{alerts}; ALERT_URLS is not set, so nobody is told"
        return f"{alerts}; {self.accepted} messages accepted, {self.refused} refused by {self.channels} channels"


def deliver(
    engine: Engine, settings: Settings, now: datetime, crashes: Sequence[Crash] = (), *, seconds: float = SECONDS
) -> Delivery:
    """Find what is wrong now, and `crashes`; keep the table `alert` in step; tell each channel what it has not accepted yet.

    What a channel refuses is kept, and told again later. Raises, when all others have been told, `SettingsError` where an
    address is none, and an `ExceptionGroup` of what broke in telling a channel.
    """
    with engine.begin() as connection:
        hold(connection, "alerts")  # before it is looked: what another look sees must not be older than what it writes
        stands = standing.read(connection, now)
        count = outbox.record(connection, causes.find(stands, crashes), now, settings.dagster_url)
    if not settings.alert_urls:
        return Delivery(count, 0)
    from stock_assistant_pipelines.alerts import channels  # where nobody is told, apprise is not loaded

    known, wrong = channels.usable(settings)
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(len(known) or 1, thread_name_prefix="alerts") as workers:
        told = [workers.submit(_tell, engine, channel, now, until, sandboxed=stands.sandboxed) for channel in known]
    with engine.begin() as connection:
        outbox.mark_told(connection, [channel.name for channel in known], now)
    if broken := [error for each in told if isinstance(error := each.exception(), Exception)]:
        raise ExceptionGroup("what the channels were told could not be kept", broken)
    if wrong:
        raise wrong
    answers = [each.result() for each in told]
    return Delivery(count, len(known), sum(good for good, _ in answers), sum(bad for _, bad in answers))


def _tell(engine: Engine, channel: Channel, now: datetime, until: float, *, sandboxed: bool) -> tuple[int, int]:
    """Tell one channel, up to the first message that it refuses; the next time another one goes first.

    While another tells it, which takes longer than a minute where it hangs, it is left to that one.
    """
    accepted = 0
    with (
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
        outbox.alone(connection, channel.name) as mine,
    ):
        waiting = outbox.due(connection, channel.name, now, AT_ONCE, sandboxed=sandboxed) if mine else []
        for told in waiting:
            if time.monotonic() >= until:
                break
            answer = channel.send(told.message)
            if not answer.accepted:
                outbox.refused(connection, told, channel.name, answer.text, now)
                return accepted, 1
            outbox.accepted(connection, told, channel.name, now)
            accepted += 1
    return accepted, 0
