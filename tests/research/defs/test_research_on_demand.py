"""Reports of the stocks that the launchpad names: on the last complete day or any other, in either language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from desks import STOCKS, holding
from evidence_market import DAY, MAIN, PEERS
from research_location import BEFORE, Research, failure
from sqlalchemy import func, select

from stock_assistant_pipelines.cli.research import make
from stock_assistant_pipelines.defs.research import names, on_demand
from stock_assistant_pipelines.research import gathering
from stock_assistant_pipelines.research.session import Session
from stock_assistant_pipelines.warehouse.tables import LLM_CALL, RESEARCH_REPORT, RESEARCH_WATCH

if TYPE_CHECKING:
    from datetime import date


def write(research: Research, codes: list[str], day: date | None = None, language: str | None = None) -> Any:
    config = on_demand.config(codes, day, language)
    return research.follow(dg.RunRequest("by hand", run_config=config, job_name=names.ON_DEMAND))


def shown(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (output,) = [each for each in result.all_events if each.is_successful_output]
    return {key: value.value for key, value in output.step_output_data.metadata.items()}


def test_stocks_are_written_of_on_the_last_day_whose_bars_are_complete(research: Research) -> None:
    result = write(research, [MAIN, PEERS[1]])
    assert result.success
    told = shown(result)
    assert (told["day"], told["expected"], told["published"], told["made_now"]) == (str(DAY), 2, 2, 2)
    assert told["calls"] == research.calls
    assert f"/research/{MAIN}-{DAY:%Y%m%d}-" in told["reports"]
    with research.engine.connect() as connection:
        watched = dict(connection.execute(select(RESEARCH_WATCH.c.ts_code, RESEARCH_WATCH.c.named_by)).all())
    assert watched == {MAIN: "on demand", PEERS[1]: "on demand"}
    paid = research.calls
    assert shown(write(research, [MAIN]))["made_now"] == 0
    assert research.calls == paid


def test_a_group_of_a_day_in_english(research: Research) -> None:
    told = shown(write(research, ["industry:软件"], BEFORE, "en"))
    assert (told["day"], told["expected"]) == (str(BEFORE), len(STOCKS) - len(PEERS))
    with research.engine.connect() as connection:
        assert set(connection.scalars(select(RESEARCH_REPORT.c.language))) == {"en"}


def test_the_day_is_held_from_the_evidence_to_the_report(research: Research, monkeypatch: pytest.MonkeyPatch) -> None:
    held = holding(monkeypatch)
    assert write(research, [MAIN]).success
    assert held == {"gather": True, "notes": True, "reports": True}


def test_what_somebody_else_paid_while_it_waited_for_the_day_is_not_its_own(
    research: Research, monkeypatch: pytest.MonkeyPatch
) -> None:
    def another() -> None:
        with research.platform.research() as other:
            make(other, DAY, [PEERS[1]])

    alone, before = Session.alone, [another]

    def waits(session: Session, days: list[date]) -> Any:
        if before:
            before.pop()()
        return alone(session, days)

    monkeypatch.setattr(Session, "alone", waits)
    told = shown(write(research, [MAIN]))
    assert 0 < told["calls"] < research.calls
    with research.engine.connect() as connection:
        mine = select(func.count()).where(LLM_CALL.c.report_key.startswith(MAIN))
        assert told["calls"] == connection.scalar(mine)


def test_a_stock_of_which_there_is_no_evidence_fails_the_run(
    research: Research, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ArithmeticError("no such thing")

    monkeypatch.setattr(gathering, "build_many", broken)
    monkeypatch.setattr(gathering, "build", broken)
    assert failure(write(research, [MAIN]))[0].startswith("ArithmeticError")


@pytest.mark.parametrize(
    ("codes", "day", "language", "told"),
    [
        (["600519"], None, None, "'600519' is no entry of a watchlist"),
        (["999999.SH"], None, None, "'999999.SH' names no stock of stock_basic"),
        ([MAIN], BEFORE.replace(day=27), None, "daily of 2025-02-27 has not landed"),
        (["688001.SH"], BEFORE.replace(year=2024), None, "has not landed"),
        ([MAIN], None, "de", "language takes zh or en, and not 'de'"),
    ],
)
def test_what_cannot_be_written_is_said(
    research: Research, codes: list[str], day: date | None, language: str | None, told: str
) -> None:
    assert told in failure(write(research, codes, day, language))[0]
    with research.engine.connect() as connection:
        assert connection.execute(select(RESEARCH_WATCH)).all() == []
