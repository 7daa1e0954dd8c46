"""What the rules say of an item: by measure and by how it stands, in both languages. Data; no behaviour.

In a form `{}` is the value of the item, `{:label}` its name; `{base}` is the item that its id goes on from (`sma.60` of
`sma.60.distance`), `{root}` the first part of its id, `{close}` the item of that id. A form that wants an item which is not
there is not used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

Forms = Mapping[str, tuple[str, ...]]
"""Sentences by case: `up`, `down`, `high`, `low`, `level`, `text`."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure that the rules have words for."""

    name: str
    ids: re.Pattern[str]
    first: re.Pattern[str]
    """The ids that are taken before others of the measure."""
    kind: str = "fact"
    leans: bool = False
    """Whether its sign speaks for or against a stock."""
    bounds: tuple[float, float] | None = None
    """Below the first it is low, above the second high; both as they are printed."""


def _measure(name: str, first: str, others: str = "", **more: object) -> Measure:
    ids = re.compile(f"(?:{first}|{others})" if others else first)
    return Measure(name, ids, re.compile(first), **more)  # type: ignore[arg-type]


PLACES = (29.99, 70.01)
MEASURES = (
    _measure("return", r"return\.20d", r"return\.\d+d", leans=True),
    _measure("excess", r"excess\.20d\.index", r"excess\.\d+d\.\w+", leans=True),
    _measure("average", r"sma\.60\.distance", r"sma\.\d+\.distance", kind="comparison", leans=True),
    _measure("momentum", r"macd\.histogram", leans=True),
    _measure("oscillator", r"rsi\.\d+d?", bounds=PLACES),
    _measure("volume", r"volume\.ratio", bounds=(0.8, 1.2)),
    _measure("profit", r"n_income_attr_p\.\w+\.quarter\.yoy", r"n_income_attr_p\.\w+\.ttm\.yoy", leans=True),
    _measure("growth", r"revenue\.\w+\.quarter\.yoy", r"revenue\.\w+\.ttm\.yoy", leans=True),
    _measure("margin", r"gross_margin\.\w+\.ttm\.yoy", r"(?:net_margin\.\w+\.ttm|roe(?:_dt)?\.\w+)\.yoy", leans=True),
    _measure("cash", r"cash_to_profit\.\w+\.ttm", bounds=(0.8, 1.0)),
    _measure("debt", r"debt_ratio\.\w+"),
    _measure("forecast", r"forecast\.\w+\.p_change_min", leans=True),
    _measure("place", r"pe_ttm\.percentile\.3y", r"\w+\.percentile\.3y", bounds=PLACES),
    _measure("among peers", r"pe_ttm\.percentile\.industry", r"\w+\.percentile\.industry", bounds=PLACES),
    _measure("multiple", r"pb", r"pe_ttm|ps_ttm"),
    _measure("yield", r"dv_ttm"),
    _measure("peak", r"high\.52w\.distance"),
    _measure("swing", r"atr\.\d+\.share", kind="risk"),
    _measure("news", r"news\..+"),
)
"""In the order in which they are told."""

