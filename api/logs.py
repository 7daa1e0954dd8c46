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

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger and message; the id of the request that is being answered; what a request's own line tells."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, SHANGHAI).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "request_id": REQUEST_ID.get(),
        }
        told = record.__dict__.get("told")
        line |= told if told is not None else {"message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode("utf-8", "replace")


CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": Lines}},
    "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "lines", "stream": "ext://sys.stdout"}},
    "root": {"handlers": ["out"], "level": "INFO"},
    "loggers": {"uvicorn.access": {"level": "CRITICAL"}},  # it would write queries out
}
"""For `logging.config.dictConfig`."""
