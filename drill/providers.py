"""Faults of those whom research asks: the language model and the search for news, each of their faults on a day of its own.

On the database beside the installation, by the way that Dagster's runs take: a session at the desk, with the settings.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from bench.newsroom import expect
from drill.finding import Finding
from drill.reports import learn
from drill.waiting import Stuck
from stock_assistant_pipelines.research import store
from stock_assistant_pipelines.research.booking import Usage
from stock_assistant_pipelines.research.providers.errors import NotAnswered
from stock_assistant_pipelines.research.providers.prices import INVENTED
from stock_assistant_pipelines.research.session import Session
from stock_assistant_pipelines.sandbox.keyed import KEY
from stock_assistant_pipelines.sandbox.model import server as models
from stock_assistant_pipelines.sandbox.search import server as searches
from stock_assistant_pipelines.settings import Settings

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy import Row

    from drill.stage import Stage
    from stock_assistant_pipelines.sandbox.model.server import RunningModel
    from stock_assistant_pipelines.sandbox.server import Door

STOCKS = 6
TOLD = {
    "asked": "prompt_tokens",
    "answered": "completion_tokens",
    "cached": "cached_tokens",
    "reasoning": "reasoning_tokens",
}
"""What we call the tokens that the provider counts."""
TIMEOUT = 3
"""LLM_TIMEOUT: an answer that never ends is given up after so many seconds."""

MODEL_FAULTS = (
    "throttle:seconds=1",
    "no_balance",
    "keep_alive:seconds=60",
    "empty",
    "truncated",
    "wrong_company",
    "literal_digits",
)
SEARCH_FAULTS = ("no_balance", "undated", "old_as_new", "injection")
PLANTED = {"wrong_company": "云海控股", "literal_digits": "12.5%"}
"""What a model is made to write: the name of another company, and a figure of its own."""
MARKUP = ("{{", "<b", "onclick", "(https://x.example", "\u200b", "\u202e")
"""Parts of the page that tells its reader what to do, which stand in no report: markup, a link, and signs that nobody sees."""

UNWRITTEN = """
select watch.ts_code || ' of ' || watch.trade_date || ': ' || coalesce(string_agg(report.status, ' and '), 'nothing')
from research_watch as watch left join research_report as report using (trade_date, ts_code)
where watch.trade_date = :day
group by watch.trade_date, watch.ts_code
having count(*) filter (where report.status in ('published', 'degraded')) <> 1
"""
CALLS = "select count(*), coalesce(sum(cost_cny), 0), count(*) filter (where outcome is null) from llm_call"
REFUSED = """
select violation ->> 'rule' as rule, count(*) as claims
from research_claim as claim join research_report as report on report.id = claim.report_id,
    jsonb_array_elements(claim.violations) as violation
