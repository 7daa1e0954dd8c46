"""What a fault did: injected, seen, lost, and how it became whole again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.box import ROUNDED
from rich.table import Table as RichTable

from bench.report import Report, Table
from drill.waiting import Stuck

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, from its injection to the end of its consequences."""

    number: str
    """Its number in the list of faults."""
    injected: str
    seen: Sequence[str]
    """What the user saw, in the product's own words."""
    healed: str
    """What made it whole again, and who did that."""
    lost: Sequence[str]
    """What is not there, or not as an undisturbed landing leaves it. Nothing, when all is well."""
    seconds: float | None = None
    """From the end of the fault until all was whole again; None where nothing had to be mended."""
    gone: str = "0"
    """The recovery point: how much of what had been acknowledged is gone for good, and must be fetched or entered anew."""

    @property
    def after(self) -> str:
        """How long it took."""
        return "at once" if self.seconds is None else f"{self.seconds:.0f} s after the fault's end"


def played(number: str, fault: Callable[[], Finding], console: Console) -> Finding | None:
    """What a fault did; None, and why, when it did not end well."""
    try:
        return fault()
    except Stuck as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - whatever ended it, the others are played, and it is told as one that did not end
        console.print_exception()
        reason = f"{type(error).__name__}: {error}"
    console.print(f"Fault {number} did not end well: {reason}", style="bold red", markup=False)
    return None


def show(finding: Finding, console: Console) -> None:
    """Print a finding."""
    table = RichTable(title=f"Fault {finding.number}", title_justify="left", box=ROUNDED, show_header=False, width=120)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("injected", finding.injected)
    table.add_row("seen", "\n".join(finding.seen))
    table.add_row("whole again", f"{finding.healed} ({finding.after})")
    table.add_row("gone", finding.gone)
    table.add_row("lost", "\n".join(finding.lost) or "nothing")
    console.print(table, markup=False)


def report(findings: Sequence[Finding]) -> Report:
    """All findings as a report, for the terminal and the page."""
    return Report(
        "drill",
        "what does a fault do, and what is lost?",
        [
            Table(
                "Every fault on an installation of its own",
                ("fault", "injected", "what made it whole", "RTO: whole after", "RPO: gone", "lost"),
                [
                    (
                        each.number,
                        each.injected,
                        each.healed,
                        each.after,
                        each.gone,
                        "; ".join(each.lost) or "nothing",
                    )
                    for each in findings
                ],
            )
        ],
        [
            "Lost: partitions of `daily`, `adj_factor` and `suspend_d` whose rows differ from those of an undisturbed landing, "
            "or that are not booked as complete; with fault 12, an alert that a robot was not told; with 14 to 16, report "
            "periods of which versions, books or answers differ, or are there twice; with 10 and 11, research reports that "
            "are not written, or that say what they may not; with 17, those that are not published, or are not the same when "
            "they are made again; with 18, tables that are not as they were; with 19, requests that failed; with 20, those and "
            "runs that failed, too.",
            "Each fault proves that it bit, or is not in this table: wrong answers were met, a process died, the API was not "
            "ready, and days were open for it, or stocks.",
            "During the faults of the source, and in 1 and 4 until all was whole again, no day was booked as complete that "
            "was not; nor, in 15 and 16, a report period when the backfill had given up.",
            "RTO: seconds from the end of the fault until all was whole again. RPO: how much of what had been acknowledged "
            "is gone for good and has to be fetched anew.",
        ],
    )
