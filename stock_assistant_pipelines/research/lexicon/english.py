"""English words."""

from __future__ import annotations

import re
from types import MappingProxyType

from stock_assistant_pipelines.research.lexicon.words import Lexicon, Report


def _words(pattern: str) -> re.Pattern[str]:
    """Whole words, in capitals or not."""
    return re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)


SMALL = "two|three|four|five|six|seven|eight|nine|ten"
LARGE = (
    r"eleven|twelve|\w+teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundreds?|thousands?|millions?|billions?|trillions?|"
    r"dozens?"
)
COUNTED = (
    r"percent\w*|per cent|times|fold|bn|billion|million|thousand|yuan|years?|quarters?|months?|weeks?|days?|sessions?|points?|"
    r"pp|basis points?|shares?|plants?|subsidiaries|countries|stores|companies|customers|straight|consecutive|digits?"
)
ORDINAL = "third|fourth|fifth|sixth|seventh|eighth|ninth|tenth"
QUANTITY = "|".join(
    (
        rf"(?:{LARGE})(?:[- ](?:one|{SMALL}))?",
        rf"(?<!first )(?:{SMALL}|one|zero|double|triple|single)[- ](?:{COUNTED})(?<!nine-month)",
        rf"(?:{SMALL})(?:[- ](?:straight|consecutive|further|more|percentage))+[- ]?(?:{COUNTED})?",
        r"(?:doubl|tripl|quadrupl|halv|treb)(?:ed|es|ing|e)",
        r"twice|thrice|twofold|threefold|tenfold",
        r"(?:one|a|two)[- ]half|by half",
        rf"(?:one|a|two|three)[- ](?:{ORDINAL}|quarter)s?(?! (?:time|line|party|year|quarter|reason|point|of all))",
        r"(?<!first )(?<!second )half (?:of|its|their|that)",
        rf"(?:rank\w*|place[sd]?|number|no\.?) (?:the )?(?:one|first|second|{ORDINAL}|{SMALL})",
    )
)
RISES = (
    r"grew|grows?|growing|growth(?! rate)|ros(?:e|en)|rises?|rising|increas(?:ed?|es|ing)|climb(?:ed|s|ing)?|gain(?:ed|s|ing)?|"
    r"improv(?:ed|es?|ing|ements?)|rebound(?:ed|s)?|jump(?:ed|s)?|advanc(?:ed|es?)|widen(?:ed|s)|expand(?:ed|s)|up|"
    r"outperform(?:ed|s|ing)?|beat(?:s|en)?"
)
FALLS = (
    r"fell|falls?|fallen|falling|declin(?:ed?|es|ing)|decreas(?:ed?|es|ing)|drop(?:ped|s|ping)?|shr[aiu]nk(?:s|ing)?|"
    r"slump(?:ed|s)?|lost|loses?|losing|weaken(?:ed|s|ing)?|contract(?:ed|s|ion)|narrow(?:ed|s)|slid(?:es?)?|down|"
    r"underperform(?:ed|s|ing)?|lag(?:ged|s)?|trail(?:ed|s)"
)
PACE = r"(?:\s+\w+)?\s+(?:slow|accelerat|rate|pick|eas|moderat|prospect|outlook|stor)"
HIGHER = r"(?:rise|increase|gain|growth|improvement|expansion|advance)"
LOWER = r"(?:fall|decline|decrease|drop|loss|contraction|slide)"

