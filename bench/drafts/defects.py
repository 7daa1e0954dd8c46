"""Defects: each takes a claim that is true, and makes one that is wrong; None where the claim has no place for it."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from bench.drafts.pages import GIVEN, later_news, old_as_new, stale_news, undated_news
from bench.drafts.sheets import COMPANIES
from bench.drafts.writer import Writer
from bench.drafts.wrong import CHINESE, ENGLISH
from stock_assistant_pipelines.research.contracts import Claim, ClaimKind, Direction, Expert
from stock_assistant_pipelines.research.evidence import Item, Sheet, Topic
from stock_assistant_pipelines.research.render import Language

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    Planted = tuple[Claim, Sheet] | None
    Plant = Callable[[Random, Claim, Sheet, Language, Expert], Planted]

FIGURE = re.compile(r"\{\{([a-z][a-z0-9_.]*)(?::(0|1|2|abs))?\}\}")
FULL_WIDTH = str.maketrans("0123456789.%", "０１２３４５６７８９．％")


def _figures(claim: Claim, sheet: Sheet) -> list[tuple[re.Match[str], Item]]:
    """The printed values of a claim."""
    found = [(each, sheet.by_id[each[1]]) for each in FIGURE.finditer(claim.text)]
    return [(each, item) for each, item in found if item.value is not None]


def _replaced(claim: Claim, figure: re.Match[str], text: str) -> Claim:
    return claim.model_copy(update={"text": claim.text[: figure.start()] + text + claim.text[figure.end() :]})


def _written(rng: Random, item: Item) -> str:
    """A value as a careless writer would put it down: changed, and with its unit."""
    assert item.value is not None
    value = item.value * Decimal(str(rng.choice([0.9, 1.1, 1.35, 10])))
    if abs(value) >= 100_000_000:
        return f"{value / 100_000_000:.2f}亿元"
    return f"{value:.{rng.choice([0, 1, 2])}f}{'%' if item.unit.value in {'%', 'pp'} else ''}"


def written_out(rng: Random, claim: Claim, sheet: Sheet, language: Language, expert: Expert) -> Planted:
    if not (figures := _figures(claim, sheet)):
        return None
    figure, item = rng.choice(figures)
    return _replaced(claim, figure, _written(rng, item)), sheet


def full_width(rng: Random, claim: Claim, sheet: Sheet, language: Language, expert: Expert) -> Planted:
    if not (figures := _figures(claim, sheet)):
        return None
    figure, item = rng.choice(figures)
    return _replaced(claim, figure, _written(rng, item).translate(FULL_WIDTH)), sheet


def in_words(rng: Random, claim: Claim, sheet: Sheet, language: Language, expert: Expert) -> Planted:
    """A figure in numerals of the language, instead of the printed one."""
    figures = [each for each in _figures(claim, sheet) if each[1].unit.value in {"%", "pp", "x", "CNY"}]
    if not figures:
        return None
    figure, item = rng.choice(figures)
    tens, ones = rng.choice("二三四五六七八九"), rng.choice("一二三四五六七八九")
    chinese = {
        "%": (
            f"百分之{tens}十{ones}",
            f"{tens}成",
            f"{tens}成以上",
            f"近{tens}成",
            f"百分之{tens}点{ones}",
            "一半左右",
            f"{tens}分之一",
        ),
        "pp": (f"{tens}个百分点", f"{tens}点{ones}个百分点", f"约{tens}个点"),
        "x": (f"{tens}十{ones}倍", f"{tens}十余倍", f"约{ones}十倍"),
        "CNY": (
            f"{tens}十{ones}亿元",
            f"{tens}百余亿元",
            f"约{tens}千万元",
            f"逾{ones}百亿",
            "近千亿元",
            f"{tens}十多亿元",
        ),
    }
    word, small = rng.choice(["twenty", "thirty", "forty", "fifty"]), rng.choice(["two", "three", "five", "seven"])
    english = {
        "%": (f"{word}-{small} percent", f"about {word} per cent", "a third", "one half"),
        "pp": (f"{small} percentage points", f"{small} points"),
        "x": (f"{word} times", f"{word}-{small} times"),
        "CNY": (f"{word} billion yuan", f"{small} hundred million yuan"),
    }
    words = (chinese if language is Language.ZH else english)[item.unit.value]
    return _replaced(claim, figure, rng.choice(words)), sheet


def unit(rng: Random, claim: Claim, sheet: Sheet, language: Language, expert: Expert) -> Planted:
    """A second, other unit at a printed value."""
    if not (figures := _figures(claim, sheet)):
        return None
    figure, item = rng.choice(figures)
    wrong = {
        "CNY": (
            ("万元", "亿元", "万", "亿美元", "（万元）", "千元", "港元"),
            (" million", " bn", " yuan", " thousand", "%"),
        ),
        "%": (("个百分点", "倍", "元", "‰", "pct", "bp"), (" points", " pp", " basis points", "x", " times")),
        "pp": (("%", "倍", "％", "个基点"), ("%", " percent", " basis points", "x")),
        "x": (("%", "元", "个百分点", "亿元"), ("%", " percent", " yuan")),
        "CNY/share": (("万元", "%", "美元", "亿元", "倍"), ("%", " million", " dollars", "x")),
        "shares": (("元", "万", "亿元", "手"), (" million", " yuan", " lots")),
    }.get(item.unit.value, (("%", "倍", "元", "个百分点"), ("%", "x", " percent")))
    return _replaced(claim, figure, figure[0] + rng.choice(wrong[language is Language.EN])), sheet


OPPOSITE = (
    {
        "上涨": "下跌", "走高": "走低", "反弹": "回落", "增长": "下降", "增加": "减少", "提升": "下滑", "上升": "下降",
        "跑赢": "跑输", "升至": "降至",
    },
    {
        "rose": "fell", "gained": "dropped", "climbed": "declined", "grew": "shrank", "increased": "decreased",
        "widened": "narrowed", "outperformed": "underperformed", "beat": "lagged", "growth of": "a decline of",
        "an increase of": "a decline of", "improved": "narrowed", ", up ": ", down ",
    },
)  # fmt: skip
"""Words and their opposites, Chinese and English."""


def _turned(claim: Claim, sheet: Sheet, language: Language) -> tuple[str, Item] | None:
    """A claim with the word of direction before its first signed figure turned round, and that figure's item."""
    figure, item = next(((each, item) for each, item in _figures(claim, sheet) if item.signed), (None, None))
    if figure is None or item is None:
        return None
    words = OPPOSITE[language is Language.EN]
    both = {**words, **{each: word for word, each in words.items()}}
    start = max(0, figure.start() - (30 if language is Language.EN else 10))
    near = claim.text[start : figure.start()]
    present = [word for word in both if word in near]
    if not present or re.search("并未|没有|增速|不|若", near):
        return None
    word = max(present, key=lambda each: (near.rindex(each) + len(each), len(each)))
    before, _, after = near.rpartition(word)
    return claim.text[:start] + before + both[word] + after + claim.text[figure.start() :], item


