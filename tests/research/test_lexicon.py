"""Chinese is full of numerals that are no figures; those that are figures are known by what they count."""

from __future__ import annotations

import pytest

from stock_assistant_pipelines.research.lexicon import LEXICONS
from stock_assistant_pipelines.research.render import Language

IDIOMS = """
一方面 另一方面 十分谨慎 万一需求不及预期 进一步提升 一定程度上 一致预期 一般而言 一旦落地 统一口径
唯一 第一时间 一系列举措 一体化布局 二级市场 一级市场 两融余额 两市成交 三农 千方百计 万无一失
半导体板块 半年报 十四五规划 三季报 一季报 二季度 四季度 一季度末 三线城市 二手房 第三方检测 三元材料
九州大地 百货业态 第三代半导体 第二增长曲线 第一梯队 第一大股东 一成不变 多元化 双十一 百年老店
一次性损益 二次探底 两个方面 两大业务 三大费用 三项费用 上述两项指标 二者背离 前三季度 上半年 下半年
五年规划 去年同期 一带一路 一线城市 七上八下 一目了然 一分为二 三心二意 五花八门 数据中心 几乎 半成品
万物互联 千人千面 一如既往 八成品牌 三方协议 两难 百分比 一点也不意外 六大行 一期项目 三包 零部件
零售 百强 一年一度 新一年 一家以白酒为主的公司 十大股东 十足 首要的考量 一季度单季 二八分化 百花齐放
十字路口
"""
QUANTITIES = """
百分之二十 三成 近三成 七成以上 两倍 一点五倍 三个百分点 三个点 五十个基点 二十亿元 三千万元 逾百亿
近千亿 数十亿 上万亿 三万 十余家 十二家 五次 三名 连续三日 五个交易日 三个月 两个季度 近一年 十年
过去两年 半年来 二〇二四年 九月 十一月末 二十日 十五日均线 排名第三 行业第一 位列第五 翻番 翻倍
翻了一番 腰斩 过半 近半 一半 三分之二 四分之一 两位数 个位数 八折 九十分位 三十二 二十余 每十股
五十元 三元钱 一点二 一倍 零增长 二十万 五千吨 两百多 十多个 一亿 两天 三周 两小时 第二名 贰拾
三百 两千 上千家 一个月 十天 千亿级
"""


@pytest.mark.parametrize("words", IDIOMS.split())
def test_an_idiom_is_no_quantity(words: str) -> None:
    assert LEXICONS[Language.ZH].quantity.search(words) is None


@pytest.mark.parametrize("words", QUANTITIES.split())
def test_a_quantity_is_known(words: str) -> None:
    assert LEXICONS[Language.ZH].quantity.search(f"公司{words}")


@pytest.mark.parametrize(
    "words",
    [
        *(
            "one of several",
            "for once",
            "on the one hand",
            "the first half of the year",
            "the first nine months",
            "first quarter",
        ),
        *(
            "second to none",
            "third parties",
            "the quarter of",
            "half-hearted",
        ),
        *("the third quarter", "one-off items", "two-way pull", "once again", "points to", "a second look"),
    ],
)
def test_an_english_idiom_is_no_quantity(words: str) -> None:
    assert LEXICONS[Language.EN].quantity.search(words) is None


@pytest.mark.parametrize(
    "words",
    [
        *(
            "twenty percent",
            "two points",
            "doubled",
            "halved",
            "twice the size",
            "a third of",
            "one half",
            "thirty-five yuan",
        ),
        *(
            "five straight days",
            "double digits",
            "ranks third",
            "ranked second",
            "hundreds of millions",
            "a dozen",
            "three-fold",
        ),
        *("two years", "seven more stores", "two-thirds", "half of its sales", "nine months of losses"),
    ],
)
def test_an_english_quantity_is_known(words: str) -> None:
    assert LEXICONS[Language.EN].quantity.search(words)