ENGLISH = Lexicon(
    up=re.compile(rf"\b(?:{RISES})\b(?!{PACE})", re.IGNORECASE),
    down=re.compile(rf"\b(?:{FALLS})\b(?!{PACE})", re.IGNORECASE),
    after_up=re.compile(rf"\s*(?:year-on-year\s+|cumulative\s+)?{HIGHER}\b", re.IGNORECASE),
    after_down=re.compile(rf"\s*(?:year-on-year\s+|cumulative\s+)?{LOWER}\b", re.IGNORECASE),
    turned=re.compile(r"\b(?:not|no|never|without|neither|n't|hardly)(?:\s+\w+)?\s*$", re.IGNORECASE),
    toward=re.compile(r"^\s*(?:back\s+)?(?:to|at)\s*$", re.IGNORECASE),
    supposed=_words(r"if|should|unless|whether|in case"),
    possible=_words(r"may|might|could|would|will|expect\w*|likely|risk\w*"),
    rate=_words(r"growth"),
    sentence=re.compile(r"[.;!?\n](?!\S)"),
    chain=re.compile(r"\s*(?:and|to|or|,|–|-)?\s*", re.IGNORECASE),
    clause=re.compile(r"[,.;:!?\n]|\b(?:while|but|and|whereas)\b", re.IGNORECASE),
    above=_words(r"above|exceed(?:s|ed)?|higher than|more than"),
    below=_words(r"below|under|lower than|less than|short of"),
    over=re.compile(r"(?!)"),
    under=re.compile(r"(?!)"),
    risen=re.compile(rf"\b(?:{RISES})\b[^.;]*\bto\s*$", re.IGNORECASE),
    fallen=re.compile(rf"\b(?:{FALLS})\b[^.;]*\bto\s*$", re.IGNORECASE),
    quantity=_words(QUANTITY),
    unit=re.compile(
        r"\s*\(?(?:%|percent\b|per cent\b|bn\b|billion\b|mn\b|million\b|thousand\b|yuan\b|times\b|x\b|pp\b|bps?\b|"
        r"basis points?\b|shares\b|lots\b|days\b|points?\b|dollars?\b|RMB\b|CNY\b|USD\b)",
        re.IGNORECASE,
    ),
    currency=re.compile(r"(?:CNY|RMB|USD|HKD|[$€£¥])\s*$", re.IGNORECASE),
    reports=(
        Report(_words(r"first[- ]quarter"), 1),
        Report(_words(r"first[- ]half|interim report"), 2, frozenset({""})),
        Report(_words(r"second[- ]quarter"), 2, frozenset({"quarter"})),
        Report(_words(r"nine[- ]months?"), 3, frozenset({""})),
        Report(_words(r"third[- ]quarter"), 3, frozenset({"quarter"})),
        Report(_words(r"full[- ]year|annual report"), 4, frozenset({""})),
        Report(_words(r"fourth[- ]quarter"), 4, frozenset({"quarter"})),
        Report(_words(r"trailing|TTM|twelve[- ]months?"), None, frozenset({"ttm"})),
    ),
    years=MappingProxyType({0: _words(r"this year"), 1: _words(r"last year|the year before")}),
    spans=MappingProxyType(
        {
            "1d": _words(r"today|on the day"),
            "5d": _words(r"this week|the week"),
            "ytd": _words(r"year[- ]to[- ]date|this year"),
        }
    ),
    yearly=_words(r"year[- ]on[- ]year|year[- ]over[- ]year|yoy|(?:from|than|on) a year (?:earlier|ago|before)"),
    sequential=_words(r"quarter[- ]on[- ]quarter|qoq|sequential(?:ly)?"),
    same_quarter=re.compile(r"a year (?:earlier|ago)(?: of|'s)?\s*$", re.IGNORECASE),
    percentile=_words(r"percentiles?"),
    placed_before=re.compile(r"\bpercentiles?(?: (?:of|is|at))?\s*$", re.IGNORECASE),
    placed_after=re.compile(r"\s*(?:th\s+)?percentile\b", re.IGNORECASE),
    high=_words(r"historical(?:ly)? high|high end of its (?:own )?(?:history|range)|highest percentiles?"),
    low=_words(r"historical(?:ly)? low|low end of its (?:own )?(?:history|range)|lowest percentiles?"),
    record=_words(r"(?:record|all-time|new) (?:high|low)s?"),
    overbought=_words(r"overbought"),
    oversold=_words(r"oversold"),
    denied=re.compile(
        r"\b(?:not|no|never|nor|without|far from|nothing is|n't)(?:\s+(?:a|an|yet|be|near|any|in))*\s*$", re.IGNORECASE
    ),
    recent=_words(r"latest news|this week|today|yesterday|just (?:announced|reported)|hours ago"),
    heard=_words(
        r"latest news|according to (?:a |media )?(?:reports?|the media)|reportedly|it was reported|media reports?|rumou?rs?"
    ),
    sourced=_words(
        r"news|reports?|reported(?:ly)?|announce\w*|according to|articles?|headlines?|media|press|pages?|summary|disclos\w+|"
        r"rumou?rs?|today|yesterday|this week"
    ),
    promise=re.compile(
        r"\b(?:returns?|gains?|profits?|upside) (?:is|are) guaranteed\b|\bguaranteed (?:returns?|gains?|profits?|upside|to)\b|"
        r"\brisk[- ]free\b(?! (?:rate|yield|return))|\b(?:certain|sure|bound) to (?:rise|gain|win|double|outperform)\b|"
        r"\bsure win\b|\bcannot (?:lose|fall)\b|\bwill (?:definitely|certainly|surely) (?:rise|gain|outperform|double)\b|"
        r"\bno risk\b",
        re.IGNORECASE,
    ),
)
