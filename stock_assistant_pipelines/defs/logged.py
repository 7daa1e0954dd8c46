"""The log of Dagster's processes and of its runs: in the same lines as everybody's.

None of them can be configured to it. So the storage begins it, which each of them makes first of all, and the code location.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster import _loggers
from structlog.contextvars import bind_contextvars, unbind_contextvars

from stock_assistant_pipelines import logs
from stock_assistant_pipelines.settings import Settings


def begin(settings: Settings) -> None:
    """Let this process log as ours do, where it is one of Dagster's: it has then a home.

    Dagster gives each run a console of its own that writes in colours: it is replaced by our log.
    """
    if not os.environ.get("DAGSTER_HOME") or logs.HANDLER.formatter:
        return
    logs.configure(settings)
    for name in ("dagster", "dagster-webserver", "uvicorn", "uvicorn.error", "alembic"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    _loggers.colored_console_logger = console
    if daemon := sys.modules.get(
        "dagster._daemon.cli"
    ):  # which sets up its log when it has its storage, and not before
        vars(daemon)["configure_loggers"] = lambda **_: None


def _console(_: dg.InitLoggerContext) -> logging.Logger:
    """What a run logs: from the level on that the log has, without the events' own data."""
    logger = logging.Logger("dagster.run", logging.getLogger().level)
    logger.addHandler(logs.HANDLER)
    return logger


console = dg.LoggerDefinition(_console, _loggers.colored_console_logger.config_schema, "The log of this process.")


@contextmanager
def of_run(run_id: str) -> Iterator[None]:
    """Bind the run's id to all that is logged. Steps are yielded from here, so that no token can be kept."""
    bind_contextvars(run_id=run_id)
    try:
        yield
    finally:
        unbind_contextvars("run_id")
