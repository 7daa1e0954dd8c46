"""What the benchmark of the desk calls broken: reports that are missing, a call that hangs and delays others, or hangs not."""

from __future__ import annotations

from bench.desk import QUICK, Round, broken
from bench.writing import STEPS, Step, Work

PUBLISHED = {"published": QUICK.reports}


def measured(last: float, *, others: float = 1.0, outcomes: dict[str, int] | None = None) -> Round:
    """A round in which all reports but one were done after `others` seconds of each step, and that one after `last`."""
    done = {f"day {number}": others for number in range(QUICK.reports - 1)} | {"day hung": last}
    steps = {name: Step(done=done, outcomes=outcomes or PUBLISHED) for name in STEPS}
    return Round(Work(0.0, steps), {}, 0.0)


def test_a_call_that_hangs_and_delays_nobody_is_well() -> None:
    hung = measured(QUICK.timeout + 1)
    assert broken(QUICK, [measured(1.0), hung], hung) == []


def test_others_that_come_after_the_one_that_hung_was_given_up_are_broken() -> None:
    hung = measured(QUICK.timeout + 2, others=QUICK.timeout + 1)
    assert [each.split(":")[0] for each in broken(QUICK, [hung], hung)] == ["notes", "reports"]


def test_nothing_that_hung_is_broken() -> None:
    assert broken(QUICK, [], measured(1.0)) == [
        "nothing hung in notes: all were done after 1 s",
        "nothing hung in reports: all were done after 1 s",
    ]


def test_reports_that_are_not_published_are_broken() -> None:
    some, hung = measured(1.0, outcomes={"published": 3, "failed": 7}), measured(QUICK.timeout + 1)
    assert broken(QUICK, [some], hung) == [
        f"not all {QUICK.reports} reports were published: {{'published': 3, 'failed': 7}}"
    ]
