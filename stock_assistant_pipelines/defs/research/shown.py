"""What the UI is shown of a day of research: what came of whom, what was refused, what it cost, and the first reports."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

import dagster as dg

from stock_assistant_pipelines.defs.research import names
from stock_assistant_pipelines.research import store
from stock_assistant_pipelines.research.account import Account, Paid, account, newest, paid
from stock_assistant_pipelines.research.report import Standing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import date

    from sqlalchemy import RowMapping

    from stock_assistant_pipelines.research.desk import Tally
    from stock_assistant_pipelines.research.session import Session
    from stock_assistant_pipelines.settings import Settings

Shown = dict[str, dg.MetadataValue[Any]]

NAMED = 50
"""How many stocks the UI names."""

READ = 5
"""How many reports of a day can be read in Dagster; all of them in the API's pages."""

GATE = 0.25
"""The share of reports that may be degraded or abstain before somebody should look."""

ADDS_UP, GATED = "research_adds_up", "research_gate"


def check_specs() -> list[dg.AssetCheckSpec]:
    """The checks of the reports. Neither blocks: each report was judged by itself."""
    return [
        dg.AssetCheckSpec(
            ADDS_UP,
            asset=names.REPORTS,
            description="Expected are as many as were published, degraded, abstained, failed, and wait: by the tables, and "
            "by what the run counted.",
        ),
        dg.AssetCheckSpec(
            GATED,
            asset=names.REPORTS,
            description=f"No report failed, and at most {GATE:.0%} are degraded or abstain.",
        ),
    ]


def closed() -> Shown:
    """A day on which the market was closed: there is nothing to write."""
    return {"status": dg.MetadataValue.text("closed"), "expected": dg.MetadataValue.int(0)}


def errors(session: Session, day: date) -> dict[str, str]:
    """Why there is no evidence, by code."""
    with session.engine.connect() as connection:
        return {each.ts_code: each.error for each in store.watched(connection, day) if each.error}


def evidence(tally: Tally, errors: Mapping[str, str]) -> Shown:
    """Of how many there is evidence, and why of the others there is none."""
    return {
        **_counted(tally.expected, len(tally.made)),
        "dagster/partition_row_count": dg.MetadataValue.int(tally.count("collected")),
        **({"without_evidence": _named(errors)} if errors else {}),
    }


def notes(tally: Tally) -> Shown:
    """How many stocks' notes came to what, by the worst of each."""
    counts = {outcome: dg.MetadataValue.int(number) for outcome, number in _outcomes(tally).items()}
    return {**_counted(tally.expected, len(tally.made)), **counts}


@dataclass(frozen=True)
class Day:
    """A day of reports as the tables tell it, and what the run says that it did."""

    day: date
    tally: Tally
    account: Account
    paid: Sequence[Paid]
    reports: Sequence[RowMapping]

    @classmethod
    def read(cls, session: Session, day: date, tally: Tally, codes: Collection[str] | None = None) -> Self:
        """Read the tables, of a day that the session holds."""
        with session.engine.connect() as connection:
            return cls(
                day,
                tally,
                account(connection, day, session.edition, codes),
                paid(connection, day, session.edition, session.held[day]),
                newest(connection, day, session.edition, codes, READ),
            )

    @property
    def adds_up(self) -> bool:
        """Whether the tables and the run agree on every number, and nobody is missing or counted twice."""
        counted = _outcomes(self.tally)
        return (
            self.tally.expected == self.account.expected
            and self.account.waiting == len(self.tally.waiting)
            and all(self.account.counts.get(status, 0) == counted[status] for status in Standing)
        )

    @property
    def cost(self) -> Decimal:
        """CNY."""
        return sum((each.cost for each in self.paid), Decimal(0))

    @property
    def failure(self) -> str:
        """Why the first report failed; it is asked for where none can be read."""
        return next(iter(self.account.failures.values()), "no report was kept")

    def numbers(self) -> dict[str, int]:
        """Expected, and what came of them."""
        counts = {str(status): self.account.counts.get(status, 0) for status in Standing}
        return {"expected": self.account.expected, **counts, "waiting": self.account.waiting}

    def shown(self, settings: Settings) -> Shown:
        """What the UI is shown."""
        shown: Shown = {
            "status": dg.MetadataValue.text("complete"),
            **{name: dg.MetadataValue.int(number) for name, number in self.numbers().items()},
            "made_now": dg.MetadataValue.int(len(self.tally.made)),
            "dagster/partition_row_count": dg.MetadataValue.int(self.account.made),
            "calls": dg.MetadataValue.int(sum(each.calls for each in self.paid)),
            "cost_cny": dg.MetadataValue.float(float(self.cost)),
            "claims_dropped": dg.MetadataValue.json(dict(self.account.dropped)),
        }
        if self.paid:
            shown["paid"] = dg.MetadataValue.md("\n".join(_paid(self.paid)))
        if self.account.failures:
            shown["failures"] = _named(self.account.failures)
        if self.reports:
            shown["reports"] = dg.MetadataValue.md("\n\n---\n\n".join(_report(each, settings) for each in self.reports))
        return shown


