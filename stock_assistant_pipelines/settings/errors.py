"""What is raised when the environment cannot be used."""

from __future__ import annotations


class SettingsError(ValueError):
    """A variable has a value it cannot take. One line: which, and what it takes. Never shows the value of a secret."""
