"""What is refused: in Tushare's codes and words where it has some, else in the same form and in ours."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.protocol.refusals import BAD_TOKEN, PERMISSION, THROTTLE, UNKNOWN, Refusal, Text

if TYPE_CHECKING:
    from api.problems import Problem

NOT_KEPT = Text(
    "unknown",
    UNKNOWN.code,
    UNKNOWN.message + f"：本站没有保存 {{api}}（not kept here），有 {'、'.join(CATALOG)}",
)
ONLY_KEPT = Text("unknown", 50101, "查询数据失败：本站没有保存 {api} 的 {what}（not kept here），只有 {kept}")
NOT_LANDED = Text("absent", 50101, "查询数据失败：{api} 的这部分数据尚未入库（not landed here）：{what}")
REFUSED = Text("parameters", 50101, "查询数据失败：{detail}")
UNAVAILABLE = Text("unavailable", 50101, "查询数据失败，请稍后再试：{detail}")
MISTAKE = Text(
    "mistake", 50101, "查询数据失败：服务器出错，详见其日志（a mistake of the server's; its log says which）"
)


def translated(problem: Problem, api: str) -> Refusal:
    """A problem of ours as a refusal: the SDK takes every HTTP status from 400 on for an empty table."""
    match problem.kind.status:
        case HTTPStatus.UNAUTHORIZED:
            return Refusal.of(BAD_TOKEN)
        case HTTPStatus.FORBIDDEN:
            return Refusal.of(PERMISSION, api=api)
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Refusal.of(THROTTLE, api=api, times=problem.members.get("limit", "?"), unit="分钟")
        case status if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Refusal.of(REFUSED, detail=problem.detail)
        case _:
            return Refusal.of(UNAVAILABLE, detail=problem.detail)