def checks(days: Sequence[Day]) -> Iterator[dg.AssetCheckResult]:
    """Evaluate the checks on the days of a run."""
    wrong = [each for each in days if not each.adds_up]
    yield dg.AssetCheckResult(
        check_name=ADDS_UP,
        asset_key=dg.AssetKey(names.REPORTS),
        passed=not wrong,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{wrong[0].day} does not add up" if wrong else f"{len(days)} days add up",
        metadata={
            "tables": dg.MetadataValue.json({str(each.day): each.numbers() for each in days}),
            "run": dg.MetadataValue.json({str(each.day): _claimed(each.tally) for each in days}),
        },
    )
    totals: Counter[str] = Counter()
    for each in days:
        totals.update(each.numbers())
    lesser = totals[Standing.DEGRADED] + totals[Standing.ABSTAINED]
    share = lesser / totals["expected"] if totals["expected"] else 0.0
    yield dg.AssetCheckResult(
        check_name=GATED,
        asset_key=dg.AssetKey(names.REPORTS),
        passed=not totals[Standing.FAILED] and share <= GATE,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{totals[Standing.FAILED]} of {totals['expected']} failed, {lesser} are degraded or abstain",
        metadata={
            **totals,
            "failures": _named({code: why for each in days for code, why in each.account.failures.items()}),
        },
    )


def _counted(expected: int, made: int) -> Shown:
    numbers = {"expected": expected, "made_now": made}
    return {"status": dg.MetadataValue.text("complete")} | {
        name: dg.MetadataValue.int(number) for name, number in numbers.items()
    }


def _claimed(tally: Tally) -> dict[str, int]:
    return {"expected": tally.expected, **_outcomes(tally), "waiting": len(tally.waiting)}


def _outcomes(tally: Tally) -> Counter[str]:
    return Counter(str(outcome) for outcome in tally.done.values())


def _named(reasons: Mapping[str, str]) -> dg.JsonMetadataValue:
    return dg.MetadataValue.json(dict(list(reasons.items())[:NAMED]))


def _paid(paid: Sequence[Paid]) -> Iterator[str]:
    yield "| model | calls | answered | tokens in | tokens out | CNY |"
    yield "|---|---:|---:|---:|---:|---:|"
    for each in paid:
        yield (
            f"| {each.model} | {each.calls:,} | {each.answered:,} | {each.tokens_in:,} | {each.tokens_out:,} "
            f"| {each.cost:.4f} |"
        )


def _report(row: RowMapping, settings: Settings) -> str:
    """A report, after links to its page and to what a program reads of it."""
    page = f"{settings.api_url}/research/{row['id']}"
    data = f"{settings.api_url}{settings.api_v1_str}/reports/{row['id']}"
    return f"[{row['id']}]({page}) · {row['status']} · [JSON]({data})\n\n{row['markdown']}"