where report.trade_date = :day and not claim.held group by 1 order by 1
"""
FOUND = """
select outcome, min(error), count(*), coalesce(sum(cardinality(pages)), 0)
from research_search where day = :day group by 1 order by 1
"""
RENAME = "update namechange set name = :name where ts_code = (select max(ts_code) from namechange)"
"""The other company is one of the market: of a company that no list knows, the gate does not know that it is one."""
WRITTEN = "select markdown from research_report where trade_date = :day and markdown is not null"


def model(stage: Stage) -> Finding:
    """10. The language model does wrong what such models are known to do wrong, one fault a day."""
    days = learn(stage)[-len(MODEL_FAULTS) :]
    seen, lost, seconds = [], [], 0.0
    with models.running(process=True) as asked:
        session = Session(stage.truth, _settings(asked))
        with stage.truth.begin() as connection:
            connection.execute(text(RENAME), {"name": PLANTED["wrong_company"]})
        for fault, day in zip(MODEL_FAULTS, days, strict=True):
            kind = fault.partition(":")[0]
            expect(stage.truth, day, STOCKS)
            session.gather(day)
            asked.inject(fault)
            told = _write(session, day)
            _bitten(asked, kind)
            asked.heal()
            began = time.monotonic()
            healed = _write(session, day)
            seconds += time.monotonic() - began
            gate = ", ".join(f"{row.claims} claims refused by {row.rule}" for row in _rows(stage, REFUSED, day=day))
            seen.append(f"{kind}: {told}{'; ' * bool(gate)}{gate}; once it is mended {healed}")
            lost += [row[0] for row in _rows(stage, UNWRITTEN, day=day)]
            lost += _printed(stage, day, PLANTED.get(kind))
        lost += _unbooked(stage, asked)
    return Finding(
        number="10",
        injected=f"a model that fails, each fault on a day of {STOCKS} stocks: {', '.join(MODEL_FAULTS)}",
        seen=seen,
        healed=(
            "what failed, by the next run of the day; of what is written, claims that the gate refuses are left out. Each call "
            "stands in the ledger, at what was billed or more"
        ),
        lost=lost,
        seconds=seconds,
    )


def search(stage: Stage) -> Finding:
    """11. The search for news is refused, or finds what must not be cited, one fault a day."""
    days = learn(stage)[-len(SEARCH_FAULTS) :]
    seen, lost, seconds = [], [], 0.0
    with models.running(process=True) as asked, searches.running(process=True) as web:
        words = {"bocha_api_key": KEY, "bocha_base_url": web.url, "bocha_calls_per_minute": 0}
        session = Session(stage.truth, _settings(asked, **words))
        for fault, day in zip(SEARCH_FAULTS, days, strict=True):
            expect(stage.truth, day, STOCKS)
            web.inject(fault)
            session.gather(day)
            _bitten(web, fault)
            told = "; ".join(
                f"{row[2]} searches {row[0]}" + (f" ({row[1]})" if row[1] else "")
                for row in _rows(stage, FOUND, day=day)
            )
            headlines = _headlines(stage, day)
            web.heal()
            began = time.monotonic()
            session.gather(day)
            _write(session, day)
            seconds += time.monotonic() - began
            after = len(_headlines(stage, day))
            seen.append(f"{fault}: {told}; {len(headlines)} headlines may be cited, {after} once it is mended")
            lost += [row[0] for row in _rows(stage, UNWRITTEN, day=day)]
            lost += _misled(stage, day, fault, headlines, after)
    return Finding(
        number="11",
        injected=f"a search that fails, each fault on a day of {STOCKS} stocks: {', '.join(SEARCH_FAULTS)}",
        seen=seen,
        healed=(
            "reports are written all the same, and say what was not found. What was refused is searched for by the next run; "
            "what was answered stays what was found"
        ),
        lost=lost,
        seconds=seconds,
    )


def _bitten(door: Door, kind: str) -> None:
    """Raise `Stuck` when no call met the fault."""
    if not (outcomes := door.stats()["outcomes"]).get(kind):
        raise Stuck(f"{kind} did not bite: {outcomes}")


def _settings(asked: RunningModel, **words: Any) -> Settings:
    """As an installation would be configured that asks the sandbox model."""
    values: dict[str, Any] = {
        "llm_provider": "sandbox",
        "llm_model": "sandbox-rules",
        "llm_base_url": asked.url,
        "llm_api_key": KEY,
        "llm_timeout": TIMEOUT,
        "llm_calls_per_minute": 0,
        **words,
    }
    return Settings(_env_file=None, **values)


def _write(session: Session, day: date) -> str:
    """Let notes and reports be written, as a run does; what came of them."""
    try:
        session.notes([day])
        tally = session.reports([day])[day]
    except NotAnswered as error:
        return f"nobody was asked: {error}"
    outcomes = {outcome: tally.count(outcome) for outcome in sorted({*tally.done.values()})}
    told = [f"{count} {outcome}" for outcome, count in outcomes.items()]
    return ", ".join([*told, *([f"{len(tally.waiting)} wait"] if tally.waiting else [])])


def _printed(stage: Stage, day: date, planted: str | None) -> list[str]:
    """What the model was made to write and no report may say; where that was, at least one claim was refused for it."""
    if planted is None:
        return []
    if not _rows(stage, REFUSED, day=day):
        raise Stuck(f"the gate refused no claim of {day}, where {planted} was written")
    return [f"{planted} stands in a report of {day}" for row in _rows(stage, WRITTEN, day=day) if planted in row[0]]


def _unbooked(stage: Stage, asked: RunningModel) -> list[str]:
    """Calls and money that the provider counted and the ledger does not hold.

    Of a call that was given up nobody told us what it used: it is booked in full.
    """
    [(calls, cost, open_)] = _rows(stage, CALLS)
    counted = asked.stats()
    billed = INVENTED.cost(Usage(**{ours: counted["usage"][theirs] for ours, theirs in TOLD.items()}))
    told = [f"{calls} calls are booked, {counted['calls']} were counted"] if calls != counted["calls"] else []
    told += [f"CNY {cost} are booked, {billed} were billed"] if cost < billed else []
    return told + ([f"{open_} calls are booked as under way"] if open_ else [])


def _misled(stage: Stage, day: date, fault: str, headlines: list[str], after: int) -> list[str]:
    """What was cited that must not be, or was not found again."""
    if fault in {"undated", "old_as_new"}:
        return [f"{fault}: may be cited: {each}" for each in headlines]
    if fault == "no_balance":
        return [] if after and not headlines else [f"{fault}: nothing was found once it was mended"]
    texts = [*headlines, *(row[0] for row in _rows(stage, WRITTEN, day=day))]
    return [f"{fault}: {sign!r} stands in what is written" for sign in MARKUP if any(sign in each for each in texts)]


def _headlines(stage: Stage, day: date) -> list[str]:
    """What reports of a day may cite of the news."""
    with stage.truth.connect() as connection:
        hashes = [each.evidence_sha256 for each in store.watched(connection, day) if each.evidence_sha256]
        sheets = [store.load_sheet(connection, each) for each in hashes]
    return [item.text or "" for sheet in sheets for item in sheet.items if item.label == "Headline"]


def _rows(stage: Stage, query: str, **values: Any) -> list[Row[*tuple[Any, ...]]]:
    with stage.truth.connect() as connection:
        return list(connection.execute(text(query), values).all())
