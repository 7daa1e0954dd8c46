"""Chinese words."""

from __future__ import annotations

import re
from types import MappingProxyType

from stock_assistant_pipelines.research.lexicon.words import Lexicon, Report

ONES = "一二两三四五六七八九壹贰叁肆伍陆柒捌玖"
ANY = f"{ONES}零〇十百千万亿半几数拾佰仟萬億廿卅"
MANY = f"(?:[{ANY}][{ANY}多余]*)"
"""A numeral."""
NOT_ONE = f"(?:(?!一(?![{ANY}])){MANY})"
"""A numeral that is not the article 一."""

QUANTITY = "|".join(
    (
        rf"[百千万]分之{MANY}",
        rf"{MANY}分之{MANY}",
        rf"{MANY}成(?![长本为功立熟果分交员就效都份品型不绩见因人])",
        rf"{MANY}(?:倍|个?基点|个?百分点|折(?!旧|价)|分位|位数)|个位数|[壹贰叁肆伍陆柒捌玖拾佰仟]{{2,}}",
        rf"{MANY}个点(?!位|评)",
        rf"{MANY}(?<!三)(?<!二)(?<!一)元|[一二三]元(?!材料|锂|电池|正极|前驱|股份|结构|乳业|化|论)",
        rf"(?:每|[{ONES}])[{ANY}]*[{ANY.replace('一', '')}]股(?![东价票份本息权力])",
        rf"[{ONES}]点[{ONES}零]",
        rf"[{ONES}几数上近超过破逾达][十百千]?[百千万](?:亿|万)|[{ONES}几数十百千上近超过破逾达][余多]?亿|[百千万]亿|[{ONES}几数十][余多]?万(?![一])",
        rf"[{ONES}][百千](?![货姓家年])|[二两三四五六七八九]十[{ONES}]?",
        rf"[十百千][余多](?!元化)|上[百千万][{ANY}家次只名种个]",
        rf"{NOT_ONE}(?:家|次(?!产业|探|创业|元)|只|名|人(?!份|千面)|座|台|辆|笔|宗|张|条(?!线)|款|倍)(?<!二次)(?<!两条)",
        rf"{MANY}个?(?:交易日|工作日|月(?!报)|季度(?<!个)(?<=个季度)|周|星期|小时)",
        rf"{MANY}个季度",
        rf"{NOT_ONE}天|[{ANY}]{{2,}}日|[{ONES.replace('一', '')}十]日(?!内瓦)",
        rf"(?<![上下])半年(?!报|度|线)|(?<!新)(?<!半)(?!百年)[{ANY.replace('半', '')}]+年(?!报|度|规划|计划|一度|期国)",
        rf"第[{ONES}十]+(?:名|位(?!的?考|重要))|(?:行业|市场|全球|全国|国内|世界|排名|位列|位居|名列)第[{ONES}十]+",
        rf"(?:位居|位列|排名|跻身|进入|稳居|行业|全球|全国|国内)前[{ONES}十]+(?!季|期)",
        rf"第[{ONES}十]+大(?!股东|流通)",
        r"翻[一两]?[倍番]|翻了[一两]?[倍番]|腰斩|倍增|成倍|过半|减半|近半|一半|半数|对半|折半|零增长|百分百",
    )
)
DENIED = "(?:未|没有|没|并非|不再|难以|尚无|非|不会|不|无法)"
PACE = "(?:增速|增幅|涨幅|跌幅|降幅|增长率|增长|下滑|亏损|波动|差距|溢价|折价|幅度|势头)"
HOW = "(?:有所|明显|略有|略|小幅|大幅|进一步|持续|继续|逐步|显著|较快|能|能够|出现|见|曾)"
NOT_PACE = "(?!放缓|趋缓|加快|加速|提速|乏力|动能|势头|空间|动力|逻辑|预期|潜力|质量|韧性|曲线|的?持续性|率|点)"