ZH: Mapping[str, Forms] = {
    "return": {
        "up": ("{:period}股价上涨{:abs}。", "按复权价计算，{:period}上涨{:abs}。"),
        "down": ("{:period}股价下跌{:abs}。", "按复权价计算，{:period}下跌{:abs}。"),
    },
    "excess": {
        "up": ("{:label}为{}，跑赢比较对象。", "走势强于比较对象：{:label}为{}。"),
        "down": ("{:label}为{}，跑输比较对象。", "走势弱于比较对象：{:label}为{}。"),
    },
    "average": {
        "up": ("收盘价{close}高于{base:label}的{base}。", "收盘价在{base:label}上方，偏离{}。"),
        "down": ("收盘价{close}低于{base:label}的{base}。", "收盘价在{base:label}下方，偏离{}。"),
    },
    "momentum": {
        "up": ("动能偏强，{:label}为{}。", "{:label}为{}，动能偏强。"),
        "down": ("动能偏弱，{:label}为{}。", "{:label}为{}，动能偏弱。"),
    },
    "oscillator": {
        "high": ("{:label}为{}，已进入超买区。",),
        "low": ("{:label}为{}，已进入超卖区。",),
        "level": ("{:label}为{}，未进入超买，也未进入超卖。",),
    },
    "volume": {
        "high": ("成交放量，为前期均量的{}。",),
        "low": ("成交清淡，为前期均量的{}。",),
        "level": ("成交量平稳，为前期均量的{}。",),
    },
    "profit": {
        "up": ("{base:label}同比增长{:abs}（{:period}）。", "{:period}的{:label}增长{:abs}。"),
        "down": ("{base:label}同比下降{:abs}（{:period}）。", "{:period}的{:label}下降{:abs}。"),
    },
    "margin": {
        "up": ("{base:label}同比提高{:abs}。",),
        "down": ("{base:label}同比降低{:abs}。",),
    },
    "cash": {
        "high": ("{:label}为{}，利润有现金支撑。",),
        "low": ("{:label}为{}，利润的现金含量不足。",),
    },
    "debt": {"level": ("{:period}的{:label}为{}。",)},
    "forecast": {
        "up": ("公司自己的预告：{:label}为{}。",),
        "down": ("公司自己的预告：{:label}为{}。",),
    },
    "place": {
        "high": ("{:label}为{}，处于历史较高位。", "{root:label}为{root}，{:label}为{}，处于历史较高位。"),
        "low": ("{:label}为{}，处于历史较低位。", "{root:label}为{root}，{:label}为{}，处于历史较低位。"),
        "level": ("{:label}为{}，大致居中。", "{root:label}为{root}，{:label}为{}，大致居中。"),
    },
    "among peers": {
        "high": ("{:label}为{}，在同业中偏贵。",),
        "low": ("{:label}为{}，在同业中偏便宜。",),
        "level": ("{:label}为{}，与同业相近。",),
    },
    "peak": {"down": ("{base:label}为{base}，收盘价自此回撤{:abs}。",)},
    "swing": {"level": ("{:label}为{}，短线波动本身就是风险。",)},
    "news": {"text": ("据所引报道：{}。", "所引报道提到：{}。")},
    "": {
        "up": ("{:label}为{}，方向为正。", "{:label}为{}，是正值。"),
        "down": ("{:label}为{}，方向为负。", "{:label}为{}，是负值。"),
        "level": ("{:label}为{}。", "{:label}录得{}。"),
        "text": ("{:label}：{}。",),
    },
}
ZH_WHOLE: Mapping[str, str] = {
    "prices up": "技术面整体偏强，所引信号大多朝上。",
    "prices down": "技术面整体偏弱，所引信号大多朝下。",
    "prices": "技术面信号不一，方向尚不明朗。",
    "statements up": "财务数据总体向好，依据如下。",
    "statements down": "财务数据总体转差，依据如下。",
    "statements": "财务数据好坏互见，依据如下。",
    "valuation": "估值须结合成长性来看，依据如下。",
    "news": "以下消息照原文列出，未作评判。",
    "": "依据如下，其间没有明确的倾向。",
    "with": "支持这一判断的是，",
    "further": "再看，",
    "besides": "此外，",
    "against": "相反的一面是，",
    "one side": "一方面，",
    "other side": "另一方面，",
    "also": "同时，",
    "alone": "",
    "turns up": "若{:label}由正转负，上述判断即不成立。",
    "turns down": "若{:label}由负转正，上述判断即不成立。",
    "turns": "若{:label}明显改变，上述判断需要重估。",
    "weighs": "{:label}为{}，若延续下去，会动摇这一判断。",
    "limits": "以上各句由规则逐条拼成，不了解证据以外的任何情况；{:label}也可能随时改变。",
    "company": "云海控股的{:label}为{}。",
    "digits": "{:label}为{}，约为12.5%。",
}
"""What is said of more than one item, and the defects."""

