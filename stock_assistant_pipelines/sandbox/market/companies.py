"""Who the listed are: invented names in the market's manner, provinces, trades, owners, and the names they bore before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stock_assistant_pipelines.sandbox.market.filings.accounts import Kind, kinds
from stock_assistant_pipelines.sandbox.market.listing import BEIJING, NEVER, Universe
from stock_assistant_pipelines.sandbox.market.noise import Stream, uniform


def paired(chinese: str, latin: str) -> dict[str, str]:
    """Words and how they are read or translated, in the order given."""
    return dict(zip(chinese.split(), latin.split(), strict=True))


FORE = paired(
    "华 金 天 中 恒 瑞 海 新 东 长 盛 宏 永 嘉 泰 鑫 光 远 安 德 国 龙 凤 云 星 银 江 南 北 西",
    "hua jin tian zhong heng rui hai xin dong chang sheng hong yong jia tai xin guang yuan an de guo long feng yun xing yin "
    "jiang nan bei xi",
)
AFT = paired(
    "达 通 源 丰 兴 隆 信 康 宁 和 顺 诚 利 益 昌 明 辉 腾 创 锐",
    "da tong yuan feng xing long xin kang ning he shun cheng li yi chang ming hui teng chuang rui",
)
"""Characters of a name and how they are read: 30 × 20 × 12 trades make more names than the largest universe needs."""


class Trade(NamedTuple):
    """A line of business: how it ends a name, reads, and translates, and the industries it falls under."""

    suffix: str
    spelling: str
    english: str
    industries: tuple[str, ...]


TRADES = tuple(
    Trade(suffix, spelling, english, tuple(industries.split("/")))
    for suffix, spelling, english, industries in (
        row.split("|")
        for row in (
            "科技|kj|Technology|软件服务/元器件/通信设备/半导体",
            "股份|gf|Holdings|建筑工程/百货/区域地产/汽车配件",
            "电子|dz|Electronics|元器件/半导体/电器仪表",
            "医药|yy|Pharmaceutical|化学制药/中成药/生物制药",
            "材料|cl|Materials|塑料/小金属/化工原料",
            "能源|ny|Energy|新型电力/火力发电/煤炭开采",
            "机械|jx|Machinery|专用机械/机械基件/工程机械",
            "化工|hg|Chemical|化工原料/农药化肥/染料涂料",
            "食品|sp|Food|食品/农业综合/饲料",
            "环保|hb|Environment|环境保护/供气供热",
            "软件|rj|Software|软件服务/互联网/IT设备",
            "传媒|cm|Media|影视音像/出版业/广告包装",
        )
    )
)

FINANCIAL = {
    Kind.BANK: Trade("银行", "yh", "Bank", ("银行",)),
    Kind.INSURER: Trade("保险", "bx", "Insurance", ("保险",)),
    Kind.BROKER: Trade("证券", "zq", "Securities", ("证券",)),
}
"""The lines of business whose statements have lines of their own."""

AREAS = paired(
    "浙江 江苏 北京 广东 上海 深圳 山东 安徽 四川 福建 湖北 湖南 河南 江西 辽宁 河北 陕西 重庆 天津 新疆",
    "Zhejiang Jiangsu Beijing Guangdong Shanghai Shenzhen Shandong Anhui Sichuan Fujian Hubei Hunan Henan Jiangxi Liaoning "
    "Hebei Shaanxi Chongqing Tianjin Xinjiang",
)
OWNERS = ("民营企业", "民营企业", "民营企业", "地方国企", "地方国企", "中央国企", "外资企业", "无")


class Name(NamedTuple):
    """A name and the sessions it is borne: from `start` until the one before `end`."""

    name: str
    start: int
    end: int
    reason: str


@dataclass(frozen=True, slots=True)
class Company:
    """What stays the same about a listed company, and its names over time."""

    full_name: str
    english: str
    spelling: str
    area: str
    industry: str
    owner: str
    owner_kind: str
    connected: bool
    """Whether it can be bought through Stock Connect."""
    names: tuple[Name, ...]

    def name_on(self, session: int) -> str:
        """The name borne in a session, or the last one."""
        return next((name.name for name in reversed(self.names) if name.start <= session), self.names[0].name)


def companies(seed: int, stocks: Universe) -> tuple[Company, ...]:
    """Invent the company behind each stock."""
    draws = {
        stream: uniform(seed, stream, stocks.ids).tolist()
        for stream in (Stream.AREA, Stream.INDUSTRY, Stream.OWNER, Stream.CONNECT, Stream.RENAMED, Stream.RENAMED_ON)
    }
    order = np.argsort(uniform(seed, Stream.NAME, stocks.ids)).tolist()
    trades = [FINANCIAL.get(Kind(kind)) for kind in kinds(seed, stocks.ids).tolist()]
    return tuple(
        _company(
            stocks, stock, order[stock], trades[stock], {stream: values[stock] for stream, values in draws.items()}
        )
        for stock in range(len(stocks))
    )


def _company(stocks: Universe, stock: int, number: int, financial: Trade | None, draw: dict[Stream, float]) -> Company:
    fore, fore_spelling = list(FORE.items())[number % len(FORE)]
    aft, aft_spelling = list(AFT.items())[number // len(FORE) % len(AFT)]
    trade = financial or TRADES[(number // (len(FORE) * len(AFT)) + number) % len(TRADES)]
    area = list(AREAS)[int(draw[Stream.AREA] ** 1.5 * len(AREAS))]
    owner_kind = OWNERS[int(draw[Stream.OWNER] * len(OWNERS))]
    state = {
        "地方国企": f"{area}国有资产监督管理委员会",
        "中央国企": "国务院国有资产监督管理委员会",
        "无": "无实际控制人",
    }
    return Company(
        full_name=f"{area}{fore}{aft}{trade.suffix}股份有限公司",
        english=f"{AREAS[area]} {(fore_spelling + aft_spelling).title()} {trade.english} Co., Ltd.",
        spelling=fore_spelling[0] + aft_spelling[0] + trade.spelling,
        area=area,
        industry=trade.industries[int(draw[Stream.INDUSTRY] * len(trade.industries))],
        owner=state.get(owner_kind, f"{fore}{aft}控股有限公司"),
        owner_kind=owner_kind,
        connected=draw[Stream.CONNECT] < 0.5 and int(stocks.board[stock]) != BEIJING,
        names=_names(stocks, stock, fore + aft, trade.suffix, draw),
    )


def _names(stocks: Universe, stock: int, stem: str, suffix: str, draw: dict[Stream, float]) -> tuple[Name, ...]:
    """The names since listing: another one at first for one stock in five, *ST while under special treatment."""
    first, last = int(stocks.first[stock]), int(stocks.last[stock])
    changes = [(first, stem + suffix, "其他")]
    if draw[Stream.RENAMED] < 0.2:
        changes = [
            (first, stem + "实业", "其他"),
            (first + 250 + int(draw[Stream.RENAMED_ON] * 2500), stem + suffix, "改名"),
        ]
    special_from, special_until = int(stocks.special_from[stock]), int(stocks.special_until[stock])
    if special_from < NEVER:
        after = next(name for start, name, _ in reversed(changes) if start <= special_until)
        changes = [change for change in changes if not special_from <= change[0] <= special_until]
        changes += [(special_from, "*ST" + stem, "*ST"), (special_until, after, "撤销*ST")]
    changes = sorted(change for change in changes if change[0] < last)
    ends = [start for start, _, _ in changes[1:]] + [NEVER]
    return tuple(Name(name, start, end, reason) for (start, name, reason), end in zip(changes, ends, strict=True))
