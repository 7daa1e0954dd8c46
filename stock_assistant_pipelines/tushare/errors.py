"""What can go wrong with a call. The class decides what is done; the message says what a person can do.

Tushare answers most refusals with HTTP 200 and one code, 40203, for a missing permission and for every kind of throttling,
so the text decides. No message ever holds the token.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum

from stock_assistant_pipelines.settings import SHANGHAI


class TushareError(Exception):
    """A call that brought no usable answer. `api` is the interface that was asked."""

    heals = False
    """Whether the same call may succeed when it is made again soon."""

    def __init__(self, api: str, message: str) -> None:
        """Keep the arguments as they are, so that an error can be pickled and copied: it may cross processes."""
        self.api = api
        self.message = message

    def __str__(self) -> str:
        return f"{self.api}: {self.message}"

    @property
    def cause(self) -> str:
        """What went wrong in a word, the same whichever interface was asked: one cause, one alert."""
        return type(self).__name__


class TransportError(TushareError):
    """The server could not be reached, or the connection broke or timed out."""

    heals = True


class HttpStatusError(TushareError):
    """The gateway answered with another HTTP status than 200. 5xx and 408 pass; the others, redirects too, do not."""

    def __init__(self, api: str, status: int) -> None:
        self.status = status
        self.heals = status >= 500 or status == 408
        advice = "" if self.heals else " (check TUSHARE_BASE_URL)"
        super().__init__(api, f"HTTP {status} from Tushare's gateway{advice}")

    @property
    def cause(self) -> str:
        """The class and the status."""
        return f"{super().cause} {self.status}"


class MalformedAnswer(TushareError):
    """The answer is not what the protocol says: not JSON, cut off, or without data."""

    heals = True


class SchemaDrift(TushareError):
    """The answer's columns or types are not those of the catalog: a change at the source, or a wrong declaration."""


class WrongDay(TushareError):
    """The answer holds rows of another day than the one asked for."""


class ConflictingRows(TushareError):
    """One answer holds two different rows for one key."""


class Truncated(TushareError):
    """The answer was cut at the row cap, and the rest cannot be fetched."""


class BadToken(TushareError):
    """The token is not accepted. Nothing else will be answered either."""


class PermissionDenied(TushareError):
    """The token's points do not open this interface."""


class IpLimit(TushareError):
    """The token is in use from too many addresses."""


class BadParameters(TushareError):
    """Tushare refused the call's parameters, or gave a reason that is not known here; or they are no JSON."""


class CallRefused(TushareError):
    """Many stocks in a row were refused with the same words: it is the call that is wrong, whichever stock it is about."""


class QuotaUnavailable(TushareError):
    """The quota is kept in PostgreSQL, and PostgreSQL does not answer: without leave no call is made."""

    heals = True


class Window(StrEnum):
    """The span over which Tushare counts calls."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class Throttled(TushareError):
    """The calls of a minute, an hour or a day are used up."""

    def __init__(self, api: str, window: Window, text: str) -> None:
        super().__init__(api, text)
        self.window = window
        self.heals = window is Window.MINUTE

    @property
    def cause(self) -> str:
        """The class and the span."""
        return f"{super().cause} {self.window}"

    def wait(self, now: datetime | None = None) -> timedelta:
        """How long the interface has to be left alone, counted from `now`: a full window, or until the next day in China."""
        if self.window is Window.MINUTE:
            return timedelta(seconds=61)
        if self.window is Window.HOUR:
            return timedelta(hours=1)
        here = (now or datetime.now(UTC)).astimezone(SHANGHAI)
        return datetime.combine(here.date() + timedelta(days=1), time(), SHANGHAI) - here


HOPELESS = (BadToken, PermissionDenied, IpLimit, Throttled)
"""After one of these, no further call of the dataset is made: the answer would be the same."""

UNUSABLE = (MalformedAnswer, SchemaDrift, WrongDay, ConflictingRows, Truncated)
"""Errors of one answer: another call may well bring a good one."""

THROTTLE = re.compile(r"最多访问|频率超限")
SPAN = re.compile(r"每(分钟|小时|天)最多访问|次/(分钟|小时|天)")
AGAIN = {
    Window.MINUTE: "ask again in a minute",
    Window.HOUR: "ask again in an hour",
    Window.DAY: "ask again after midnight, Shanghai time",
}
WINDOWS = {"分钟": Window.MINUTE, "小时": Window.HOUR, "天": Window.DAY}


def refusal(api: str, code: int, text: str) -> TushareError:
    """Tell what a `code` other than 0 means. Throttling is looked for first: its text speaks of permissions as well.

    Throttling that does not say over which span is taken for that of a minute, the ordinary one.
    """
    span = SPAN.search(text)
    if span or THROTTLE.search(text):
        window = WINDOWS[span[1] or span[2]] if span else Window.MINUTE
        return Throttled(api, window, f"{text} (the calls of this {window} are used up: {AGAIN[window]})")
    if code in {40101, 40001} or "token不对" in text:
        return BadToken(api, f"{text} (Tushare does not know this token: check TUSHARE_TOKEN)")
    if "IP数量超限" in text:
        return IpLimit(api, f"{text} (the token is used from too many addresses: give the platform one fixed address)")
    if code == 2002 or "权限" in text or "积分" in text:
        return PermissionDenied(api, f"{text} (the token's points do not open this dataset)")
    return BadParameters(api, f"code {code}: {text}")
