"""Sheets of evidence, made up: values as A shares have them, in all topics, labelled in Chinese and English."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from stock_assistant_pipelines.research.evidence import Item, Kind, Sheet, Topic, Unit
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from random import Random

COMPANIES = (
    ("600031.SH", "三一重工", "工程机械"), ("000002.SZ", "万科A", "全国地产"), ("000858.SZ", "五粮液", "白酒"),
    ("600581.SH", "八一钢铁", "普钢"), ("002029.SZ", "七匹狼", "服饰"), ("600998.SH", "九州通", "医药商业"),
    ("300014.SZ", "亿纬锂能", "电气设备"), ("600479.SH", "千金药业", "中成药"), ("600865.SH", "百大集团", "百货"),
    ("600519.SH", "贵州茅台", "白酒"), ("300750.SZ", "宁德时代", "电气设备"), ("002594.SZ", "比亚迪", "汽车整车"),
    ("600036.SH", "招商银行", "银行"), ("600470.SH", "六国化工", "农药化肥"), ("600839.SH", "四川长虹", "家用电器"),
    ("002467.SZ", "二六三", "通信设备"), ("601360.SH", "三六零", "软件服务"), ("603712.SH", "七一二", "通信设备"),
    ("300024.SZ", "机器人", "专用机械"), ("000591.SZ", "太阳能", "新型电力"), ("600309.SH", "万华化学", "化工原料"),
    ("688981.SH", "中芯国际", "半导体"), ("000895.SZ", "双汇发展", "食品"), ("600276.SH", "恒瑞医药", "化学制药"),
    ("601318.SH", "中国平安", "保险"), ("000333.SZ", "美的集团", "家用电器"), ("002415.SZ", "海康威视", "IT设备"),
    ("600900.SH", "长江电力", "水力发电"), ("601899.SH", "紫金矿业", "铜"), ("600438.SH", "通威股份", "电气设备"),
)  # fmt: skip
INDEXES = ("沪深300", "中证500", "中证1000", "上证指数", "创业板指")
HEADLINES = (
    "公司与下游客户签订长期供货框架协议", "公司拟回购股份用于员工持股计划", "控股股东承诺不减持所持股份",
    "公司新生产线建成投产", "公司收到交易所监管问询函", "公司产品通过海外认证", "公司董事会换届完成",
    "行业协会发布自律公约", "公司中标大型基础设施项目", "公司子公司获得高新技术企业认定", "公司披露股东减持计划",
    "主管部门就行业规范条件征求意见", "公司与高校共建联合实验室", "公司海外工厂因检修临时停产",
)  # fmt: skip


@dataclass
class _Making:
    """A sheet that is being filled."""

    rng: Random
    day: date
    items: list[Item] = field(default_factory=list)

    def add(self, id_: str, topic: Topic, label: str, label_zh: str, value: Decimal | None = None, **more: Any) -> None:
        """One more item, known some time before the end of the day."""
        more.setdefault("kind", Kind.DERIVED if more.get("derivation") else Kind.ROW)
        more.setdefault("known_at", datetime.combine(self.day, time(18), SHANGHAI))
        self.items.append(Item(id=id_, topic=topic, label=label, label_zh=label_zh, value=value, **more))

    def number(self, low: float, high: float, digits: int = 4) -> Decimal:
        """A value between two bounds."""
        return Decimal(str(round(self.rng.uniform(low, high), digits)))

    def moved(self, scale: float) -> Decimal:
        """A change in percent, as often down as up, never so small that it is printed as nothing."""
        size = self.number(0.6, scale)
        return size if self.rng.random() < 0.5 else -size


def sheet(rng: Random) -> Sheet:
    """A sheet of some company on some trading day."""
    day = date(2022, 6, 1) + timedelta(days=rng.randrange(1300))
    day -= timedelta(days=max(0, day.weekday() - 4))
    ts_code, name, industry = rng.choice(COMPANIES)
    making = _Making(rng, day)
    for id_, label, label_zh, text in (
        ("name", "Name", "简称", name),
        ("industry", "Industry", "所属行业", industry),
        ("index", "Index", "比较指数", rng.choice(INDEXES)),
    ):
        making.add(id_, Topic.COMPANY, label, label_zh, text=text, unit=Unit.TEXT)
    _prices(making)
    _valuation(making)
    _statements(making, newest(day))
    _expectations(making, newest(day))
    _news(making)
    return Sheet(ts_code, name, day, tuple(making.items))


def newest(day: date) -> tuple[int, int]:
    """Year and quarter of the newest report that everybody has published by a day."""
    for month, years, quarter in ((11, 0, 3), (9, 0, 2), (5, 0, 1)):
        if day.month >= month:
            return day.year + years, quarter
    return day.year - 1, 3


def _prices(making: _Making) -> None:
    topic, day = Topic.PRICES, making.day.isoformat()
    close = making.number(3, 400, 2)
    making.add("close", topic, "Close", "收盘价", close, unit=Unit.CNY_PER_SHARE, period=day)
    for days, scale in ((5, 12), (20, 30), (60, 55), (250, 90)):
        making.add(f"return.{days}d", topic, f"Return of {days} trading days", f"近{days}个交易日涨跌幅", making.moved(scale),
                   unit=Unit.PERCENT, period=f"{days}d", signed=True, derivation="change")  # fmt: skip
    for days, against, label, label_zh in (
        (20, "index", "the index", "指数"),
        (60, "industry", "its industry", "行业"),
    ):
        making.add(f"excess.{days}d.{against}", topic, f"Return of {days} trading days over {label}",
                   f"近{days}个交易日相对{label_zh}超额收益", making.moved(20), unit=Unit.POINTS, period=f"{days}d",
                   signed=True, derivation="difference")  # fmt: skip
    for days in (20, 60):
        average = round(close * making.number(0.8, 1.25), 2)
        if abs(average / close - 1) < Decimal("0.005"):
            average += 1
        making.add(f"ma.{days}d", topic, f"Moving average of {days} days", f"{days}日均线", average,
                   unit=Unit.CNY_PER_SHARE, period=f"{days}d", derivation="mean")  # fmt: skip
    making.add("rsi.14d", topic, "RSI of 14 days", "14日RSI", making.number(15, 85, 2), period="14d", derivation="rsi")
    making.add("volatility.60d", topic, "Volatility of 60 days, a year", "60日年化波动率", making.number(15, 70),
               unit=Unit.PERCENT, period="60d", derivation="volatility")  # fmt: skip
    making.add("turnover.20d", topic, "Mean turnover rate of 20 days", "20日平均换手率", making.number(0.2, 9),
               unit=Unit.PERCENT, period="20d", derivation="mean")  # fmt: skip
    making.add("amount.20d", topic, "Mean amount of 20 days", "20日平均成交额", making.number(3e7, 6e9, 0),
               unit=Unit.CNY, period="20d", derivation="mean")  # fmt: skip


def _valuation(making: _Making) -> None:
    topic, day = Topic.VALUATION, making.day.isoformat()
    for id_, label, label_zh, low, high in (
        ("pe_ttm", "P/E, trailing twelve months", "市盈率（TTM）", 5, 90),
        ("pb", "P/B", "市净率", 0.6, 12),
        ("ps_ttm", "P/S, trailing twelve months", "市销率（TTM）", 0.4, 15),
    ):
        making.add(id_, topic, label, label_zh, making.number(low, high), unit=Unit.TIMES, period=day)
        making.add(f"{id_}.percentile.3y", topic, f"Percentile of {label} in three years", f"{label_zh}近三年分位",
                   making.number(1, 99, 2), unit=Unit.PERCENT, period="3y", derivation="percentile", inputs=(id_,))  # fmt: skip
    making.add("dv_ttm", topic, "Dividend yield", "股息率", making.number(0.2, 6), unit=Unit.PERCENT, period=day)
    making.add("total_mv", topic, "Market value", "总市值", making.number(3e9, 1.8e12, 0), unit=Unit.CNY, period=day)
    making.add("total_share", topic, "Shares", "总股本", making.number(3e8, 3e10, 0), unit=Unit.SHARES, period=day)


def _statements(making: _Making, at: tuple[int, int]) -> None:
    year, quarter = at
    now, before = f"{year}q{quarter}", f"{year - 1}q{quarter}"
    for id_, label, label_zh, low, high in (
        ("revenue", "Revenue", "营业收入", 8e8, 3e11),
        ("n_income_attr_p", "Net profit of the parent", "归母净利润", 3e7, 4e10),
    ):
        for form, rest, word in (
            ("", "", ""),
            (".quarter", "单季", " in the quarter"),
            (".ttm", "TTM", ", twelve months"),
        ):
            old = making.number(low, high, 0)
            growth = making.moved(45)
            for period, value in ((before, old), (now, round(old * (1 + growth / 100)))):
                making.add(f"{id_}.{period}{form}", Topic.STATEMENTS, label + word, label_zh + rest, Decimal(value),
                           unit=Unit.CNY, period=period + form)  # fmt: skip
            making.add(f"{id_}.{now}{form}.yoy", Topic.STATEMENTS, f"{label}{word}, yoy", f"{label_zh}{rest}同比", growth,
                       unit=Unit.PERCENT, period=now + form, signed=True, derivation="yoy",
                       inputs=(f"{id_}.{now}{form}", f"{id_}.{before}{form}"))  # fmt: skip
    for id_, label, label_zh, low, high in (
        ("gross_margin", "Gross margin", "毛利率", 8, 85),
        ("net_margin", "Net margin", "净利率", 2, 40),
        ("roe", "Return on equity", "净资产收益率", 2, 32),
        ("debt_to_assets", "Debt to assets", "资产负债率", 12, 88),
    ):
        old, change = making.number(low, high), making.moved(1.9)
        making.add(f"{id_}.{before}", Topic.STATEMENTS, label, label_zh, old, unit=Unit.PERCENT, period=before)
        making.add(f"{id_}.{now}", Topic.STATEMENTS, label, label_zh, old + change, unit=Unit.PERCENT, period=now)
        making.add(f"{id_}.{now}.change", Topic.STATEMENTS, f"{label}, change on the year before", f"{label_zh}同比变动", change,
                   unit=Unit.POINTS, period=now, signed=True, derivation="difference",
                   inputs=(f"{id_}.{now}", f"{id_}.{before}"))  # fmt: skip
    making.add(f"ocf.{now}", Topic.STATEMENTS, "Operating cash flow", "经营活动现金流净额", making.number(-4e9, 6e10, 0),
               unit=Unit.CNY, period=now)  # fmt: skip
    making.add(f"goodwill.{now}", Topic.STATEMENTS, "Goodwill", "商誉", None, unit=Unit.CNY, period=now)


def _expectations(making: _Making, at: tuple[int, int]) -> None:
    year, topic = at[0], Topic.EXPECTATIONS
    low = making.moved(60)
    for end, value in (("min", low), ("max", low + making.number(3, 30) if low > 0 else low / 2)):
        making.add(f"forecast.{year}q4.{end}", topic, f"Forecast change of net profit, {end}imum",
                   f"业绩预告净利润变动{'下限' if end == 'min' else '上限'}", value, unit=Unit.PERCENT, period=f"{year}q4",
                   signed=True)  # fmt: skip
    making.add(f"dividend.{year - 1}q4", topic, "Cash dividend a share", "每股现金分红", making.number(0.05, 4),
               unit=Unit.CNY_PER_SHARE, period=f"{year - 1}q4")  # fmt: skip


def _news(making: _Making) -> None:
    ages = [making.rng.randrange(0, 6), *(making.rng.randrange(0, 29) for _ in range(3))]
    for number, (age, headline) in enumerate(zip(ages, making.rng.sample(HEADLINES, 4), strict=True), 1):
        published = making.day - timedelta(days=age)
        making.add(f"news.{number}", Topic.NEWS, "News", "新闻", text=headline, unit=Unit.TEXT, kind=Kind.NEWS,
                   period=published.isoformat(), known_at=datetime.combine(published, time(9, 30), SHANGHAI),
                   url=f"https://news.example/{published:%Y%m%d}/{number}")  # fmt: skip
