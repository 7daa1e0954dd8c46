"""A fault that breaks off does not end the drill: it is told as one that did not end well."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from drill.finding import Finding, played
from drill.waiting import Stuck

FINDING = Finding("3", "a fault", ["seen"], "by itself", [])


@pytest.mark.parametrize(
    ("error", "told"),
    [(Stuck("it did not bite"), "it did not bite"), (ValueError("unthought of"), "ValueError: unthought of")],
)
def test_what_breaks_off_is_told_and_is_no_finding(error: Exception, told: str) -> None:
    def fault() -> Finding:
        raise error

    console = Console(file=io.StringIO(), width=140)
    assert played("3", fault, console) is None
    assert f"Fault 3 did not end well: {told}" in console.file.getvalue()


def test_what_ends_well_is_what_it_found() -> None:
    assert played("3", lambda: FINDING, Console(file=io.StringIO())) is FINDING


def test_nobody_is_kept_from_ending_the_drill() -> None:
    def fault() -> Finding:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        played("3", fault, Console(file=io.StringIO()))
