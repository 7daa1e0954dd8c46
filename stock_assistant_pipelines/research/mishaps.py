"""Mishaps: what goes wrong with one stock, which stops no other, told from what goes wrong with all."""

from __future__ import annotations

from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from stock_assistant_pipelines.research.ledger import BudgetExhausted


def is_own(error: Exception) -> bool:
    """Whether an error is a stock's own: neither a budget that is used up, nor of the database as such."""
    if isinstance(error, SQLAlchemyError):
        return isinstance(error, DataError | IntegrityError)
    return not isinstance(error, BudgetExhausted)
