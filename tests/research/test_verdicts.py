"""What is left of an answer decides what it is worth."""

from __future__ import annotations

import pytest
from small_sheet import OTHERS, SHEET, claim

from stock_assistant_pipelines.research.contracts import Claim, ClaimKind, Direction, Expert, Stance, Synthesis
from stock_assistant_pipelines.research.render import Language
from stock_assistant_pipelines.research.verdicts import REASONS, Outcome, weigh

UP, DOWN = Direction.UP, Direction.DOWN
RISEN = claim("{{return.20d:period}}涨跌幅{{return.20d}}", direction=UP)
FALLEN = claim("{{return.5d:period}}涨跌幅{{return.5d}}", direction=DOWN)
RISEN_AND_REFUSED = claim("{{return.20d:period}}上涨{{return.20d}}，约为12.5%", direction=UP)
FALLEN_AND_REFUSED = claim("{{return.5d:period}}下跌{{return.5d:abs}}，约为2.5%", direction=DOWN)
NEITHER = claim("收盘价{{close}}")
WRONG = (claim("若收盘价跌破{{ma.20d}}，判断不成立", kind=ClaimKind.RISK),)


@pytest.mark.parametrize(
    ("stance", "thesis", "held"),
    [
        (Stance.OUTPERFORM, (RISEN, FALLEN), True),
        (Stance.OUTPERFORM, (RISEN_AND_REFUSED, FALLEN), False),
        (Stance.OUTPERFORM, (RISEN_AND_REFUSED, NEITHER), True),
        (Stance.UNDERPERFORM, (RISEN, FALLEN_AND_REFUSED), False),
        (Stance.UNDERPERFORM, (RISEN_AND_REFUSED, FALLEN), True),
        (Stance.NEUTRAL, (RISEN_AND_REFUSED, FALLEN), True),
    ],
)
def test_no_stance_rests_on_what_speaks_against_it_alone(stance: Stance, thesis: tuple[Claim, ...], held: bool) -> None:
    answer = Synthesis(stance=stance, horizon=20, probability=0.6, thesis=thesis, invalidation=WRONG, risks=WRONG)
    verdict, _ = weigh(Expert.SYNTHESIS, answer, SHEET, Language.ZH, OTHERS)
    assert (verdict.view is not None) is held
    if not held:
        assert (verdict.outcome, verdict.reason) == (Outcome.ABSTAINED, REASONS[Language.ZH]["against"])