def sign(rng: Random, claim: Claim, sheet: Sheet, language: Language, expert: Expert) -> Planted:
    """The word tells the opposite of the sign, and the figure is printed without it."""
    turned = _turned(claim, sheet, language)
    if turned is None:
        return None
    text = re.sub(rf"\{{\{{{re.escape(turned[1].id)}(:[012])?\}}\}}", f"{{{{{turned[1].id}:abs}}}}", turned[0])
    return claim.model_copy(update={"text": text, "direction": Direction.NONE}), sheet


def direction(rng: Random, claim: Claim, sheet: Sheet, language: Language, expert: Expert) -> Planted:
    """The word tells the opposite of the figure; or what the claim says of itself does."""
    if claim.direction is not Direction.NONE and rng.random() < 0.4:
        opposite = Direction.DOWN if claim.direction is Direction.UP else Direction.UP
        return claim.model_copy(update={"direction": opposite}), sheet
    turned = _turned(claim, sheet, language)
    if turned is None:
        return None
    return claim.model_copy(update={"text": turned[0], "direction": Direction.NONE}), sheet


def lost_sign(rng: Random, claim: Claim, sheet: Sheet, language: Language, expert: Expert) -> Planted:
    """A fall printed without its sign, where no word tells that it is one."""
    fallen = [item for item in sheet.items if item.signed and (item.value or 0) < 0 and item.topic in GIVEN[expert]]
    if not fallen:
        return None
    item = rng.choice(fallen)
    text = rng.choice(
        ["{{%s:label}}为{{%s:abs}}", "本期{{%s:label}}录得{{%s:abs}}，符合预期"]
        if language is Language.ZH
        else ["{{%s:label}} came to {{%s:abs}}.", "{{%s:label}} stands at {{%s:abs}}, as expected."]
    )
    return Claim(text=text % (item.id, item.id), kind=ClaimKind.FACT, evidence=(item.id,)), sheet


def company(rng: Random, claim: Claim, sheet: Sheet, language: Language, expert: Expert) -> Planted:
    """Another company's name stands where this one's should."""
    other = rng.choice([name for _, name, _ in COMPANIES if name != sheet.name and name not in {"机器人", "太阳能"}])
    if language is Language.EN:
        place = next(
            (each for each in (sheet.name, "the company", "The shares", "the shares") if each in claim.text), None
        )
        text = claim.text.replace(place, other, 1) if place else f"At {other}, {claim.text[0].lower()}{claim.text[1:]}"
    else:
        place = next(
            (each for each in (sheet.name, "公司", "股价", "营业收入", "归母净利润") if each in claim.text), None
        )
        text = (
            claim.text.replace(place, other if place in {sheet.name, "公司"} else other + place, 1)
            if place
            else other + claim.text
        )
    return claim.model_copy(update={"text": text}), sheet


