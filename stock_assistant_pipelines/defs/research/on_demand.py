"""The job `research_stocks`: reports of the stocks that the launchpad names, on a day that it names or the last one."""

from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from stock_assistant_pipelines.defs.research import names, shown
from stock_assistant_pipelines.defs.research.asking import wait_for_answers, write
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.research.render import Language

if TYPE_CHECKING:
    from stock_assistant_pipelines.research.session import Session

OP = "write_reports"


class Asked(dg.Config):
    """Of which stocks, of which day."""

    ts_codes: list[str] = Field(
        description="Stocks such as 600519.SH; industry:白酒 and board:科创板 name all of a group."
    )
    as_of: str | None = Field(
        None, description="The trading day, YYYY-MM-DD; by default the last one whose bars are complete."
    )
    language: str | None = Field(None, description="zh or en; by default as RESEARCH_LANGUAGE says.")
    collect: bool = Field(
        True, description="Whether the evidence is collected first; otherwise what was collected on the day counts."
    )


def config(
    ts_codes: list[str], as_of: date | None = None, language: str | None = None, *, collect: bool = True
) -> dict[str, Any]:
    """The run config of the job."""
    named = {"ts_codes": ts_codes, "as_of": as_of and as_of.isoformat(), "language": language}
    told = {name: value for name, value in named.items() if value}
    return {"ops": {OP: {"config": told if collect else {**told, "collect": False}}}}


def asked(run: dg.DagsterRun) -> Asked:
    """What a run of the job was asked for."""
    ops: dict[str, Any] = dict(run.run_config)["ops"]  # type: ignore[assignment]
    return Asked(**ops[OP]["config"])


@dg.op(name=OP)
def write_reports(context: dg.OpExecutionContext, config: Asked, platform: dg.ResourceParam[Platform]) -> None:
    """Evidence, notes and reports of these stocks, each only where it is not there yet."""
    if config.language not in {None, *Language}:
        raise dg.Failure(f"language takes {' or '.join(Language)}, and not {config.language!r}", allow_retries=False)
    language = Language(config.language) if config.language else None
    with platform.research(context.run.run_id, language) as session:
        try:
            day = date.fromisoformat(config.as_of) if config.as_of else session.last_day()
        except ValueError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        with session.alone([day]):
            _write(context, config, session, day)


def _write(context: dg.OpExecutionContext, config: Asked, session: "Session", day: date) -> None:
    """Write of a day that the session holds, so that nobody else collects other evidence meanwhile."""
    try:
        codes = list(session.gather(day, config.ts_codes).done if config.collect else config.ts_codes)
    except ValueError as error:  # a stock or a setting that is none, or a day that is not there yet
        raise dg.Failure(str(error), allow_retries=False) from None
    wanted = [day]
    context.log.info(f"{day}: {len(codes)} stocks")
    if failure := write(context, session, wanted, lambda: session.notes(wanted, codes), codes).failure:
        raise failure
    written = write(context, session, wanted, lambda: session.reports(wanted, codes), codes)
    read = shown.Day.read(session, day, written.tallies[day], codes)
    context.add_output_metadata({"day": str(day), **read.shown(session.settings)})
    if written.failure:
        raise written.failure
    if session.lacking(day, codes):
        wait_for_answers(context, wanted)
    if not read.account.made:
        raise dg.Failure(read.failure, allow_retries=False)


@dg.job(name=names.ON_DEMAND, description="Research reports of these stocks, written now.")
def research_stocks() -> None:
    """Write the reports that the run config names; `config` writes it."""
    write_reports()