CHINESE = Lexicon(
    up=re.compile(
        rf"(?:增长|增加|上升|提升|提高|扩张|走强|走高|回升|攀升|上扬|上调|反弹|上涨|收涨|大涨|增厚|跑赢|强于|领先){NOT_PACE}"
        r"|涨幅|增幅|(?<![高上])涨(?=了?\0)|(?<!递)增(?=\0)"
    ),
    down=re.compile(
        rf"(?:下降|下滑|减少|降低|缩减|萎缩|收缩|走弱|走低|回落|下行|下挫|下调|下跌|收跌|大跌|跑输|弱于|落后|回撤|回调){NOT_PACE}"
        r"|(?<!涨)跌幅|降幅|(?<!涨)跌(?=了?\0)|(?<![下升])降(?=\0)"
    ),
    after_up=re.compile(r"的?(?:同比|累计|年化|正)?(?:增长|涨幅|增幅|升幅|上涨|超额)"),
    after_down=re.compile(r"的?(?:同比|累计|年化|负)?(?:下降|跌幅|降幅|下滑|下跌|回撤)"),
    turned=re.compile(rf"(?:{DENIED}{HOW}?|(?<!同比){PACE}(?:较[^，。；]{{0,8}})?{HOW}*)$"),
    toward=re.compile(r"^\w{0,2}?[至到为]"),
    supposed=re.compile(r"若(?!干)|如果|一旦|假如|倘若|万一|能否|是否|避免|防止"),
    possible=re.compile(r"可能|或将|或|有望|预计|料将|将会?"),
    rate=re.compile(r"涨幅|增幅"),
    sentence=re.compile(r"[。；！？;!?\n]"),
    chain=re.compile(r"[、和与及至到~～—\-\s]*|，?并且?|以及"),
    clause=re.compile(r"[，。；！？,;!?\n]"),
    above=re.compile(r"高于|超过|超出|站上|站稳|突破|升破|收复|大于|多于|优于"),
    below=re.compile(r"低于|不及|跌破|失守|小于|少于|不足"),
    over=re.compile(r"(?:的)?(?:上方|之上|以上)"),
    under=re.compile(r"(?:的)?(?:下方|之下|以下)"),
    risen=re.compile(r"(?:升|增|涨|提升|提高|上升|增长|增加|上涨|回升|反弹|扩大)[至到]"),
    fallen=re.compile(r"(?:降|跌|减|下降|降低|回落|下滑|减少|下跌|收窄|缩减)[至到]"),
    quantity=re.compile(QUANTITY),
    unit=re.compile(
        r"\s*[（(]?(?:单位[:：为]?)?(?:[%％‰]|个?百分点|个?基点|[bB][pP]|pct|亿|万(?!一)|千元|元|倍(?!增)|股(?![东价票份本息权])|"
        r"天(?![然津])|点(?![位评])|个点|个交易日|美元|港元|欧元|手(?!续|段|中))"
    ),
    currency=re.compile(r"(?:美元|港元|欧元|[$＄€£¥￥])\s*$"),
    reports=(
        Report(re.compile(r"一季报|(?:第?一|首)季度|首季"), 1),
        Report(re.compile(r"半年报|中报|上半年|半年度|二季报"), 2, frozenset({""})),
        Report(re.compile(r"二季度"), 2, frozenset({"quarter"})),
        Report(re.compile(r"三季报|前三季"), 3, frozenset({""})),
        Report(re.compile(r"(?<!前)三季度"), 3, frozenset({"quarter"})),
        Report(re.compile(r"(?<!半)年报|全年|年度报告"), 4, frozenset({""})),
        Report(re.compile(r"四季度"), 4, frozenset({"quarter"})),
        Report(re.compile(r"单季"), None, frozenset({"quarter"})),
        Report(re.compile(r"滚动|TTM"), None, frozenset({"ttm"})),
        Report(re.compile(r"累计"), None, frozenset({""})),
    ),
    years=MappingProxyType(
        {0: re.compile(r"今年|本年(?!度以)"), 1: re.compile(r"(?:去年|上年|上一年)(?!同期|末)"), 2: re.compile(r"前年")}
    ),
    spans=MappingProxyType(
        {
            "1d": re.compile(r"今日|当日|当天|单日"),
            "5d": re.compile(r"本周|当周|周内"),
            "ytd": re.compile(r"年内|年初以来|今年以来|年初至今"),
        }
    ),
    yearly=re.compile(r"同比|[上去]年同期"),
    sequential=re.compile(r"环比"),
    same_quarter=re.compile(r"[上去]年同期(?:的|为|值)?$"),
    percentile=re.compile(r"分位|历史(?:平均|均值|中枢|中位)"),
    placed_before=re.compile(r"分位数?(?:为|是|在|达|仅|处于|约)?$"),
    placed_after=re.compile(r"\s*的?(?:历史)?分位"),
    high=re.compile(
        r"历史(?:相对|较|偏)?高(?:位|点|水平)|(?:估值|历史)的?(?:相对|较|偏)?高位|分位数?(?:偏|较)高|[偏较]高分位|偏高区间|近年来?的?高位"
    ),
    low=re.compile(
        r"历史(?:相对|较|偏)?低(?:位|点|水平)|(?:估值|历史)的?(?:相对|较|偏)?低位|分位数?(?:偏|较)低|[偏较]低分位|偏低区间|近年来?的?低位"
    ),
    record=re.compile(r"[创出刷](?:出|下|了)?\w{0,4}新[高低]|历史(?:新|最)[高低]"),
    overbought=re.compile(r"超买"),
    oversold=re.compile(r"超卖"),
    denied=re.compile(rf"(?:{DENIED}|远离|脱离|离开)(?:是|能|再|处于|进入|触及|出现|构成|达到|提供|作出|做出|完全)*$"),
    recent=re.compile(r"最新消息|最新公告|近日|日前|刚刚|今日|昨日|昨晚|今晨|今早|本周"),
    heard=re.compile(r"据报道|媒体报道|报道称|消息称|消息显示|最新消息|据悉|据传|传闻"),
    sourced=re.compile(
        r"报道|消息|公告|新闻|资讯|据悉|据传|传闻|媒体|披露|公布|网页|(?:标题|文章|摘要|研报)|近日|日前|今日|昨日|昨晚|今晨|今早|本周|刚刚"
    ),
    promise=re.compile(
        r"保证(?:收益|盈利|赚|上涨|本金)|稳赚|包赚|必涨|必赚|(?:必定|必然|必将|肯定|一定|绝对|势必|铁定)(?:会|能|能够|将|要|不会)?"
        r"(?:大|继续|持续)?(?:上涨|涨|跑赢|赚|盈利|翻倍|不跌|下跌|跌)|[无零]风险(?!利率|收益率|溢价|资产)|保本(?!点)|百分百|稳赚不赔"
    ),
)
