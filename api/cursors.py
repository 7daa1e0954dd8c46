"""Cursors: where the next page of a question begins, in a word that only this question understands.

A cursor holds the values by which the last row was sorted, and the mark of the question. The mark guards against mistakes: a
cursor that was cut off, changed, or put to another question. It keeps no secret, since a cursor tells nothing that the rows
do not.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from api import problems
from api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

MARK = 12
"""Bytes of the mark."""

LARGEST = 2**31 - 1
"""Of the integers by which rows are sorted."""

Kind = tuple[type, bool]
"""What a value is, and whether it may be absent."""


def write(question: Sequence[Any], values: Sequence[Any]) -> str:
    """Write a cursor: these values, for this question."""
    told = json.dumps([_kept(value) for value in values], ensure_ascii=False, separators=(",", ":")).encode()
    return urlsafe_b64encode(_mark(question, told) + told).decode().rstrip("=")


def read(question: Sequence[Any], cursor: str, kinds: Sequence[Kind]) -> list[Any]:
    """Read the values of these kinds out of a cursor. Raises a problem when it is not one of this question."""
    try:
        whole = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        told = whole[MARK:]
        if whole[:MARK] != _mark(question, told):
            raise ValueError("it is another question's, or was changed")
        return [_read(value, kind) for value, kind in zip(json.loads(told), kinds, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError):
        detail = (
            "The cursor is none of this question: it is cut off, was changed, or belongs to another dataset, filter or order. "
            "Take meta.next_cursor of the page before as it is, and change nothing but limit, fields and format; or begin anew "
            "without a cursor."
        )
        raise Problem(problems.INVALID_CURSOR, detail) from None


def _mark(question: Sequence[Any], told: bytes) -> bytes:
    asked = json.dumps(question, default=str, ensure_ascii=False).encode()
    return blake2b(told, key=blake2b(asked, digest_size=32).digest(), digest_size=MARK, person=b"cursor 1").digest()


def _kept(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _read(value: Any, kind: Kind) -> Any:
    """A value as it was. Raises `ValueError` or `TypeError` when it cannot be of this kind: anybody can make a cursor."""
    of, may_be_absent = kind
    if value is None and may_be_absent:
        return None
    if issubclass(of, datetime):
        return of.fromisoformat(value).astimezone(UTC)  # or it is out of reach
    if issubclass(of, date):
        return of.fromisoformat(value)
    if not isinstance(value, of) or isinstance(value, bool) or "\0" in str(value):
        raise TypeError(f"{value!r} is no {of.__name__}")
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ValueError(f"{value} is too large")
    if isinstance(value, str):
        value.encode()  # half of a pair is no character
    return value
