"""`stock-assistant alerts`: what is wrong now, and which channels have accepted it; with `--test`, whether they work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import ProgrammingError

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.alerts import outbox, wording
from stock_assistant_pipelines.cli.services import ServiceError
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.database import existing
from stock_assistant_pipelines.warehouse.revision import UPGRADE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from stock_assistant_pipelines.alerts.outbox import Alert
    from stock_assistant_pipelines.settings import Settings

CLEARED_SHOWN = 5
"""How many alerts are shown that no longer hold, the last first."""


def run(settings: Settings, *, test: bool) -> int:
    """Show the alerts, or try the channels. Returns 1 when a channel refuses the test message, else 0."""
    out = Console(highlight=False)
    if test:
        return _try(settings, out)
    from stock_assistant_pipelines.alerts.channels import channels

    names = [channel.name for channel in channels(settings)]
    with existing(settings) as database, database.connected(pool_size=1) as engine:
        try:
            with engine.connect() as connection:
                found = outbox.alerts(connection, CLEARED_SHOWN)
        except ProgrammingError:
            raise ServiceError(f"the tables are not there yet: {UPGRADE}") from None
    out.print(_table(found, names) if found else "Nothing is wrong, and nothing was.")
    if not names:
        out.print("ALERT_URLS is not set, so nobody is told: see docs/alerts.md")
    return 0


def _try(settings: Settings, out: Console) -> int:
    """Send a test message through every channel at once, and show what each answers."""
    from stock_assistant_pipelines.alerts.channels import channels

    known = channels(settings)
    if not known:
        raise ServiceError("ALERT_URLS is not set, so there is no channel to test: see docs/alerts.md")
    message = wording.trial(calendar.now())
    with ThreadPoolExecutor(len(known)) as workers:
        answers = list(workers.map(lambda channel: channel.send(message), known))
    for channel, answer in zip(known, answers, strict=True):
        sign = "[green]accepted[/]" if answer.accepted else "[red]refused[/] "
        out.print(f"{channel.name:<24} {sign}  {escape(answer.text)}", soft_wrap=True)
    return 0 if all(answer.accepted for answer in answers) else 1


def _table(found: Sequence[Alert], channels: Sequence[str]) -> Table:
    """The alerts, the open ones first, with a line for each channel that was tried or is to be."""
    table = Table(title="Alerts, by the time in Shanghai", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("alert", "since", "until", "told"):
        table.add_column(heading, overflow="fold")
    for alert in found:
        shade = "dim" if alert.cleared_at else ("red" if alert.severity == "critical" else "yellow")
        table.add_row(
            f"[{shade}]{escape(alert.title)}[/]",
            _moment(alert.first_seen),
            _moment(alert.cleared_at) if alert.cleared_at else "open",
            "\n".join(escape(line) for line in _told(alert, channels)),
        )
    return table


def _told(alert: Alert, channels: Sequence[str]) -> list[str]:
    """What became of it, channel by channel."""
    if not alert.telling:
        return ["not yet: it may pass" if not alert.cleared_at else "it passed before it was told"]
    if not channels:
        return ["nobody"]
    lines = []
    for name in channels:
        state = alert.channels.get(name)
        if state and state.telling == alert.telling and state.accepted_at:
            lines.append(f"{name}: {_moment(state.accepted_at)}")
        elif alert.cleared_at and not (state and state.telling):
            lines.append(f"{name}: not told, it passed")
        elif state and state.attempts:
            times = "once" if state.attempts == 1 else f"{state.attempts} times"
            lines.append(f"{name}: refused {times}, {state.last_error}")
        else:
            lines.append(f"{name}: to be told")
    return lines


def _moment(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%m-%d %H:%M}"
