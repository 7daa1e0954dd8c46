"""The gate: what an expert says, held against the evidence. Structural, deterministic, and before anything is published.

It never recovers a figure from prose: figures are placeholders, and a figure that is written out is refused wherever it stands.
What it holds against the evidence are ids, companies, periods, directions, levels and dates. What it lets through may be a bad
opinion; it is not an unsupported fact.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.contracts import Claim, ClaimKind, Direction, Expert, Note, Stance, Synthesis
from stock_assistant_pipelines.research.derivations import FUNCTIONS, NotDerivable, quarter
from stock_assistant_pipelines.research.evidence import Kind, Topic
from stock_assistant_pipelines.research.grammar import GrammarError, Placeholder, Words, parse
from stock_assistant_pipelines.research.lexicon import LEXICONS
from stock_assistant_pipelines.research.render import Unprintable, render
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from stock_assistant_pipelines.research.evidence import Item, Sheet
    from stock_assistant_pipelines.research.grammar import Piece
    from stock_assistant_pipelines.research.lexicon import Lexicon
    from stock_assistant_pipelines.research.render import Language

TOPICS: Mapping[Expert, tuple[Topic, ...]] = {
    Expert.TECHNICAL: (Topic.COMPANY, Topic.PRICES),
    Expert.FINANCIAL: (Topic.COMPANY, Topic.STATEMENTS, Topic.EXPECTATIONS),
    Expert.VALUATION: (Topic.COMPANY, Topic.VALUATION, Topic.PRICES, Topic.STATEMENTS, Topic.EXPECTATIONS),
    Expert.NEWS: (Topic.COMPANY, Topic.NEWS, Topic.EXPECTATIONS),
    Expert.SYNTHESIS: tuple(Topic),
}
"""What each expert is given, and may cite."""

HORIZONS = (5, 20, 60)
"""Trading days over which a stance may be held."""

NEWS_DAYS = 30
"""How old news may be on the day of the sheet."""
RECENT_DAYS = 7
"""How old news may be that a text calls new."""
HIGH, LOW = 70, 30
"""The percentiles from which on a text may speak of a high, or a low, place in history."""


@dataclass(frozen=True, slots=True)
class Violation:
    """What the evidence does not support."""

    rule: str
    where: str
    """`summary`, `claims[2]`, `thesis[0]` …: the claim, or the answer as a whole (empty)."""
    detail: str
    """In a sentence that tells a model, or a reader, what to do."""


@dataclass(frozen=True)
class Reading:
    """A claim, read once for all rules."""

    expert: Expert
    where: str
    claim: Claim
    sheet: Sheet
    language: Language
    others: Collection[str]
    pieces: tuple[Piece, ...]

    @cached_property
    def lexicon(self) -> Lexicon:
        """The words of its language."""
        return LEXICONS[self.language]

    @cached_property
    def words(self) -> str:
        """Its words, without the names that it may call the company by; a placeholder leaves a mark."""
        text = "".join(piece.text if isinstance(piece, Words) else "\0" for piece in self.pieces)
        for name in self.names:
            text = text.replace(name, "\1")
        return text

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What the sheet itself calls the company, its industry and its index; the longest first."""
        told = {item.text for item in self.sheet.of(Topic.COMPANY) if item.text}
        return tuple(sorted({self.sheet.name, *told} - {""}, key=lambda name: (-len(name), name)))

    @cached_property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """The figures it prints."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Placeholder))

    @cached_property
    def cited(self) -> tuple[Item, ...]:
        """The items it rests on, of those that there are."""
        return tuple(self.sheet.by_id[each] for each in self.claim.evidence if each in self.sheet.by_id)

    @cached_property
    def clauses(self) -> tuple[tuple[str, tuple[Placeholder, ...]], ...]:
        """Its clauses: words, and the figures that stand among them."""
        found: list[tuple[str, tuple[Placeholder, ...]]] = []
        words: list[str] = []
        figures: list[Placeholder] = []
        for piece in self.pieces:
            if isinstance(piece, Placeholder):
                figures.append(piece)
                continue
            *whole, last = self.lexicon.clause.split(piece.text)
            for part in whole:
                found.append((" ".join([*words, part]), tuple(figures)))
                words, figures = [], []
            words.append(last)
        return (*found, (" ".join(words), tuple(figures)))

    def refuse(self, rule: str, detail: str) -> Violation:
        """A violation by this claim."""
        return Violation(rule, self.where, detail)

    def sign(self, figure: Placeholder) -> int:
        """-1, 0 or 1: the direction of a printed figure; 0 where it has none."""
        items = tuple(self.sheet.by_id[each] for each in figure.ids if each in self.sheet.by_id)
        if figure.format in {"period", "label"} or len(items) < len(figure.ids):
            return 0
        if figure.function is None:
            return items[0].direction
        try:
            derived = FUNCTIONS[figure.function](*items)
        except (KeyError, NotDerivable):
            return 0
        return ((derived.value > 0) - (derived.value < 0)) if derived.signed else 0


def judge(
    expert: Expert, answer: Note | Synthesis, sheet: Sheet, language: Language, others: Collection[str] = ()
) -> tuple[Violation, ...]:
    """All that the evidence does not support in an answer; nothing: it may be published. `others`: names of other companies."""
    found: list[Violation] = []
    for where, claim in claims(answer):
        try:
            pieces = parse(claim.text)
        except GrammarError as error:
            found.append(Violation("placeholder", where, str(error)))
            continue
        reading = Reading(expert, where, claim, sheet, language, others, pieces)
        for rule in RULES:
            found.extend(rule(reading))
    if isinstance(answer, Synthesis):
        found.extend(_held(answer))
    return tuple(found)


def claims(answer: Note | Synthesis) -> Iterator[tuple[str, Claim]]:
    """The claims of an answer, each with where it stands."""
    parts: dict[str, tuple[Claim, ...]]
    if isinstance(answer, Note):
        yield "summary", answer.summary
        parts = {"claims": answer.claims}
    else:
        parts = {"thesis": answer.thesis, "invalidation": answer.invalidation, "risks": answer.risks}
    for part, group in parts.items():
        for number, claim in enumerate(group):
            yield f"{part}[{number}]", claim


def _held(answer: Synthesis) -> Iterator[Violation]:
    """A stance can be proven wrong: a horizon that is kept score of."""
    if answer.horizon not in HORIZONS:
        kept = ", ".join(map(str, HORIZONS))
        yield Violation("horizon", "", f"The horizon is one of {kept} trading days, not {answer.horizon}.")
    if answer.stance is not Stance.ABSTAIN and answer.probability < 1 / 3:
        yield Violation("probability", "", "A stance that is held for less likely than a third is no stance: abstain.")


def known_ids(read: Reading) -> Iterator[Violation]:
    """Every id is in the evidence, and in what the expert was given."""
    given = TOPICS[read.expert]
    for each in dict.fromkeys([*read.claim.evidence, *(each for figure in read.placeholders for each in figure.ids)]):
        item = read.sheet.by_id.get(each)
        if item is None:
            yield read.refuse("unknown id", f"There is no evidence {each!r}: cite ids as they stand in the evidence.")
        elif item.topic not in given:
            yield read.refuse(
                "foreign topic", f"{each} belongs to {item.topic}, which is not what this expert writes about."
            )


def cited(read: Reading) -> Iterator[Violation]:
    """Every printed item is named as evidence, and a fact or a comparison prints or cites something that has a value."""
    for each in dict.fromkeys(each for figure in read.placeholders for each in figure.ids):
        if each not in read.claim.evidence:
            yield read.refuse("uncited", f"{each} is printed and not named in `evidence`.")
    if read.claim.kind in {ClaimKind.FACT, ClaimKind.COMPARISON}:
        speaking = [item for item in read.cited if item.topic is not Topic.COMPANY]
        if not any(item.value is not None or item.text for item in speaking):
            yield read.refuse("uncited", f"A {read.claim.kind} rests on an item that has a value.")


def printable(read: Reading) -> Iterator[Violation]:
    """Every placeholder can be printed."""
    try:
        render(read.claim.text, read.sheet, read.language)
    except Unprintable as error:
        yield read.refuse("placeholder", str(error))


def no_figures(read: Reading) -> Iterator[Violation]:
    """No figure is written out: no digit of any script, no quantity in words, no unit behind a printed value."""
    digits = "".join(sign for sign in read.words if unicodedata.category(sign) in {"Nd", "No", "Nl"})
    if digits:
        yield read.refuse(
            "literal figure", f"{digits[:20]!r} is written out: print figures and dates with placeholders."
        )
    for found in read.lexicon.quantity.finditer(read.words):
        yield read.refuse(
            "literal figure", f"{found[0].strip()!r} is a quantity in words: print it with a placeholder."
        )
    for before, after in zip(read.pieces, read.pieces[1:], strict=False):
        if isinstance(before, Placeholder) and isinstance(after, Words) and before.format not in {"label", "period"}:
            unit = read.lexicon.unit.match(after.text)
            if unit:
                yield read.refuse(
                    "unit", f"{unit[0].strip()!r} after a placeholder: values are printed with their own unit."
                )


def right_company(read: Reading) -> Iterator[Violation]:
    """No other company is named, except in the news that are cited."""
    told = " ".join(item.text or "" for item in read.cited if item.kind is Kind.NEWS)
    for name in read.others:
        if name in read.words and name not in told:
            yield read.refuse("wrong company", f"{name} is another company, and no cited news speaks of it.")


def right_period(read: Reading) -> Iterator[Violation]:
    """A report period that is named is that of a cited item; a comparison with a year earlier is one."""
    quarters = {found[1] for item in read.cited if (found := quarter(item))}
    named = {number for number, pattern in read.lexicon.periods.items() if pattern.search(read.words)}
    if quarters and not named <= quarters:
        yield read.refuse(
            "wrong period", "A report period is named that is none of the cited items': print it with `:period`."
        )
    elif named and not quarters:
        yield read.refuse("wrong period", "A report period is named, and no cited item speaks of one.")
    if read.lexicon.yearly.search(read.words) and not any(_yearly(item) for item in read.cited):
        functions = {figure.function for figure in read.placeholders}
        if "yoy" not in functions:
            yield read.refuse("wrong period", "A comparison with a year earlier needs a yoy item or yoy().")


def _yearly(item: Item) -> bool:
    return "yoy" in item.id.split(".") or item.derivation == "yoy"


def right_direction(read: Reading) -> Iterator[Violation]:
    """Words of direction agree with the sign of the figures of their clause, and the claim with what it prints."""
    signs = {sign for figure in read.placeholders if (sign := read.sign(figure))}
    stated = {Direction.UP: 1, Direction.DOWN: -1}.get(read.claim.direction, 0)
    if stated and signs and stated not in signs:
        yield read.refuse("direction", f"The claim says {read.claim.direction}, and its figures say the opposite.")
    if (
        read.claim.direction is Direction.FLAT
        and len(signs) == 1
        and any(_large(read, each) for each in read.placeholders)
    ):
        yield read.refuse("direction", "The claim says flat, and its figures do not.")
    for words, figures in read.clauses:
        yield from _clause(read, words, figures)


def _clause(read: Reading, words: str, figures: tuple[Placeholder, ...]) -> Iterator[Violation]:
    signs = {sign for figure in figures if (sign := read.sign(figure))}
    if len(signs) != 1 or read.lexicon.turns.search(words):
        return
    up, down = read.lexicon.up.search(words), read.lexicon.down.search(words)
    sign = signs.pop()
    if (up and not down and sign < 0) or (down and not up and sign > 0):
        word = (up or down or [""])[0]
        yield read.refuse("direction", f"{word!r} stands beside a figure that goes the other way.")
    elif not (up or down) and sign < 0 and any(figure.format == "abs" for figure in figures):
        yield read.refuse("direction", "A fall is printed without its sign, and no word says that it is one.")


def _large(read: Reading, figure: Placeholder) -> bool:
    """Whether a signed figure in percent is ten or more."""
    item = read.sheet.by_id.get(figure.ids[0])
    return bool(item and figure.function is None and item.signed and item.value is not None and abs(item.value) >= 10)


def right_level(read: Reading) -> Iterator[Violation]:
    """A place in history is that of a cited percentile."""
    percentiles = [item.value for item in read.cited if item.derivation == "percentile" and item.value is not None]
    high, low = read.lexicon.high.search(read.words), read.lexicon.low.search(read.words)
    if (high or low or read.lexicon.percentile.search(read.words)) and not percentiles:
        yield read.refuse("percentile", "A place in history is named, and no percentile is cited.")
    elif (high and max(percentiles) < HIGH) or (low and min(percentiles) > LOW):
        yield read.refuse("percentile", "The place in history that is named is not that of the cited percentile.")


def fresh_news(read: Reading) -> Iterator[Violation]:
    """News have a page and a date, are not older than a month, and what is called new is not older than a week."""
    news = [item for item in read.cited if item.kind is Kind.NEWS]
    end = datetime.combine(read.sheet.day + timedelta(days=1), time(), SHANGHAI)
    for item in news:
        if not item.url or item.period is None:
            yield read.refuse("news", f"{item.id} has no page or no date.")
        elif item.known_at > end or item.known_at < end - timedelta(days=NEWS_DAYS + 1):
            yield read.refuse("news", f"{item.id} was not published in the {NEWS_DAYS} days to the report's day.")
    if read.lexicon.recent.search(read.words):
        newest = max((item.known_at for item in news), default=None)
        if newest is None or newest < end - timedelta(days=RECENT_DAYS + 1):
            yield read.refuse("news", "Something is called new, and no cited news is.")
    expected = any(item.topic is Topic.EXPECTATIONS for item in read.cited)
    if read.expert is Expert.NEWS and read.claim.kind is ClaimKind.FACT and not (news or expected):
        yield read.refuse("uncited", "A fact among the news cites the page that it is from.")


def no_promises(read: Reading) -> Iterator[Violation]:
    """Nothing is promised."""
    if found := read.lexicon.promise.search(read.words):
        yield read.refuse("promise", f"{found[0]!r}: nobody can promise that.")


RULES: tuple[Callable[[Reading], Iterator[Violation]], ...] = (
    known_ids,
    cited,
    printable,
    no_figures,
    right_company,
    right_period,
    right_direction,
    right_level,
    fresh_news,
    no_promises,
)
"""What every claim is held to, in the order in which violations are told."""
