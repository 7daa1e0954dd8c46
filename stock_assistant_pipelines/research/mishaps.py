"""Mishaps: what goes wrong with one stock, which stops no other, told from what goes wrong with all."""

from __future__ import annotations

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from stock_assistant_pipelines.research.ledger import BudgetExhausted


def is_own(error: Exception) -> bool:
    """Whether an error is a stock's own: neither a budget that is used up, nor of the database as such."""
    if isinstance(error, SQLAlchemyError):
        return isinstance(error, DataError | IntegrityError)
    return not isinstance(error, BudgetExhausted)


def told(error: Exception) -> str:
    """What went wrong, without the statement and its values, as PostgreSQL can keep it."""
    return f"{type(error).__name__}: {error.orig if isinstance(error, DBAPIError) else error}".replace("\0", " ")
