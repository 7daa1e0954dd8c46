"""What the sandbox model writes from real sheets and real prompts passes the gate, in both languages, and says what it is."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import anyio
import orjson
import pytest
from evidence_market import DAY, HALTED, MAIN, NEW, PEERS, sheet

from stock_assistant_pipelines.research import prompts
from stock_assistant_pipelines.research.contracts import Claim, Expert
from stock_assistant_pipelines.research.editions import Edition
from stock_assistant_pipelines.research.experts import ANALYSTS, consult
from stock_assistant_pipelines.research.layout import lay_out
from stock_assistant_pipelines.research.names import Names
from stock_assistant_pipelines.research.providers.exchange import Prompt, Purpose, Reply, T, schema
from stock_assistant_pipelines.research.providers.quirks import Rung
from stock_assistant_pipelines.research.render import Language
from stock_assistant_pipelines.research.report import Report, Standing
from stock_assistant_pipelines.research.verdicts import Answered, Outcome
from stock_assistant_pipelines.sandbox.model import rules

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Rules:
    """The rules, asked without a wire between."""

    async def ask(self, prompt: Prompt, contract: type[T], *, purpose: Purpose) -> Reply[T]:
        """Answer as the service does."""
        text = f"{prompt.system}\n{prompt.user}"
        made = rules.answer(text, prompt.system, orjson.dumps(schema(contract)).decode())
        answer = contract.model_validate(made)
        return Reply(answer, "", "sandbox", "sandbox-rules", Rung.SCHEMA, "", 1, 1, None, Decimal(0))


def written(connection: Connection, code: str, language: Language) -> Report:
    """The report of a stock by the rules."""
    known, names = sheet(connection, code), Names.known(connection, DAY)
    verdicts = {}
    held: dict[Expert, list[Claim]] = {}
    for expert in (*ANALYSTS, Expert.SYNTHESIS):
        notes = held if expert is Expert.SYNTHESIS else {}
        verdict = anyio.run(consult, Rules(), expert, known, language, "", names, notes)
        verdicts[expert] = verdict
        held[expert] = [each.claim for each in verdict.held]
    edition = Edition(language, "sandbox", "sandbox-rules", prompts.edition(language))
    return Report("", known, edition, verdicts)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("code", PEERS)
def test_what_rules_write_is_published_whole(market: Connection, code: str, language: Language) -> None:
    report = written(market, code, language)
    wrong = [(each.claim.text, each.violations) for verdict in report.verdicts.values() for each in verdict.dropped]
    assert (report.standing, wrong) == (Standing.PUBLISHED, [])


@pytest.mark.parametrize("code", [NEW, HALTED])
def test_of_a_stock_of_which_little_is_known_rules_write_what_there_is(market: Connection, code: str) -> None:
    outcomes = {verdict.outcome for verdict in written(market, code, Language.ZH).verdicts.values()}
    assert outcomes <= {Outcome.WRITTEN, Outcome.ABSENT}


def test_a_note_tells_each_measure_once_and_companies_are_told_in_other_words(market: Connection) -> None:
    forms = set()
    for code in PEERS:
        note = written(market, code, Language.ZH).verdicts[Expert.TECHNICAL]
        told = [each.claim.evidence[0].split(".")[0] for each in note.held if each.part == "claims"]
        assert len(told) == len(set(told)) >= 5
        forms |= {each.claim.text for each in note.held if "return.20d" in each.claim.evidence[:1]}
    assert len(forms) >= 3


def test_a_report_of_which_rules_wrote_but_one_note_says_so_too(market: Connection) -> None:
    report = written(market, MAIN, Language.EN)
    model = Answered(2, "dashscope", "qwen3.8-max")
    edition = replace(report.edition, provider=model.provider, model=model.model)
    verdicts = {
        expert: replace(each, answered=tuple(model for _ in each.answered)) for expert, each in report.verdicts.items()
    }
    for stands_in, told in (({}, False), ({Expert.TECHNICAL: report.verdicts[Expert.TECHNICAL]}, True)):
        page = lay_out(replace(report, edition=edition, verdicts={**verdicts, **stands_in}))
        assert page is not None
        assert ("not by a language model" in page.markdown) is told
        assert ("A model wrote the words" in page.markdown) is not told


def test_a_report_by_rules_says_so(market: Connection) -> None:
    for language, told in ((Language.ZH, "并非语言模型"), (Language.EN, "not by a language model")):
        page = lay_out(written(market, MAIN, language))
        assert page is not None
        assert told in page.markdown
