"""The words that the gate holds against the evidence, by language. Data; no behaviour.

The gate does not read prose for its meaning. It knows closed lists of words that say something checkable: a direction, a
level, a period, a measure, a quantity written out, a promise. What is not listed is opinion.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.lexicon.chinese import CHINESE
from stock_assistant_pipelines.research.lexicon.english import ENGLISH
from stock_assistant_pipelines.research.render import Language

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stock_assistant_pipelines.research.lexicon.words import Lexicon

LEXICONS: Mapping[Language, Lexicon] = MappingProxyType({Language.ZH: CHINESE, Language.EN: ENGLISH})
"""The words by language."""

ORDINARY_NAMES = frozenset(
    {
        *{"机器人", "太阳能", "新产业", "农产品", "好想你", "世纪", "新大陆", "大自然", "小商品城", "生意宝", "同花顺"},
        *{
            "数据港",
            "中国电影",
            "中国软件",
            "国际医学",
            "东方财富",
            "人民网",
            "新华网",
            "我爱我家",
            "电子城",
            "天地在线",
            "中国科传",
        },
    }
)
"""Names of listed companies that are words of the language, or sources of news: standing in a text they prove nothing."""
