"""The words that the gate holds against the evidence, by language. Data; no behaviour.

The gate does not read prose for its meaning. It knows a closed list of words that say something checkable: a direction, a
level, a period, a quantity written out, a promise, another company. What is not listed is opinion.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.render import Language

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Lexicon:
    """One language's words, as patterns."""

    up: re.Pattern[str]
    """Says that something rose."""
    down: re.Pattern[str]
    """Says that something fell."""
    turns: re.Pattern[str]
    """Stands beside a word of direction and takes its meaning away: a negation, or a change of pace (增速放缓)."""
    clause: re.Pattern[str]
    """Ends a clause: a word of direction speaks of the figures of its own clause."""
    quantity: re.Pattern[str]
    """A figure in words."""
    unit: re.Pattern[str]
    """A unit at the beginning of what follows a printed value, which already has its own."""
    periods: Mapping[int, re.Pattern[str]]
    """Names of report periods, by quarter."""
    yearly: re.Pattern[str]
    """Says that something is compared with a year earlier."""
    percentile: re.Pattern[str]
    """Speaks of a place in a distribution."""
    high: re.Pattern[str]
    """Says that something stands high in its own history."""
    low: re.Pattern[str]
    """Says that something stands low in its own history."""
    recent: re.Pattern[str]
    """Says that news are new."""
    promise: re.Pattern[str]
    """Promises what nobody can."""


_NUMERAL = "[零〇一二两三四五六七八九十百千万亿半几数]"
_CHINESE = Lexicon(
    up=re.compile(r"增长|增加|上升|提升|上涨|走高|回升|攀升|上调|扩大|提高|走强|反弹|新高"),
    down=re.compile(r"下降|下滑|下跌|减少|走低|回落|下调|收窄|降低|缩减|萎缩|走弱|下行|新低|亏损扩大"),
    turns=re.compile(
        r"未|没有|并非|不再|难以|尚无|避免|停止|放缓|趋缓|加快|加速|若|如果|一旦|假如|能否|是否|可能|或将|有望|预计|风险"
    ),
    clause=re.compile(r"[，。；！？,;!?\n]"),
    quantity=re.compile(
        rf"百分之|千分之|{_NUMERAL}+(?:成(?!长|本|为|功|立|熟|果|分|交|员)|倍|个百分点|元|亿|万(?!一|科|华|达)|年(?!报)|个?季度(?=以|内|前|后|连)|"
        rf"个?月|个?交易日|日|天|家|次|股(?!份|东|价|票|权|息|市|本)|点|分位|折)"
        rf"|第{_NUMERAL}+(?=名|位|大)|翻[一两]?[倍番]|翻倍|翻番|腰斩|过半|减半|近半|一半|半数|对半"
    ),
    unit=re.compile(r"\s*(?:%|％|个百分点|百分点|亿|万|元|倍|股|天|点(?!位|评)|个交易日|美元|港元)"),
    periods=MappingProxyType(
        {
            1: re.compile(r"一季报|一季度|首季"),
            2: re.compile(r"半年报|中报|上半年|二季度"),
            3: re.compile(r"三季报|前三季度|三季度"),
            4: re.compile(r"年报(?<!半年报)|全年|年度报告|四季度"),
        }
    ),
    yearly=re.compile(r"同比|上年同期|去年同期"),
    percentile=re.compile(r"分位"),
    high=re.compile(r"历史(?:相对)?高位|偏高区间|历史高点附近|估值高位"),
    low=re.compile(r"历史(?:相对)?低位|偏低区间|历史低点附近|估值低位"),
    recent=re.compile(r"最新消息|最新公告|近日|日前|刚刚|今日|昨日|本周"),
    promise=re.compile(r"保证收益|稳赚|必涨|必定上涨|肯定上涨|无风险|零风险|保本|包赚|稳赚不赔|百分百"),
)

_WORD = (
    r"(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|"
    r"hundred|thousand|several|dozen|half)"
)
_ENGLISH = Lexicon(
    up=re.compile(
        r"\b(?:grew|grows|growth|ros(?:e|en)|rises?|rising|increas\w+|climb\w*|gain(?:s|ed)?|improv\w+|rebound\w*|jump\w*)\b",
        re.IGNORECASE,
    ),
    down=re.compile(
        r"\b(?:fell|falls?|fallen|falling|declin\w+|decreas\w+|drop\w*|shr[aiu]nk\w*|slump\w*|los(?:t|es)|weaken\w*|"
        r"contract(?:ed|s|ion))\b",
        re.IGNORECASE,
    ),
    turns=re.compile(
        r"\b(?:not|no|never|without|neither|slow\w*|accelerat\w+|if|should|unless|whether|may|might|could|would|expect\w*|"
        r"risk\w*)\b",
        re.IGNORECASE,
    ),
    clause=re.compile(r"[,.;!?\n](?!\d)|\b(?:while|but|and|whereas)\b", re.IGNORECASE),
    quantity=re.compile(
        rf"\b{_WORD}(?:[- ]{_WORD})*[ -](?:percent\w*|per cent|times|fold|bn|billion|million|thousand|yuan|years?|quarters?|"
        r"months?|weeks?|days?|points?|shares?)\b|\b(?:doubl|tripl|quadrupl|halv)\w*\b|\bhalf (?:of|the)\b|"
        r"\b(?:one|a) (?:third|quarter|fifth|tenth) of\b",
        re.IGNORECASE,
    ),
    unit=re.compile(
        r"\s*(?:%|percent|per cent|bn\b|billion|mn\b|million|yuan|times|x\b|pp\b|shares|days|points)", re.IGNORECASE
    ),
    periods=MappingProxyType(
        {
            1: re.compile(r"\bfirst[- ]quarter\b", re.IGNORECASE),
            2: re.compile(r"\bfirst[- ]half\b|\binterim report\b|\bsecond[- ]quarter\b", re.IGNORECASE),
            3: re.compile(r"\bnine[- ]months?\b|\bthird[- ]quarter\b", re.IGNORECASE),
            4: re.compile(r"\bfull[- ]year\b|\bannual report\b|\bfourth[- ]quarter\b", re.IGNORECASE),
        }
    ),
    yearly=re.compile(r"\byear[- ]on[- ]year\b|\byear[- ]over[- ]year\b|\ba year (?:earlier|ago)\b", re.IGNORECASE),
    percentile=re.compile(r"\bpercentile", re.IGNORECASE),
    high=re.compile(r"\bhistorical(?:ly)? high\b|\bhigh end of its (?:own )?(?:history|range)\b", re.IGNORECASE),
    low=re.compile(r"\bhistorical(?:ly)? low\b|\blow end of its (?:own )?(?:history|range)\b", re.IGNORECASE),
    recent=re.compile(
        r"\blatest news\b|\bthis week\b|\btoday\b|\byesterday\b|\bjust (?:announced|reported)\b", re.IGNORECASE
    ),
    promise=re.compile(
        r"\bguarantee[ds]?\b|\brisk[- ]free\b|\bcertain to rise\b|\bsure (?:win|profit)\b|\bcannot lose\b",
        re.IGNORECASE,
    ),
)

LEXICONS: Mapping[Language, Lexicon] = MappingProxyType({Language.ZH: _CHINESE, Language.EN: _ENGLISH})
"""The words by language."""

ORDINARY_NAMES = frozenset(
    {"机器人", "太阳能", "新产业", "农产品", "好想你", "世纪", "新大陆", "大自然", "小商品城", "生意宝", "同花顺"}
)
"""Names of listed companies that are words of the language as well: standing in a text they prove nothing."""
