"""Texts: what the pages say, in English and Chinese. What the catalog and the database say is told as it stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.pages import research_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from api.pages.languages import Language

TEXTS: Mapping[str, tuple[str, str]] = {
    # frame
    "datasets": ("Datasets", "数据集"),
    "stocks": ("Stocks", "股票"),
    "api": ("API", "接口文档"),
    "search": ("Search", "搜索"),
    "search_hint": ("Code, name or pinyin", "代码、名称或拼音"),
    "skip": ("To the content", "跳到正文"),
    "made_up": (
        "Sandbox: these figures are made up or a sample. They are no market data.",
        "沙盒：以下数字为虚构或样本，并非真实行情。",
    ),
    "told_by": ("Told by", "来源"),
    "as_of": ("As of", "截至"),
    "footer": (
        "Read-only. Figures are as they were landed, adjusted prices apart; all times are Shanghai's.",
        "只读。除复权价外，数字均为入库原值；时间均为上海时间。",
    ),
    "problem": ("That does not work", "无法显示"),
    # login
    "login": ("Log in", "登录"),
    "logout": ("Log out", "退出"),
    "api_key": ("API key", "API 密钥"),
    "login_why": (
        "This server answers whoever has a key. It is kept in this browser alone, in a cookie, for 30 days.",
        "此服务器仅对持有密钥者开放。密钥仅以 Cookie 形式保存在此浏览器中，为期 30 天。",
    ),
    "login_how": ("Who runs the server makes one:", "服务器管理员可生成密钥："),
    "key_wrong": (
        "No key of this server is like this one: it may be mistyped, revoked or expired.",
        "服务器上没有此密钥：可能有误、已吊销或已过期。",
    ),
    "kept_wrong": (
        "The key that this browser kept is not good any more: it was revoked or has expired.",
        "此浏览器保存的密钥已失效：已被吊销或已过期。",
    ),
    "overheard": (
        "This connection is not encrypted: whoever listens on the way can read the key. Put HTTPS before this server.",
        "此连接未加密：途中的窃听者可以读取密钥。请在服务器前启用 HTTPS。",
    ),
    "go_on": (
        "Logged in here already, and led here by another site's link? Go on:",
        "已登录，从其他网站的链接来到这里？继续访问：",
    ),
    # overview
    "overview": ("What there is", "数据概览"),
    "last_complete": ("Last complete", "最近完整"),
    "freshness": ("Freshness", "新鲜度"),
    "fresh": ("fresh", "最新"),
    "stale": ("stale", "滞后"),
    "unknown_age": ("unknown: the calendar does not reach today", "未知：日历未覆盖今天"),
    "unused": ("unused", "未使用"),
    "behind": ("trading days behind: {0}", "落后 {0} 个交易日"),
    "due": ("due: {0}", "应到：{0}"),
    "rows": ("Rows", "行数"),
    "partitions": ("Partitions", "分区"),
    "landed_at": ("Last landed or tried", "最近入库或尝试"),
    "checks": ("Checks", "检查"),
    "checks_hold": ("{0}; those that block hold", "{0} 项；阻断性检查均通过"),
    "checks_broken": (
        "{0}, of which broken: {1}; partitions not believed: {2}",
        "{0} 项中 {1} 项未通过：{2} 个分区不可信",
    ),
    "defects": ("Known defects", "已知缺陷"),
    "quirks": ("Quirks", "注意事项"),
    "n_quirks": ("quirks: {0}", "注意事项 {0} 条"),
    "n_holes": ("not whole in what is shown: {0}", "所示范围内 {0} 个分区不完整"),
    "n_quarantined": ("rows in quarantine: {0}", "隔离 {0} 行"),
    "no_defects": ("none", "无"),
    "quota": ("Quota", "额度"),
    "quota_used": ("{0} of {1} calls a minute used now; {2} today", "每分钟 {1} 次，当前已用 {0}；今日 {2} 次"),
    "quota_day": ("of {0} a day", "（每日上限 {0}）"),
    "quota_none": ("not asked yet", "尚未调用"),
    "quota_hidden": ("not readable with this API's database role", "本接口的数据库角色无权读取"),
    "quarantine_hidden": (
        "(what is quarantined is not readable with this API's database role)",
        "（本接口的数据库角色无权读取隔离数据）",
    ),
    "paused": ("paused: {0}", "已暂停：{0}"),
    "coverage": ("Coverage", "覆盖"),
    "year": ("Year", "年份"),
    "legend": ("Legend", "图例"),
    "nothing": ("Nothing has landed.", "尚未入库。"),
    "whole_one": ("one partition, the whole", "单一分区（全部）"),
    "move": ("Arrow keys move from cell to cell.", "方向键可逐格移动。"),
    # families and statuses
    "reference": ("Reference", "基础信息"),
    "market": ("Market", "行情"),
    "index": ("Indices", "指数"),
    "finance": ("Finance", "财务"),
    "complete": ("complete", "完整"),
    "partial": ("partial", "部分"),
    "late": ("late", "迟到"),
    "empty": ("empty", "空"),
    "failed": ("failed", "失败"),
    "deferred": ("deferred", "推迟"),
    "disabled": ("disabled", "无权限"),
    "closed": ("closed", "休市"),
    "not_landed": ("not landed", "未入库"),
    "ahead": ("not published yet", "尚未公布"),
    "unknown": ("unknown", "未知"),
    "n_missing": ("{0} of {1} missing", "缺 {0}/{1}"),
    # dataset
    "row_is": ("A row is", "每行"),
    "key": ("Key", "主键"),
    "points": ("Tushare points", "Tushare 积分"),
    "published": ("Published", "发布时间"),
    "columns": ("Columns", "字段"),
    "column": ("Column", "字段名"),
    "type": ("Type", "类型"),
    "unit": ("Unit", "单位"),
    "meaning": ("Meaning", "含义"),
    "holes": ("Not whole", "不完整的分区"),
    "holes_shown": ("The newest {0} of {1} in what is shown above.", "上图范围内共 {1} 个，列出最新 {0} 个。"),
    "no_holes": ("None in what is shown above.", "上图范围内无。"),
    "partition": ("Partition", "分区"),
    "status": ("Status", "状态"),
    "missing": ("Missing", "缺失"),
    "reason": ("Reason", "原因"),
    "check": ("Check", "检查项"),
    "severity": ("Severity", "级别"),
    "finding": ("Now", "当前"),
    "block": ("blocks", "阻断"),
    "warn": ("warns", "警告"),
    "holds": ("no partition breaks it", "无分区违反"),
    "breaks": ("partitions that break it: {0}, the newest {1}", "{0} 个分区违反，最近 {1}"),
    "warn_where": ("its findings are in Dagster", "结果见 Dagster"),
    "as_json": ("As JSON", "JSON 格式"),
    # stocks
    "found": ("Stocks: {0}", "共 {0} 只股票"),
    "code": ("Code", "代码"),
    "name": ("Name", "名称"),
    "industry": ("Industry", "行业"),
    "area": ("Area", "地域"),
    "board": ("Board", "板块"),
    "listed": ("Listed", "上市日期"),
    "delisted": ("Delisted", "退市日期"),
    "status_L": ("listed", "上市"),
    "status_D": ("delisted", "退市"),
    "status_P": ("suspended from listing", "暂停上市"),
    "previous": ("Previous", "上一页"),
    "next": ("Next", "下一页"),
    # a stock
    "chart": ("Prices", "行情"),
    "adjust": ("Adjusted", "复权"),
    "none": ("as traded", "不复权"),
    "qfq": ("qfq, to the newest price", "前复权"),
    "hfq": ("hfq, to the first price", "后复权"),
    "range": ("Range", "区间"),
    "3m": ("3 months", "3个月"),
    "1y": ("1 year", "1年"),
    "5y": ("5 years, by week", "5年（周线）"),
    "all": ("all, by month", "全部（月线）"),
    "chart_is": (
        "Candles from {1} to {2}: {0}. Hollow and red: up. Filled and green: down. "
        "Prices in CNY; below, volume in lots of 100 shares.",
        "{1} 至 {2}，共 {0} 根。红色空心为涨，绿色实心为跌。价格单位为元，下方为成交量（手）。",
    ),
    "chart_move": ("Arrow keys move from candle to candle.", "方向键可逐根移动。"),
    "candle": (
        "{0}: open {1}, high {2}, low {3}, close {4}, {5}, volume {6}",
        "{0}：开 {1}，高 {2}，低 {3}，收 {4}，{5}，量 {6}",
    ),
    "no_bars": ("There is no bar of this stock.", "该股票没有行情。"),
    "no_factor": (
        "Days without a known factor, which cannot be adjusted: {0}. See them as traded.",
        "缺少复权因子而无法复权的天数：{0}。请查看不复权行情。",
    ),
    "statements": ("Statements, as known today", "财务报表（今日已知）"),
    "income": ("Income statement", "利润表"),
    "balancesheet": ("Balance sheet", "资产负债表"),
    "cashflow": ("Cash flow statement", "现金流量表"),
    "indicators": ("Indicators", "财务指标"),
    "item": ("Item", "项目"),
    "known_since": ("Known since the end of", "此日日终起已知"),
    "no_reports": ("Nothing is known of this.", "尚无已知数据。"),
    "dividends": ("Dividends", "分红送股"),
    "forecasts": ("Earnings forecasts", "业绩预告"),
    "provenance": ("Where this page's figures come from", "数据出处"),
    "dataset": ("Dataset", "数据集"),
    "whole": ("Whole", "是否完整"),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    **research_texts.TEXTS,
}
"""By name: in English, in Chinese. `{0}` and those that follow are filled in."""


def told(language: Language, name: str, *parts: object) -> str:
    """A text in a language."""
    text = TEXTS[name][language == "zh"]
    return text.format(*parts) if parts else text
