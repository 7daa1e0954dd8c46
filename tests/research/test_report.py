"""What of the experts' verdicts is the report."""

from __future__ import annotations

import pytest
from small_sheet import SHEET

from stock_assistant_pipelines.research.contracts import Claim, ClaimKind, Direction, Expert
from stock_assistant_pipelines.research.editions import Edition
from stock_assistant_pipelines.research.reading import Violation
from stock_assistant_pipelines.research.render import Language, Rendered
from stock_assistant_pipelines.research.report import Report
from stock_assistant_pipelines.research.verdicts import Judged, Outcome, Verdict

SAID = Claim(text="好", kind=ClaimKind.OPINION, evidence=("revenue.2024q3",), direction=Direction.NONE)
CLAIMS = (
    Judged("claims[0]", SAID, Rendered("好", ()), ()),
    Judged("claims[1]", SAID, Rendered("好", ()), (Violation("direction", "claims[1]", "It falls."),)),
)


@pytest.mark.parametrize(("outcome", "published"), [(Outcome.DEGRADED, 2), (Outcome.ABSTAINED, 1)])
def test_what_a_synthesis_that_abstains_argues_is_not_published(outcome: Outcome, published: int) -> None:
    notes = {Expert.TECHNICAL: Outcome.DEGRADED, Expert.SYNTHESIS: outcome}
    verdicts = {each: Verdict(expert=each, outcome=came, claims=CLAIMS) for each, came in notes.items()}
    report = Report("", SHEET, Edition(Language.ZH, "sandbox", "sandbox-rules", ""), verdicts)
    assert (report.claims, report.dropped) == (published, 2)
