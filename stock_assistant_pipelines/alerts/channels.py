"""The channels that alerts go to: apprise's, and the robots of `robots` in place of apprise's own."""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType
from apprise.exception import AppriseException

from stock_assistant_pipelines.alerts.robots import ROBOTS, Robot
from stock_assistant_pipelines.alerts.wording import clip
from stock_assistant_pipelines.redaction import LEAST, parts_of
from stock_assistant_pipelines.settings.errors import SettingsError

if TYPE_CHECKING:
    from apprise.logger import NotifyLogEntry
    from apprise.plugins.base import NotifyBase

    from stock_assistant_pipelines.alerts.wording import Message
    from stock_assistant_pipelines.settings import Settings

TIMEOUT = 15.0
"""Seconds after which a channel that has not answered counts as one that refused."""

DETAILS = ("Socket Exception", "Response Details")
"""So begin the lines of apprise's log, of the level DEBUG, that hold an answer."""

TYPES = {
    "warning": NotifyType.WARNING,
    "critical": NotifyType.FAILURE,
    "cleared": NotifyType.SUCCESS,
    "info": NotifyType.INFO,
}

# What apprise logs names tokens, and goes no further than into the results of its calls.
_LOG = logging.getLogger("apprise")
_LOG.setLevel(logging.DEBUG)
_LOG.propagate = False
_LOG.addHandler(logging.NullHandler())
logging.getLogger("urllib3").setLevel(logging.INFO)  # below that it logs the paths of what apprise's own channels ask


@dataclass(frozen=True, slots=True)
class Answer:
    """What a channel answered."""

    accepted: bool
    text: str


@dataclass(frozen=True, slots=True)
class Channel:
    """One of the addresses in ALERT_URLS."""

    name: str
    """Scheme and fingerprint. The address cannot be found from it."""
    service: NotifyBase = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    """The parts of the address that are shown nowhere."""

    def send(self, message: Message) -> Answer:
        """Send a message, and read the channel's own answer. Raises nothing that a channel does."""
        sender = Apprise(self.service, asset=self.service.asset)
        result = sender.notify(
            body=message.body,
            title=message.title,
            body_format=NotifyFormat.TEXT,  # else mail and Telegram take its signs for HTML, and lose its lines
            notify_type=TYPES[message.severity],
            log_level=logging.DEBUG,
        )
        entries = [entry for each in result for entry in each.logs()] or list(result.logs())
        said = "; ".join(entry.message for entry in entries if _tells(entry, accepted=bool(result)))
        return Answer(bool(result), self.hide(said) or ("accepted" if result else "refused without a word"))

    def hide(self, text: str) -> str:
        """A text without any part of the address."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return clip(" ".join(text.split()), 500)


def _tells(entry: NotifyLogEntry, *, accepted: bool) -> bool:
    """Whether a line of apprise's log says what a channel answered. The answer to a refused message is in its details."""
    if accepted:
        return entry.level == "INFO"
    return entry.level in {"WARNING", "ERROR"} or entry.message.startswith(DETAILS)


def channels(settings: Settings) -> list[Channel]:
    """The channels of an installation. Raises `SettingsError`, which names an address by its place, as they are secrets."""
    found, wrong = usable(settings)
    if wrong:
        raise wrong
    return found


def usable(settings: Settings) -> tuple[list[Channel], SettingsError | None]:
    """The channels whose addresses are some, and what there is to say of the others. An address that is there twice is one."""
    asset = AppriseAsset(app_id="stock-assistant", app_desc="Stock Assistant", service_timeout=TIMEOUT)
    found: dict[str, Channel] = {}
    wrong = []
    for at, secret in enumerate(settings.alert_urls, start=1):
        url = secret.get_secret_value()
        service = _service(url, asset)
        if service is None:
            wrong.append(f"number {at} ({url.partition('://')[0].lower()}://…)")
        else:
            name = f"{service.url(privacy=True).partition('://')[0]}-{_fingerprint(url)}"
            found[name] = Channel(name, service, tuple(_secrets(url, service)))
    if not wrong:
        return list(found.values()), None
    none = "is not an address" if len(wrong) == 1 else "are not addresses"
    return list(found.values()), SettingsError(
        f"ALERT_URLS: {', '.join(wrong)} {none} that apprise takes: see docs/alerts.md"
    )


def _service(url: str, asset: AppriseAsset) -> NotifyBase | None:
    """What sends to an address; None when it is none."""
    for robot in ROBOTS:
        words = robot.of(url)
        if words is not None:
            return _robot(robot, words, asset)
    return Apprise.instantiate(url, asset=asset)


def _robot(robot: type[NotifyBase], words: dict[str, Any], asset: AppriseAsset) -> NotifyBase | None:
    try:
        return robot(**words, asset=asset)
    except (AppriseException, TypeError, ValueError):
        return None  # what it says names the token


@lru_cache(maxsize=64)
def _fingerprint(url: str) -> str:
    """What tells an address from any other, at every start and wherever it stands. Slow: passwords are not guessed from it."""
    return hashlib.scrypt(url.encode(), salt=b"stock-assistant", n=2**14, r=8, p=1, dklen=4).hex()


def _secrets(url: str, service: NotifyBase) -> list[str]:
    """The parts of an address which may be secrets, the longest first; of others than robots, all of it, quoted or not."""
    if isinstance(service, Robot):
        return sorted(service.secrets, key=len, reverse=True)
    rest = url.partition("://")[2]
    parts = set(parts_of(url))
    parts |= {part for whole in re.split(r"[/@?&]+", rest) for part in (whole, whole.partition(":")[2])}
    known = parts | {unquote(part) for part in parts} | {url, rest}
    return sorted((part for part in known if len(part) >= LEAST), key=len, reverse=True)
