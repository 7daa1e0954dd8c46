"""The research of a day as assets: evidence, notes, reports. What each does is told by `research.session`.

Days are booked one by one: what is done is kept and shown, whatever keeps the others. A stock that fails fails no day.
"""

from collections.abc import Generator, Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.alerts import digest
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.defs.partitions import days
from stock_assistant_pipelines.defs.research import names, shown
from stock_assistant_pipelines.defs.research.asking import wait_for_answers, write
from stock_assistant_pipelines.defs.research.booked import POLICY, Booked, refusal, spec
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.research import prompts, store
from stock_assistant_pipelines.research.evidence import DATASETS
from stock_assistant_pipelines.research.render import Language
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.settings.errors import SettingsError

if TYPE_CHECKING:
    from stock_assistant_pipelines.research.session import Session

READ = ("trade_cal", "stock_basic", "namechange", *DATASETS)
"""The datasets that evidence is made of, and those that say of which days and stocks."""


def build_asset(settings: Settings) -> dg.AssetsDefinition:
    """Build the assets that write, in one step: what keeps one day from its evidence keeps no other from its report."""

    @dg.multi_asset(
        name="research",
        specs=list(_specs(settings)),
        check_specs=shown.check_specs(),
        backfill_policy=POLICY,
        can_subset=True,
    )
    def research(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> Iterator[Any]:
        yield from _research(context, platform)

    return research


def _specs(settings: Settings) -> Iterator[dg.AssetSpec]:
    sets = " ".join(_to_set(settings))
    version = prompts.edition(Language(settings.research_language))
    yield spec(
        names.EVIDENCE,
        "**Evidence** (证据): one sheet per stock of the watchlist and trading day: what was known of it by the day's end, "
        f"each figure with its rows. {sets}",
        [_source(name) for name in READ],
    )
    yield spec(
        names.NOTES,
        "**Notes** (研究员笔记): one per expert, stock and trading day: what a model says of the evidence, in claims "
        f"that were held against it. {sets}",
        [names.EVIDENCE],
        version,
    )
    yield spec(
        names.REPORTS,
        "**Reports** (研究报告): one per stock and trading day, published, degraded, abstained or failed: a stance and its "
        f"argument, every figure from the evidence. {sets}",
        [names.NOTES],
        version,
    )


def _source(name: str) -> dg.AssetDep:
    """A dataset that evidence is made of: of report periods all, of which a day knows those that were told by then."""
    return dg.AssetDep(name, partition_mapping=dg.AllPartitionMapping() if CATALOG[name].by_period else None)


def _to_set(settings: Settings) -> Iterator[str]:
    """What has to be set before anything is written."""
    if settings.llm_provider is None:
        yield "No model is configured: set LLM_PROVIDER, LLM_MODEL and LLM_API_KEY (docs/providers.md)."
    if not settings.research_watchlist:
        yield "Nobody is watched: set RESEARCH_WATCHLIST (docs/research.md)."


def _research(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[Any]:
    """Take the steps that are asked for, one after the other. A day that one refuses is left out of those behind it."""
    steps = {names.EVIDENCE: _gather, names.NOTES: _take_notes, names.REPORTS: _report}
    asked = days(list(context.partition_keys))
    refused: dict[date, str] = {}
    with platform.research(context.run.run_id) as session, session.alone(asked):
        for name, step in steps.items():
            left = [day for day in asked if day not in refused]
            if left and dg.AssetKey(name) in context.selected_asset_keys:
                booked = yield from step(context, session, left)
                yield from booked.show(context, name)
                refused |= booked.refused
                for day, reason in booked.refused.items():
                    context.log.error(f"{day}: {name}: {reason}")
                if booked.failure:
                    raise booked.failure
    if refused:
        raise refusal(refused, len(asked))


def _gather(
    context: dg.AssetExecutionContext, session: "Session", left: Sequence[date]
) -> Generator[Any, None, Booked]:
    """Write down who is expected, and collect the evidence of each."""
    from stock_assistant_pipelines.research.collect import NoTradingDay
    from stock_assistant_pipelines.research.session import NotReady
    from stock_assistant_pipelines.research.watchlist import NotWatchable

    booked = Booked()
    for day in left:
        if session.is_closed(day):
            booked.done[day] = shown.closed()
            continue
        try:
            tally = session.gather(day)
        except (NotReady, NoTradingDay) as error:
            booked.refused[day] = str(error)
        except (NotWatchable, SettingsError) as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        else:
            errors = shown.errors(session, day)
            context.log.info(f"{day}: evidence of {tally.count('collected')} of {tally.expected} stocks")
            if tally.count("collected"):
                booked.done[day] = shown.evidence(tally, errors)
            else:
                booked.refused[day] = f"there is no evidence of anybody: {next(iter(errors.values()))}"
    yield from ()
    return booked


def _take_notes(
    context: dg.AssetExecutionContext, session: "Session", left: Sequence[date]
) -> Generator[Any, None, Booked]:
    """Let the analysts write."""
    booked, wanted = _expected(session, left)
    written = write(context, session, wanted, lambda: session.notes(wanted))
    booked.done |= {day: shown.notes(tally) for day, tally in written.whole.items()}
    booked.failure = written.failure
    yield from ()
    return booked


def _report(
    context: dg.AssetExecutionContext, session: "Session", left: Sequence[date]
) -> Generator[Any, None, Booked]:
    """Let the syntheses be made, and judge the days by the tables."""
    booked, wanted = _expected(session, left)
    written = write(context, session, wanted, lambda: session.reports(wanted))
    read = [shown.Day.read(session, day, tally) for day, tally in written.tallies.items()]
    whole = [each for each in read if each.day in written.whole]
    unanswered = [each.day for each in whole if not each.tally.waiting and session.lacking(each.day)]
    for day in (each.day for each in whole if not each.tally.waiting):
        context.log.info(digest.send(session.engine, session.settings, day, session.edition, calendar.now()))
    yield from shown.checks(read)
    for each in whole:
        if each.tally.waiting:
            lacking = len(each.tally.waiting)
            booked.refused[each.day] = f"of {lacking} stocks there are no notes: materialise {names.NOTES} first"
        elif not each.account.made:
            booked.refused[each.day] = each.failure
        else:
            booked.done[each.day] = each.shown(session.settings)
    if unanswered and written.failure is None:
        wait_for_answers(context, unanswered)
    booked.failure = written.failure
    return booked


def _expected(session: "Session", left: Sequence[date]) -> tuple[Booked, list[date]]:
    """The days on which somebody is expected; the others are booked."""
    booked, wanted = Booked(), []
    for day in left:
        with session.engine.connect() as connection:
            expected = store.watched(connection, day)
        if session.is_closed(day):
            booked.done[day] = shown.closed()
        elif expected:
            wanted.append(day)
        else:
            booked.refused[day] = f"nobody is expected: materialise {names.EVIDENCE} first"
    return booked, wanted


def build_job(research: dg.AssetsDefinition) -> Any:
    """The research of a day in one run."""
    return dg.define_asset_job(
        names.DAILY,
        selection=dg.AssetSelection.assets(research),
        description="The research of a trading day: evidence, notes, reports. What stands is not made again.",
    )
