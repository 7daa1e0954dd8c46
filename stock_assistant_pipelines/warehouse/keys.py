"""The keys of the API: random, shown once, kept as a hash.

A key is 256 random bits, so that nobody finds one by trying, and SHA-256 is enough: the slow hashes of passwords make up for
what people choose, and would make every request slow (`docs/decisions/0012-keys.md`).
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from stock_assistant_pipelines.warehouse.tables import API_KEY

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Engine

PREFIX = "sa_"
"""How every key begins: by it people and scanners for secrets know one."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}")
SHOWN = 8
"""Characters of a key that are kept, by which its holder knows it again."""

COLUMNS = ("name", "hint", "per_minute", "created_at", "expires_at", "revoked_at")


class KeyRefused(ValueError):
    """A key cannot be made or revoked. One line: why."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is kept of a key."""

    name: str
    hint: str
    per_minute: int | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def standing(self, now: datetime) -> str:
        """Whether it is good: `active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


def digest(key: bytes) -> bytes:
    """What is kept of a key, and compared."""
    return sha256(key).digest()


def create(engine: Engine, name: str, expires_at: datetime | None = None, per_minute: int | None = None) -> str:
    """Make a key and return it: nobody can tell it again. Raises `KeyRefused` when the name is taken, or is none."""
    if not NAME.fullmatch(name):
        raise KeyRefused("a key's name has letters, digits and . _ @ -, at most 63 of them, a letter or digit first")
    key = PREFIX + secrets.token_urlsafe(32)
    row = {"name": name, "hash": digest(key.encode()), "hint": key[:SHOWN], "per_minute": per_minute}
    try:
        with engine.begin() as connection:
            connection.execute(API_KEY.insert().values(**row, created_at=func.now(), expires_at=expires_at))
    except IntegrityError as error:
        raise KeyRefused(f"there is a key {name}: revoke it first, or take another name") from error
    return key


def revoke(engine: Engine, name: str) -> None:
    """Refuse a key from now on. Raises `KeyRefused` when there is none of this name that is not revoked."""
    this = update(API_KEY).where(API_KEY.c.name == name, API_KEY.c.revoked_at.is_(None))
    with engine.begin() as connection:
        if connection.execute(this.values(revoked_at=func.now())).rowcount == 0:
            raise KeyRefused(f"there is no key {name} that could be revoked")


def known(connection: Connection) -> list[Known]:
    """Every key that was ever made, the oldest first."""
    query = select(*(API_KEY.c[name] for name in COLUMNS)).order_by(API_KEY.c.id)
    return [Known(*row) for row in connection.execute(query)]
