"""What is told when the table of the alerts cannot be written: that there is no space on PostgreSQL's disk.

Who was told what is kept in that table; here only this process knows, so that a channel may hear it once more from another.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from stock_assistant_pipelines.alerts.wording import Message

if TYPE_CHECKING:
    from datetime import datetime

    from stock_assistant_pipelines.settings import Settings
    from stock_assistant_pipelines.warehouse.space import DiskFull

AGAIN = timedelta(hours=6)
"""After how long a channel that was told is told again."""

_told: dict[str, datetime] = {}
"""When each channel accepted it."""


def tell(settings: Settings, now: datetime, full: DiskFull) -> int:
    """Tell each channel that was not told lately, past the table; how many accepted it."""
    from stock_assistant_pipelines.alerts import channels  # where nobody is told, apprise is not loaded

    message = Message(
        "数据库磁盘已满 PostgreSQL's disk is full",
        f"处理: 清理或扩容该磁盘，勿删 PostgreSQL 自己的文件；有空间后自动继续\nWhat to do: {full}",
        "critical",
    )
    accepted = 0
    for channel in channels.usable(settings)[0]:
        if (at := _told.get(channel.name)) and now - at < AGAIN:
            continue
        if channel.send(message).accepted:
            _told[channel.name] = now
            accepted += 1
    return accepted
