"""The log: one JSON object a line, on standard output, for requests and for everything else alike."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

import orjson

from api.journal import REQUEST_ID
from stock_assistant_pipelines.settings import SHANGHAI


class Lines(logging.Formatter):
    """A record as one line of JSON."""

    _second = 0
    _time = ""
    """That second, as it is written: there are many lines in one."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger and message; the id of the request that is being answered; what a request's own line tells."""
        line: dict[str, Any] = {
            "time": self._moment(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "request_id": REQUEST_ID.get(),
        }
        told = record.__dict__.get("told")
        line |= told if told is not None else {"message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()

    def _moment(self, created: float) -> str:
        """Write a moment in Shanghai's time, to the millisecond."""
        second = int(created)
        if second != self._second:
            self._second, self._time = second, datetime.fromtimestamp(second, SHANGHAI).isoformat()
        return f"{self._time[:19]}.{int((created - second) * 1000):03}{self._time[19:]}"


CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": Lines}},
    "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "lines", "stream": "ext://sys.stdout"}},
    "root": {"handlers": ["out"], "level": "INFO"},
    "loggers": {"uvicorn.access": {"level": "CRITICAL"}},  # it would write queries out
}
"""For `logging.config.dictConfig`."""