def uncited(rng: Random, claim: Claim, sheet: Sheet, language: Language, expert: Expert) -> Planted:
    """A printed figure that is not among the evidence, or a fact that rests on the company's name alone."""
    figures = _figures(claim, sheet)
    if (
        claim.kind in {ClaimKind.FACT, ClaimKind.COMPARISON} and not figures and "{{" not in claim.text
    ) or rng.random() < 0.3:
        words = CHINESE["uncited"] if language is Language.ZH else ENGLISH["uncited"]
        return Claim(text=rng.choice(words), kind=ClaimKind.FACT, evidence=(rng.choice(["name", "industry"]),)), sheet
    if not figures:
        return None
    left = tuple(each for each in claim.evidence if each != figures[0][1].id)
    return claim.model_copy(update={"evidence": left or ("name",)}), sheet


def unknown_id(rng: Random, claim: Claim, sheet: Sheet, language: Language, expert: Expert) -> Planted:
    """An id that is not in the evidence: made up, or of another period."""
    if not (figures := _figures(claim, sheet)):
        return None
    figure, item = rng.choice(figures)
    wrong = rng.choice(
        [item.id + ".adjusted", item.id.replace("20", "21", 1), "e12", "target_price", "roe_ttm", item.id + "_"]
    )
    if wrong in sheet.by_id:
        return None
    evidence = tuple(wrong if each == item.id else each for each in claim.evidence)
    return _replaced(claim, figure, f"{{{{{wrong}}}}}").model_copy(update={"evidence": evidence}), sheet


def no_placeholder(rng: Random, claim: Claim, sheet: Sheet, language: Language, expert: Expert) -> Planted:
    """Braces that print nothing: a wrong form, an unknown format or derivation, what has no value."""
    if not (figures := _figures(claim, sheet)):
        return None
    figure, item = rng.choice(figures)
    forms = [
        "{%s}",
        "{{%s",
        "{{%s:pct}}",
        "{{round(%s)}}",
        "{{ %s | 亿 }}",
        "{{%s * 2}}",
        "{{yoy(%s)}}",
        "{{%s}}}",
        "${%s}",
    ]
    return _replaced(claim, figure, rng.choice(forms) % item.id), sheet


def foreign(rng: Random, claim: Claim, sheet: Sheet, language: Language, expert: Expert) -> Planted:
    """What the expert was not given."""
    items = [
        item for item in sheet.items if item.topic not in {*GIVEN[expert], Topic.COMPANY} and item.value is not None
    ]
    if not items:
        return None
    item = rng.choice(items)
    text = f"{{{{{item.id}:label}}}}{'为' if language is Language.ZH else ' is '}{{{{{item.id}}}}}"
    return Claim(text=text, kind=ClaimKind.FACT, evidence=(item.id,)), sheet


def _sentences(kind: str) -> Plant:
    """Sentences that are wrong as a whole, written for the sheet."""

    def plant(rng: Random, claim: Claim, sheet: Sheet, language: Language, expert: Expert) -> Planted:
        told = (CHINESE if language is Language.ZH else ENGLISH)[kind]
        writer = Writer(rng, sheet, kind=rng.choice([ClaimKind.FACT, ClaimKind.COMPARISON]))
        sentence = rng.choice(told)
        text = sentence(writer) if callable(sentence) else sentence
        if text is None or not {sheet.by_id[each].topic for each in writer.cited} <= {*GIVEN[expert], Topic.COMPANY}:
            return None
        evidence = tuple(writer.cited) or claim.evidence
        return Claim(text=text, kind=writer.kind, evidence=evidence), sheet

    return plant


DEFECTS: dict[str, Plant] = {
    "figure written out": written_out,
    "full-width digits": full_width,
    "figure in words": in_words,
    "sign": sign,
    "lost sign": lost_sign,
    "direction": direction,
    "unit": unit,
    "period": _sentences("period"),
    "company": company,
    "stale news": stale_news,
    "undated news": undated_news,
    "later news": later_news,
    "old news as new": old_as_new,
    "uncited": uncited,
    "percentile": _sentences("percentile"),
    "level": _sentences("level"),
    "comparison": _sentences("comparison"),
    "measure": _sentences("measure"),
    "derivation": _sentences("derivation"),
    "count": _sentences("count"),
    "promise": _sentences("promise"),
    "unknown id": unknown_id,
    "no placeholder": no_placeholder,
    "foreign topic": foreign,
}
"""What can be wrong with a draft."""
