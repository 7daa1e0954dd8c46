"""The gate lets every clean draft pass and catches every planted defect; the drafts are what they are said to be."""

from __future__ import annotations

import pytest

from bench.drafts import Draft, clean, defective, kinds
from stock_assistant_pipelines.research.gate import claims, judge

SEED, COUNT = 20_240_612, 96


def rules(draft: Draft) -> set[str]:
    return {each.rule for each in judge(draft.expert, draft.answer, draft.sheet, draft.language, draft.others)}


def test_no_clean_draft_is_refused() -> None:
    assert [draft.answer for draft in clean(SEED, COUNT) if rules(draft)] == []


def test_every_planted_defect_is_caught() -> None:
    assert [(draft.kind, draft.planted) for draft in defective(SEED, COUNT) if not rules(draft)] == []


@pytest.mark.parametrize("make", [clean, defective])
def test_drafts_are_hundreds_of_texts_and_the_same_for_a_seed(make: object) -> None:
    assert callable(make)
    once, again, other = (tuple(make(seed, 40)) for seed in (1, 1, 2))
    assert once == again
    assert once != other
    assert len({str(draft.answer) for draft in once}) == 40


def test_a_defective_draft_is_wrong_in_one_place_and_every_kind_comes_as_often() -> None:
    drafts = tuple(defective(3, len(kinds()) * 2))
    assert sorted(draft.kind for draft in drafts) == sorted([*kinds(), *kinds()])
    for draft in drafts:
        assert [claim for _, claim in claims(draft.answer)].count(draft.planted) == 1
        places = {each.where for each in judge(draft.expert, draft.answer, draft.sheet, draft.language, draft.others)}
        news = {where for where, claim in claims(draft.answer) if set(claim.evidence) & {"news.2"}}
        assert places - news <= {where for where, claim in claims(draft.answer) if claim == draft.planted}
