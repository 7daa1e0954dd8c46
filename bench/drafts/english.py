"""Sentences of analysts who write in English, by expert: true of any sheet they are written for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.contracts import ClaimKind, Expert

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.drafts.writer import Sentence, Writer

ROSE = ("rose", "gained", "climbed")
FELL = ("fell", "dropped", "declined")
SO_FAR = {"1": "In the first quarter", "2": "In the first half", "3": "In the first nine months"}


def _who(w: Writer) -> str:
    return w.pick("the company", w.sheet.name)


def _so_far(w: Writer) -> str:
    words = w.pick(SO_FAR[w.quarter[-1]], "In the reporting period", "")
    return words or f"In {{{{{w.item(f'revenue.{w.quarter}').id}:period}}}}"


def returns(w: Writer) -> str:
    id_ = f"return.{w.pick('5d', '20d', '60d')}"
    tail = w.maybe(
        ", and interest in the name is one notch higher",
        ", for once with little noise",
        ", on the one hand a matter of style",
    )
    return f"Over {{{{{id_}:period}}}}, the shares {w.told(id_, ROSE, FELL)} {w.pick('by ', '')}{w.size(id_)}{tail}."


def mixed_returns(w: Writer) -> str:
    short, long = "return.5d", "return.250d"
    return (
        f"The shares {w.told(short, ROSE, FELL)} {w.size(short)} over {{{{{short}:period}}}}, {w.pick('while', 'whereas')} over "
        f"{{{{{long}:period}}}} they {w.told(long, ROSE, FELL)} {w.size(long)}."
    )


def excess(w: Writer) -> str:
    id_ = w.pick("excess.20d.index", "excess.60d.industry")
    against = "its industry" if id_.endswith("industry") else "the index"
    verb = w.told(id_, ("outperformed", "beat"), ("underperformed", "lagged"))
    return f"Over {{{{{id_}:period}}}} {_who(w)} {verb} {against} by {w.size(id_)}."


def averages(w: Writer) -> str:
    id_ = w.pick("ma.20d", "ma.60d")
    where = "above" if w.above("close", id_) else "below"
    return f"The close of {w.value('close')} is {where} the moving average of {w.value(id_)}{w.maybe(', for now')}."


def momentum(w: Writer) -> str:
    return f"{{{{rsi.14d:label}}}} stands at {w.value('rsi.14d', '1')}, {w.pick('one of several inputs, no more', 'a reading to be taken with care')}."


def activity(w: Writer) -> str:
    return f"Turnover averages {w.value('turnover.20d')} a day, with {w.value('amount.20d')} changing hands."


def sales(w: Writer) -> str:
    id_ = f"revenue.{w.quarter}"
    grew, fell = ("up", "an increase of", "growth of"), ("down", "a decline of")
    word = w.told(f"{id_}.yoy", grew, fell)
    return f"{_so_far(w)}, revenue came to {w.value(id_, w.pick('', '1'))}, {word} {w.size(f'{id_}.yoy')} year on year."


def profit(w: Writer) -> str:
    id_ = f"n_income_attr_p.{w.quarter}.yoy"
    return f"{_so_far(w)}, net profit {w.told(id_, ('grew', 'increased'), ('fell', 'decreased', 'shrank'))} by {w.size(id_)} year on year."


def pace(w: Writer) -> str:
    id_ = f"revenue.{w.quarter}.ttm.yoy"
    return f"On a trailing basis the year-on-year rate of revenue is {w.value(id_)}; whether growth slows from here is an open question."


def own_growth(w: Writer) -> str:
    one, other = f"revenue.{w.quarter}", f"revenue.{w.before}"
    verb = "grew" if w.above(one, other) else "fell"
    return f"Revenue {verb} by {w.derived('yoy', one, other).replace('}}', ':abs}}')} from a year earlier, to {w.value(one)} from {w.value(other)}."


def margin(w: Writer) -> str:
    what, id_ = w.pick(("gross margin", "gross_margin"), ("net margin", "net_margin"), ("return on equity", "roe"))  # type: ignore[arg-type]
    id_ = f"{id_}.{w.quarter}"
    verb = w.told(f"{id_}.change", ("widened", "improved", "rose"), ("narrowed", "fell"))
    return f"{_so_far(w)}, {what} {verb} by {w.size(f'{id_}.change')} to {w.value(id_)}."


def cash(w: Writer) -> str:
    return f"Operating cash flow was {w.value(f'ocf.{w.quarter}')}, {w.pick('half the story at best', 'as the second line of the argument')}."


def multiple(w: Writer) -> str:
    what, id_ = w.pick(("P/E", "pe_ttm"), ("P/B", "pb"), ("P/S", "ps_ttm"))  # type: ignore[arg-type]
    place = w.item(f"{id_}.percentile.3y").value or 0
    level = ", near a historical high" if place >= 80 else ", near a historical low" if place <= 20 else ""
    return f"At {w.value(id_)}, the {what} ratio sits at percentile {w.value(f'{id_}.percentile.3y', '0')} of {{{{{id_}.percentile.3y:period}}}}{level}."


def yields(w: Writer) -> str:
    return f"The shares yield {w.value('dv_ttm')} at a market value of {w.value('total_mv')}."


def opinion(w: Writer) -> str:
    w.item("pe_ttm")
    return w.pick(
        "Multiples alone do not make a case; earnings have to follow.",
        "The valuation leaves little room for error, in our view.",
    )


def dividend(w: Writer) -> str:
    id_ = next(item.id for item in w.sheet.items if item.id.startswith("dividend."))
    return f"For {{{{{id_}:period}}}} the dividend was {w.value(id_)} a share{w.maybe(', once again in cash')}."


def news(w: Writer) -> str:
    id_ = w.pick("news.1", "news.2", "news.3", "news.4")
    lead = "The latest news" if id_ == "news.1" else w.pick("A report", "An announcement")
    return f"{lead} of {{{{{id_}:period}}}}: {w.value(id_)}. {w.pick('The effect is likely neutral.', 'It is one to watch.')}"


def news_opinion(w: Writer) -> str:
    w.item("news.1")
    return w.pick("The event might lift sentiment, not earnings.", "Should the project slip, expectations could fall.")


def risk(w: Writer) -> str:
    w.item(f"revenue.{w.quarter}.yoy")
    return w.pick(
        "If demand weakens, revenue could decline.",
        "Rising input costs may squeeze margins.",
        "New capacity might not find its market.",
    )


def risk_price(w: Writer) -> str:
    return f"Volatility of {w.value('volatility.60d')} a year is a risk in its own right."


def wrong(w: Writer) -> str:
    id_ = w.pick("ma.20d", "ma.60d")
    return f"If the close falls below {w.value(id_)}, {w.pick('the case no longer holds', 'we are wrong')}."


FACT, COMPARISON, OPINION, RISK = ClaimKind.FACT, ClaimKind.COMPARISON, ClaimKind.OPINION, ClaimKind.RISK
SENTENCES: Mapping[Expert, tuple[tuple[Sentence, ClaimKind], ...]] = {
    Expert.TECHNICAL: (
        (returns, FACT), (mixed_returns, COMPARISON), (excess, COMPARISON), (averages, COMPARISON), (momentum, FACT),
        (activity, FACT), (risk_price, RISK),
    ),
    Expert.FINANCIAL: (
        (sales, FACT), (profit, FACT), (pace, FACT), (own_growth, COMPARISON), (margin, FACT), (cash, FACT), (dividend, FACT),
        (risk, RISK),
    ),
    Expert.VALUATION: (
        (multiple, FACT), (multiple, COMPARISON), (yields, FACT), (opinion, OPINION), (dividend, FACT), (averages, COMPARISON),
    ),
    Expert.NEWS: ((news, FACT), (news_opinion, OPINION), (dividend, FACT)),
}  # fmt: skip
"""What each expert says, and as which kind of claim."""
INVALIDATION: tuple[tuple[Sentence, ClaimKind], ...] = ((wrong, RISK),)
RISKS: tuple[tuple[Sentence, ClaimKind], ...] = ((risk, RISK), (risk_price, RISK))
