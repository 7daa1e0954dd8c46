"""Gathering: the evidence of many stocks, of which none stops another."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.collect import UnknownStock, build, build_many
from stock_assistant_pipelines.research.collect.ground import NoTradingDay

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from sqlalchemy import Connection

    from stock_assistant_pipelines.research.evidence import Found, Sheet

LOG = logging.getLogger(__name__)


def sheets(
    connection: Connection, codes: Sequence[str], day: date, news: Mapping[str, Found]
) -> Iterable[tuple[str, Sheet | str]]:
    """A sheet of each stock, or why there is none. What breaks a batch is looked for stock by stock. Raises `NoTradingDay`."""
    left = dict.fromkeys(codes)
    try:
        for sheet in build_many(connection, codes, day, news):
            del left[sheet.ts_code]
            yield sheet.ts_code, sheet
    except NoTradingDay:
        raise
    except Exception:  # noqa: BLE001 - which stock it was is found below
        connection.rollback()
    for code in left:
        yield code, _sheet(connection, code, day, news.get(code))


def _sheet(connection: Connection, code: str, day: date, news: Found | None) -> Sheet | str:
    try:
        return build(connection, code, day, news)
    except UnknownStock as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - told with its stock, which stops no other
        connection.rollback()
        return unforeseen(error, f"{code}, evidence of {day}")


def unforeseen(error: Exception, where: str) -> str:
    """What a report tells of an error of ours: its kind. Its words may name a host, a user, rows, and go to the log alone."""
    LOG.error("%s: an error that nobody foresaw", where, exc_info=error)
    return f"{type(error).__name__}, of which the log says more"
