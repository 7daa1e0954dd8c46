"""Whether the gate of the reports refuses what is right, and lets pass what is wrong."""

from __future__ import annotations

from collections import Counter
from time import perf_counter
from typing import TYPE_CHECKING

from bench.drafts import clean, defective, kinds
from bench.report import Report, Table
from stock_assistant_pipelines.research.gate import judge

if TYPE_CHECKING:
    from bench.drafts import Draft

SEEDS = tuple(range(2001, 2011))
"""None of them was looked at while the rules were written."""
DRAFTS = 200
"""Of each sort, for each seed."""


def run(*, quick: bool) -> Report:
    """Judge drafts: rates by language, and by kind of defect."""
    seeds, count = (SEEDS[:1], len(kinds())) if quick else (SEEDS, DRAFTS)
    right = [draft for seed in seeds for draft in clean(seed, count)]
    wrong = [draft for seed in seeds for draft in defective(seed, count)]
    begun = perf_counter()
    refused = [draft for draft in right if _refused(draft)]
    caught = [draft for draft in wrong if _refused(draft)]
    each = (perf_counter() - begun) / (len(right) + len(wrong)) * 1000
    return Report(
        "reports",
        "does the gate of the reports refuse what is right, or let pass what is wrong?",
        [_rates(right, refused, wrong, caught), _by_kind(wrong, caught)],
        [
            f"{len(seeds)} seeds, {count} clean and {count} defective drafts of each; a draft is judged in {each:.1f} ms",
            "the drafts are made up by `bench/drafts`: a rate on them is no rate on what a model writes",
        ],
        [
            *(f"a clean draft was refused: {draft.sheet.ts_code} {draft.sheet.day}" for draft in refused[:5]),
            *(
                f"passed, {draft.kind}: {draft.planted.text}"
                for draft in wrong
                if draft.planted and not _refused(draft)
            ),
        ],
    )


def _refused(draft: Draft) -> bool:
    return bool(judge(draft.expert, draft.answer, draft.sheet, draft.language, draft.others))


def _rates(right: list[Draft], refused: list[Draft], wrong: list[Draft], caught: list[Draft]) -> Table:
    rows = []
    for language in sorted({draft.language for draft in right}):
        told, turned, planted, found = (
            sum(d.language is language for d in each) for each in (right, refused, wrong, caught)
        )
        rows.append((language.value, f"{turned} of {told}", f"{found} of {planted}"))
    rows.append(("both", f"**{len(refused)} of {len(right)}**", f"**{len(caught)} of {len(wrong)}**"))
    return Table("Drafts, by language", ("", "clean, refused", "defective, caught"), rows)


def _by_kind(wrong: list[Draft], caught: list[Draft]) -> Table:
    planted, found = Counter(draft.kind for draft in wrong), Counter(draft.kind for draft in caught)
    rows = [(kind, str(planted[kind]), str(found[kind]), f"{found[kind] / planted[kind]:.1%}") for kind in kinds()]
    return Table("Defects, by kind", ("", "planted", "caught", "rate"), rows)
