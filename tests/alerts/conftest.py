"""Robots on loopback, and a coverage that a test writes as it likes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from booked import Book
from robot_server import Robots, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine


@pytest.fixture
def robots() -> Iterator[Robots]:
    """Robots that take every message."""
    with serving() as server:
        yield server


@pytest.fixture
def book(engine: Engine) -> Book:
    """A calendar of 2026's weekdays, and nothing booked."""
    return Book(engine)
