"""What code and database make of each other: which is too old for the other, and what to do."""

from __future__ import annotations

import pytest

from stock_assistant_pipelines.warehouse.revision import HEAD, UPGRADE, Standing, standing, verdict

LATER = f"{int(HEAD) + 1:04}"
LATEST = f"{int(HEAD) + 2:04}"


@pytest.mark.parametrize(
    ("found", "floor"), [(HEAD, None), (HEAD, HEAD), (LATER, None), (LATER, HEAD)], ids=lambda each: str(each)
)
def test_they_go_together_until_the_database_is_behind_or_takes_no_such_code(found: str, floor: str | None) -> None:
    assert verdict(Standing(found, floor)) is None


@pytest.mark.parametrize(("found", "said"), [("0001", "0001"), (None, "none")])
def test_a_database_that_is_behind_is_to_be_upgraded(found: str | None, said: str) -> None:
    mismatch = verdict(Standing(found, None))
    assert mismatch is not None
    assert mismatch.told == f"The database is at revision {said}, this version needs {HEAD}: {UPGRADE}."
    assert not mismatch.retired


def test_code_that_is_below_the_floor_is_to_be_replaced() -> None:
    mismatch = verdict(Standing(LATEST, LATER))
    assert mismatch is not None
    assert f"takes versions that know {LATER} or more; this one knows {HEAD}. Deploy a newer" in mismatch.told
    assert mismatch.retired


@pytest.mark.parametrize(
    ("there", "found", "asked"), [(False, None, 1), (True, None, 2), (True, "0013", 2), (True, "0014", 3)]
)
def test_nothing_is_asked_of_a_table_that_is_not_there_yet(*, there: bool, found: str | None, asked: int) -> None:
    answers: list[object] = [there, found, "0014"]
    questions: list[str] = []

    def ask(question: str) -> object:
        questions.append(question)
        return answers[len(questions) - 1]

    assert standing(ask) == Standing(found, "0014" if asked == 3 else None)
    assert len(questions) == asked
