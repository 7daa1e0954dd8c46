"""Tushare's refusals: codes and texts as the real interface sends them. One code, 40203, means two things; the text tells."""

from __future__ import annotations

from typing import NamedTuple, Self


class Text(NamedTuple):
    """A code and the message that goes with it."""

    kind: str
    """Our word for it, in the statistics."""
    code: int
    message: str


BAD_TOKEN = Text("token", 40101, "您的token不对，请确认。")
PERMISSION = Text(
    "permission",
    40203,
    "抱歉，您没有接口({api})访问权限，权限的具体详情访问：https://tushare.pro/document/1?doc_id=108。",
)
THROTTLE = Text(
    "throttle",
    40203,
    "抱歉，您访问接口({api})频率超限({times}次/{unit})，具体频次详情：https://tushare.pro/document/1?doc_id=108。",
)
PARAMETERS = Text("parameters", 50101, "查询数据失败，请确认参数！可以反馈管理员协助您排查问题")
OFFSET = Text("parameters", 50101, "offset不能大于100000")
MISSING = Text("parameters", 50101, "必填参数, {name}")
UNKNOWN = Text("unknown", 50101, "请指定正确的接口名")


class Refusal(Exception):
    """The call is answered with an error instead of rows."""

    def __init__(self, kind: str, code: int, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.message = message

    @classmethod
    def of(cls, text: Text, **words: str | int) -> Self:
        """The refusal with this text, its gaps filled."""
        return cls(text.kind, text.code, text.message.format(**words))
