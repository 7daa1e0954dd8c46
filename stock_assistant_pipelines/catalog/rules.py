"""Conditions that each row meets, and what it means when one does not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a broken rule means for those who read the rows."""

    BLOCK = "block"
    """The rows are wrong: their day is not complete, and nothing downstream is built on it."""
    WARN = "warn"
    """The rows are odd: look at them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition each row meets, as an SQL predicate over the dataset's columns; NULL counts as met."""

    name: str
    predicate: str
    title: str
    severity: Severity = Severity.BLOCK
    id: str | None = None
    """Its number in the catalogue of checks (`docs/checks.md`), where it has one."""
