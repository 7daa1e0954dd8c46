"""Forwarding: what Prometheus' Alertmanager tells, handed on to the channels in the words of its rules.

Alertmanager knows neither Feishu nor DingTalk, and posts again when it is answered 5xx. A channel that has accepted a message
is not sent it again then; the others are.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime  # noqa: TC003 - pydantic resolves it when it runs
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from stock_assistant_pipelines.alerts.wording import BODY_BYTES, NAME, TITLE_BYTES, Message, clip
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stock_assistant_pipelines.alerts.channels import Channel

SHOWN = 5
"""How many alerts of a group are told one by one."""

WORD_BYTES = 200

UNDER_WAY = 100
"""Of how many messages it is kept who has accepted them, while another channel has not."""


class NotANotification(ValueError):
    """What came is not what Alertmanager sends."""


class Fired(BaseModel):
    """An alert of a group."""

    model_config = ConfigDict(frozen=True)

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: datetime  # noqa: N815 - Alertmanager's name

    def said(self, name: str) -> str:
        """What its rule says in Chinese, and in English."""
        words = [self.annotations.get(f"{name}_zh", ""), self.annotations.get(name, "")]
        return " ".join(filter(None, words))


class Notification(BaseModel):
    """What Alertmanager posts: the alerts of a group, those that are over as well."""

    model_config = ConfigDict(frozen=True)

    version: Literal["4"]
    groupKey: str  # noqa: N815
    status: Literal["firing", "resolved"]
    alerts: list[Fired]


def message(posted: bytes) -> Message:
    """The message of a notification. Raises NotANotification."""
    try:
        told = Notification.model_validate_json(posted)
    except ValidationError:
        raise NotANotification("it is not a notification of Alertmanager, version 4") from None
    firing = [each for each in told.alerts if each.status == "firing"]
    shown = firing or told.alerts
    if not shown:
        raise NotANotification("it holds no alert")
    return Message(_title(told, firing), clip("\n".join(_lines(shown)), BODY_BYTES), _severity(firing))


def _title(told: Notification, firing: Sequence[Fired]) -> str:
    first = (firing or told.alerts)[0]
    name = first.said("summary") or first.labels.get("alertname", "")
    more = len(firing or told.alerts) - 1
    state = "" if firing else "已恢复 CLEARED · "
    return clip(f"{NAME} · {state}{name}{f' (+{more})' if more else ''}", TITLE_BYTES)


def _lines(shown: Sequence[Fired]) -> Iterator[str]:
    for each in shown[:SHOWN]:
        yield f"{each.labels.get('alertname', '?')}: {clip(each.said('description') or each.said('summary'), WORD_BYTES)}"
    if len(shown) > SHOWN:
        yield f"… + {len(shown) - SHOWN}"
    since = min(each.startsAt for each in shown).astimezone(SHANGHAI)
    yield f"始于 Since: {since:%Y-%m-%d %H:%M} (Asia/Shanghai)"
    for url in dict.fromkeys(each.annotations.get("runbook_url", "") for each in shown[:SHOWN]):
        if url:
            yield f"处理 What to do: {url}"


def _severity(firing: Sequence[Fired]) -> str:
    """What the channels show it as."""
    if not firing:
        return "cleared"
    known = {each.labels.get("severity") for each in firing}
    return next((severity for severity in ("critical", "warning") if severity in known), "info")


class Forwarder:
    """Hands messages on to the channels, each message once to each."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._channels = channels
        self._turn = threading.Lock()
        self._accepted: OrderedDict[bytes, set[str]] = OrderedDict()

    def forward(self, posted: bytes) -> Mapping[str, str]:
        """Hand on what was posted; the answers of the channels that refused it. Raises NotANotification."""
        told = message(posted)
        with self._turn:  # one after the other: robots silence who writes too much
            accepted = self._accepted.setdefault(posted, set())
            waiting = [channel for channel in self._channels if channel.name not in accepted]
            with ThreadPoolExecutor(len(waiting) or 1, thread_name_prefix="receiver") as workers:
                answers = list(workers.map(lambda channel: channel.send(told), waiting))
            refused = {}
            for channel, answer in zip(waiting, answers, strict=True):
                if answer.accepted:
                    accepted.add(channel.name)
                else:
                    refused[channel.name] = answer.text
            if not refused:
                del self._accepted[posted]
            while len(self._accepted) > UNDER_WAY:
                self._accepted.popitem(last=False)
        return refused
