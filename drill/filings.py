"""Faults in a backfill of reports by stock: its worker is killed, the source is down, the source refuses for the day.

A stock's answer goes through all periods, so whole tables are compared with those of an undisturbed landing: every version
once, what is booked of the periods, and who was asked and answered.
"""

from __future__ import annotations

import time
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from sqlalchemy import text

from drill.crashes import died, kill
from drill.finding import Finding
from drill.stage import BY_STOCK, CALLS
from drill.waiting import Stuck, until
from stock_assistant_pipelines.calendar import periods
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.sandbox.server import TOKEN
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from drill.stage import Stage
    from stock_assistant_pipelines.catalog.dataset import Dataset

INCOME, INDICATORS = CATALOG["income"], CATALOG["fina_indicator"]
"""One that takes three answers of each stock, which land together, and one that takes a single one."""

PERIODS = periods(date(2024, 3, 31), date(2024, 12, 31))
"""Everybody has disclosed them long ago, so that no evening asks for them."""

VERSIONS = """
select end_date::text, row::text from (
    select end_date, to_jsonb(t) - array['ingested_at', 'run_id', 'replaced_at', 'known_until']
        || jsonb_build_object('replaced', replaced_at is not null, 'followed', known_until is not null) as row
    from {api} as t
) as versions
"""
BOOKED = "select partition, concat_ws('|', status, expected, landed, missing) from coverage where dataset = '{api}'"
ANSWERS = """
select coalesce(first_period::text, 'asked'), concat_ws('|', ts_code, part, status, rows, attempts)
from asked where dataset = '{api}'
"""
DONE = "select count(*) from asked where dataset = :api and status = 'complete'"


