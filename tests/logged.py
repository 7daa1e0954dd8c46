"""A log as a process of ours writes it, for as long as a block lasts."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog
from structlog.contextvars import clear_contextvars

from stock_assistant_pipelines import logs
from stock_assistant_pipelines.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO


@contextmanager
def logging_to(stream: TextIO, **settings: Any) -> Iterator[None]:
    """Log to a stream, and leave everything as it was."""
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook, warnings.showwarning)
    handlers, level = list(root.handlers), root.level
    uvicorn = logging.getLogger("uvicorn")
    passed_on, uvicorn.propagate = uvicorn.propagate, True  # a server that another test has started may keep its lines
    logs.configure(Settings(_env_file=None, **{"log_format": "json", **settings}), stream)
    try:
        yield
    finally:
        root.handlers, uvicorn.propagate = handlers, passed_on
        root.setLevel(level)
        logs.HANDLER.setFormatter(None)
        structlog.reset_defaults()
        clear_contextvars()
        logging.captureWarnings(False)
        sys.excepthook, threading.excepthook, warnings.showwarning = hooks