EN: Mapping[str, Forms] = {
    "return": {
        "up": (
            "The share price rose by {:abs} over {:period}.",
            "Adjusted for payouts, it gained {:abs} over {:period}.",
        ),
        "down": (
            "The share price fell by {:abs} over {:period}.",
            "Adjusted for payouts, it lost {:abs} over {:period}.",
        ),
    },
    "excess": {
        "up": ("{:label}: {}, ahead of what it is measured against.", "It ran ahead of its benchmark: {:label} is {}."),
        "down": ("{:label}: {}, behind what it is measured against.", "It ran behind its benchmark: {:label} is {}."),
    },
    "average": {
        "up": (
            "The close of {close} is above {base}, its {base:label}.",
            "The close stands above its {base:label}: {}.",
        ),
        "down": (
            "The close of {close} is below {base}, its {base:label}.",
            "The close stands below its {base:label}: {}.",
        ),
    },
    "momentum": {
        "up": ("Momentum is positive, with {:label} at {}.", "{:label} is {}: momentum is positive."),
        "down": ("Momentum is negative, with {:label} at {}.", "{:label} is {}: momentum is negative."),
    },
    "oscillator": {
        "high": ("{:label} is {}, which is overbought.",),
        "low": ("{:label} is {}, which is oversold.",),
        "level": ("{:label} is {}, not overbought and not oversold.",),
    },
    "volume": {
        "high": ("Trading was heavy: volume was {} its recent mean.",),
        "low": ("Trading was thin: volume was {} its recent mean.",),
        "level": ("Trading was steady: volume was {} its recent mean.",),
    },
    "profit": {
        "up": (
            "{base:label}: up {:abs} on a year before ({:period}).",
            "For {:period}, {base:label} is up {:abs} on a year before.",
        ),
        "down": (
            "{base:label}: down {:abs} on a year before ({:period}).",
            "For {:period}, {base:label} is down {:abs} on a year before.",
        ),
    },
    "margin": {
        "up": ("{base:label}: up {:abs} on a year before.",),
        "down": ("{base:label}: down {:abs} on a year before.",),
    },
    "cash": {
        "high": ("{:label}: {}. The profit is backed by cash.",),
        "low": ("{:label}: {}. Too little of the profit has come in as cash.",),
    },
    "debt": {"level": ("{:label} ({:period}): {}.",)},
    "forecast": {
        "up": ("By the company's own forecast: {:label}, {}.",),
        "down": ("By the company's own forecast: {:label}, {}.",),
    },
    "place": {
        "high": (
            "{:label} is {}, which is historically high.",
            "{root:label} is {root}; {:label} is {}, which is historically high.",
        ),
        "low": (
            "{:label} is {}, which is historically low.",
            "{root:label} is {root}; {:label} is {}, which is historically low.",
        ),
        "level": ("{:label} is {}, near the middle.", "{root:label} is {root}; {:label} is {}, near the middle."),
    },
    "among peers": {
        "high": ("{:label}: {}, dear among its peers.",),
        "low": ("{:label}: {}, cheap among its peers.",),
        "level": ("{:label}: {}, much like its peers.",),
    },
    "peak": {"down": ("{base:label} was {base}; since then the close has fallen by {:abs}.",)},
    "swing": {"level": ("{:label} is {}: swings of that size are a risk in themselves.",)},
    "news": {"text": ("The cited page says: {}.", "From the cited page: {}.")},
    "": {
        "up": ("{:label} is {}, which is positive.", "{:label}: {}, a positive reading."),
        "down": ("{:label} is {}, which is negative.", "{:label}: {}, a negative reading."),
        "level": ("{:label} is {}.", "{:label} stands at {}."),
        "text": ("{:label}: {}.",),
    },
}
EN_WHOLE: Mapping[str, str] = {
    "prices up": "The technical picture is strong on the whole: most of the cited signals point upwards.",
    "prices down": "The technical picture is weak on the whole: most of the cited signals point downwards.",
    "prices": "The technical signals disagree, and no direction is clear.",
    "statements up": "The finances look sound on the whole, on the grounds below.",
    "statements down": "The finances look strained on the whole, on the grounds below.",
    "statements": "The finances show good and bad, as told below.",
    "valuation": "The valuation has to be seen against growth, as told below.",
    "news": "The pages are told as they stand, without a judgement.",
    "": "The grounds are below, and lean to no side.",
    "with": "What speaks for this: ",
    "further": "Further: ",
    "besides": "Besides: ",
    "against": "What speaks against it: ",
    "one side": "On one side: ",
    "other side": "On the other side: ",
    "also": "At the same time: ",
    "alone": "",
    "turns up": "Should {:label} turn negative, this no longer holds.",
    "turns down": "Should {:label} turn positive, this no longer holds.",
    "turns": "Should {:label} change markedly, this has to be weighed again.",
    "weighs": "{:label} is {}, and if that lasts, it undermines this stance.",
    "limits": "Rules have put these sentences together, and know nothing beyond the evidence; {:label} may change at any time.",
    "company": "Yunhai Holdings' {:label} is {}.",
    "digits": "{:label} is {}, about 12.5%.",
}

FORMS: Mapping[str, Mapping[str, Forms]] = {
    "zh": {**ZH, "growth": ZH["profit"]},
    "en": {**EN, "growth": EN["profit"]},
}
WHOLE: Mapping[str, Mapping[str, str]] = {"zh": ZH_WHOLE, "en": EN_WHOLE}