def killed(stage: Stage) -> Finding:
    """14. The worker of a run is killed in the middle of a backfill of `income` by stock."""
    calls = _learn(stage, INCOME)
    stage.sandbox.inject("timeout:api=income:seconds=0.2")
    backfill = stage.backfill(PERIODS, [INCOME])
    until(lambda: _done(stage, INCOME) >= calls // 3, "a third is answered")
    kill(stage.run_processes())
    began = time.monotonic()
    time.sleep(1)  # the sandbox counts a call when it has answered
    answered, booked = len(_answered(stage, INCOME)), _done(stage, INCOME)
    stage.sandbox.heal()
    if booked == calls:
        raise Stuck("the fault did not bite: every stock was answered for before")
    thrown, under_way = answered - booked, 3 * Settings(_env_file=None).tushare_concurrency
    if not 0 <= thrown <= under_way:
        raise Stuck(f"{thrown} answers were thrown away: at most {under_way} were under way")
    until(lambda: backfill.over and not stage.open(INCOME, PERIODS), "the run is taken up")
    seconds = time.monotonic() - began
    total = len(_answered(stage, INCOME))
    if total != calls + thrown:
        raise Stuck(f"{total} answers, where {calls} are needed and {thrown} were under way")
    seen = [
        f"{booked} of {calls} answers were booked when the run's process was killed",
        *died(stage, backfill),
        f"Tushare answered {total} times: the {calls} of an undisturbed landing, and {thrown} that were under way",
    ]
    healed = "by itself: run_retries starts the run once more, which asks the stocks that are left"
    injected = "kill -9 of a run's process in the middle of a backfill of `income` by stock"
    return Finding("14", injected, seen, healed, _lost(stage, INCOME), seconds)


def gone(stage: Stage) -> Finding:
    """15. Tushare answers 502 from the middle of a backfill of `fina_indicator` by stock on, as long as that tries."""
    healed = (
        "by itself: after its pause (here the books were set back by two hours) the sensor catch_up asks the stocks that "
        "are left"
    )
    injected = (
        "from the middle of a backfill of `fina_indicator` by stock on, Tushare answers 502, as long as that tries"
    )
    return _broken_off(stage, "15", INDICATORS, "http_502:api=fina_indicator:after=20", injected, healed, hours=2)


def refused(stage: Stage) -> Finding:
    """16. In the middle of a backfill of `income` by stock the interface is refused for the rest of the day."""
    healed = (
        "by itself: at the next day (here the books were set back) the sensor catch_up asks the stocks that are left"
    )
    injected = "after 50 calls `income` is refused for the rest of the day, in the middle of a backfill by stock"
    return _broken_off(stage, "16", INCOME, "throttle_day:api=income:after=50", injected, healed, hours=24)


def _broken_off(
    stage: Stage, number: str, dataset: Dataset, fault: str, injected: str, healed: str, *, hours: float
) -> Finding:
    """Let a backfill meet a fault until it gives up; end the fault, let time pass, and wait until all is whole.

    Raises `Stuck` when the fault did not bite, when a period is claimed that lacks stocks, or when anybody was asked twice.
    """
    calls = _learn(stage, dataset)
    stage.sandbox.inject(fault)
    backfill = stage.backfill(PERIODS, [dataset])
    until(lambda: backfill.over, "the backfill ends")
    booked, vain = _done(stage, dataset), len(_calls(stage, dataset)) - len(_answered(stage, dataset))
    if not vain or not 0 < booked < calls:
        raise Stuck(f"the fault did not bite: {booked} of {calls} answers were booked, {vain} calls were in vain")
    if claimed := {day.isoformat() for day in PERIODS} - stage.open(dataset, PERIODS):
        raise Stuck(f"{', '.join(sorted(claimed))} is booked as complete, though stocks were not answered for")
    seen = [f"{booked} of {calls} answers were booked when the backfill gave up; {vain} calls were in vain"]
    seen += [*stage.failures(backfill)[:1], *_reasons(stage, dataset)]
    stage.sandbox.heal()
    ended = time.monotonic()
    stage.pass_time(hours)
    until(lambda: not stage.open(dataset, PERIODS), "the sensor catches up")
    seconds = time.monotonic() - ended
    twice = [key for key, count in Counter(map(_key, _answered(stage, dataset))).items() if count > 1]
    total = len(_answered(stage, dataset))
    if twice or total != calls:
        raise Stuck(f"{total} answers, where {calls} are needed; of those given twice: {twice[:3]}")
    seen.append(f"Tushare answered {total} times, as in an undisturbed landing, and nothing twice")
    return Finding(number, injected, seen, healed, _lost(stage, dataset), seconds)


def _learn(stage: Stage, dataset: Dataset) -> int:
    """Land the periods undisturbed, into the other database; return the calls that it took."""
    with Transport(SecretStr(TOKEN), stage.sandbox.url) as transport:
        for entry in Ingest(stage.truth, transport, points=BY_STOCK).land(dataset, PERIODS):
            if entry.status is not Status.COMPLETE or not entry.landed:
                raise Stuck(f"undisturbed, {dataset.api} {entry.partition} is {entry.status} with {entry.landed} rows")
    calls = len(_answered(stage, dataset))
    stage.sandbox.forget()
    return calls


def _calls(stage: Stage, dataset: Dataset) -> list[dict[str, Any]]:
    """The calls for a dataset since the last `forget`. Raises `Stuck` when one was not for a stock."""
    calls = [call for call in stage.sandbox.calls(CALLS) if call["api"] in {dataset.api, f"{dataset.api}_vip"}]
    if any("ts_code" not in call["params"] for call in calls):
        raise Stuck(f"{dataset.api} was asked for by period: the drill is about asking by stock")
    return calls


def _answered(stage: Stage, dataset: Dataset) -> list[dict[str, Any]]:
    """The calls that were answered, some of them slowly."""
    return [call for call in _calls(stage, dataset) if call["outcome"] in {"rows", "timeout"}]


def _key(call: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(call["params"].items()))


def _done(stage: Stage, dataset: Dataset) -> int:
    """How many answers are booked."""
    with stage.engine.connect() as connection:
        return int(connection.execute(text(DONE), {"api": dataset.api}).scalar_one())


def _reasons(stage: Stage, dataset: Dataset) -> list[str]:
    """What the API says of the newest period."""
    (last,) = stage.coverage(dataset, PERIODS[-1:])
    return [f"API: {dataset.api} {last['partition']} is {last['status']}: {last['reason']}"]


def _lost(stage: Stage, dataset: Dataset) -> list[str]:
    """The periods of which versions, books or answers are not those of the undisturbed landing; and each only once."""
    lost = set()
    for query in (VERSIONS, BOOKED, ANSWERS):
        here, there = (_lines(engine, query.format(api=dataset.api)) for engine in (stage.engine, stage.truth))
        lost |= {f"{dataset.api} {period}" for period, _ in (here - there) + (there - here)}
    return sorted(lost)


def _lines(engine: Engine, query: str) -> Counter[tuple[str, str]]:
    """How often there is each line, with its period."""
    with engine.connect() as connection:
        return Counter((period, line) for period, line in connection.execute(text(query)))
