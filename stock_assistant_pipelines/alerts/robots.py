"""The robots of Feishu, Lark, DingTalk and WeCom, which answer HTTP 200 when they refuse a message.

apprise reads their addresses and knows their form. Of DingTalk's and WeCom's answers it reads the HTTP status alone, of
Feishu's the newer of two forms, and its log names tokens. So what is sent and read is ours: only a code of 0 is a message
accepted.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote, urlencode, urlsplit

from apprise import NotifyType
from apprise.plugins.base import NotifyBase
from apprise.plugins.dingtalk import NotifyDingTalk
from apprise.plugins.feishu import NotifyFeishu
from apprise.plugins.lark import NotifyLark
from apprise.plugins.wecombot import NotifyWeComBot

from stock_assistant_pipelines.settings.addresses import on_loopback

if TYPE_CHECKING:
    from apprise import NotifyFormat

ANSWER_BYTES = 65_536
"""No answer of a robot is longer; of what is, the rest is not read."""


class Unreachable(OSError):
    """No answer came."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like another: the token is sent nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)
"""Nothing of it is logged, whatever the level: the URLs of robots are secrets."""


class Robot(NotifyBase):
    """What the robots have in common. `?base=https://host` stands for a gateway of your own, of a private deployment."""

    codes: ClassVar[tuple[str, ...]] = ("errcode",)
    """The fields of an answer that are 0 when the message was accepted."""
    texts: ClassVar[tuple[str, ...]] = ("errmsg",)
    """The fields in which it says why not."""
    named: ClassVar[str] = "token"
    """What apprise calls the end of the webhook."""
    webhook: ClassVar[str]
    """Where messages are sent to, as the robot's owner is shown it; the token comes last."""

    def __init__(self, **words: Any) -> None:
        asked = words.get("qsd") or {}
        self.base = str(asked.get("base") or "").rstrip("/")
        if self.base and not (self.base.lower().startswith("https://") or on_loopback(self.base)):
            raise ValueError("`base` takes an https:// address: the token travels in it")
        if "@" in urlsplit(self.base).netloc:
            raise ValueError("`base` takes an address without user and password: neither would be sent")
        super().__init__(**words)  # type: ignore[no-untyped-call]  # apprise has no types there

    @classmethod
    def of(cls, url: str) -> dict[str, Any] | None:
        """The words that make this robot of an address, or of the webhook's own URL; None when it is another's."""
        if url.lower().startswith(cls.webhook):
            rest = url[len(cls.webhook) :].replace("&", "?", 1)
            url = f"{cls.secure_protocol}://{rest}"
        return cls.parse_url(url) if url.lower().startswith(f"{cls.secure_protocol}://") else None

    @property
    def ends_with(self) -> str:
        """What stands at the end of the webhook, its secret."""
        return str(getattr(self, self.named))

    @property
    def secrets(self) -> list[str]:
        """What is shown nowhere: who knows it can send messages."""
        return [secret for secret in (self.ends_with, getattr(self, "secret", None)) if secret]

    def payload(self, text: str) -> dict[str, Any]:
        """The message as this robot takes it."""
        return {"msgtype": "text", "text": {"content": text}}

    def query(self) -> dict[str, str]:
        """What is added to the webhook's URL."""
        return {}

    def send(
        self,
        body: str,
        title: str = "",
        notify_type: NotifyType = NotifyType.INFO,
        body_format: NotifyFormat | None = None,
        **kwargs: Any,
    ) -> bool:
        """Send a text; log how the robot answered, which is how apprise hands it on. True when it was accepted."""
        try:
            status, answer = self._answer(self.payload(f"{title}\n{body}" if title else body))
        except Unreachable as error:
            self.logger.warning("no answer: %s", error)
            return False
        accepted, said = self._read(status, answer)
        self.logger.log(logging.INFO if accepted else logging.WARNING, said)
        return accepted

    def _answer(self, payload: dict[str, Any]) -> tuple[int, bytes]:
        """The HTTP status and the text of the answer."""
        url = self._url()
        data = json.dumps(payload, ensure_ascii=False).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json; charset=utf-8"})
        try:
            try:
                with _OPENER.open(request, timeout=self.socket_read_timeout) as response:
                    return response.status, response.read(ANSWER_BYTES)
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read(ANSWER_BYTES)
        except (OSError, HTTPException, ValueError) as error:  # a host that no address can be looked up of is the last
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        raise Unreachable(reason)

    def _url(self) -> str:
        """Where this robot is sent to."""
        parts = urlsplit(self.webhook + self.ends_with)
        query = "&".join(part for part in (parts.query, urlencode(self.query())) if part)
        return (self.base or f"{parts.scheme}://{parts.netloc}") + parts.path + (f"?{query}" if query else "")

    def _read(self, status: int, text: bytes) -> tuple[bool, str]:
        """Whether an answer says that the message was accepted, and what it says."""
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            return False, f"HTTP {status}, and no JSON: not a robot's answer"
        codes = {name: answer[name] for name in self.codes if name in answer}
        said = next((str(answer[name]) for name in self.texts if answer.get(name)), "")
        told = ", ".join(f"{name} {code}" for name, code in codes.items()) or "no code: not a robot's answer"
        accepted = status == 200 and bool(codes) and all(code == 0 for code in codes.values())
        return accepted, (f"HTTP {status}, " if status != 200 else "") + told + (f": {said}" if said else "")


class _Signed(Robot):
    """Feishu's and Lark's robots. `?secret=…` signs the messages, which apprise cannot."""

    codes = ("code", "StatusCode")
    texts = ("msg", "StatusMessage")

    def __init__(self, **words: Any) -> None:
        self.secret = str((words.get("qsd") or {}).get("secret") or "")
        super().__init__(**words)

    def payload(self, text: str) -> dict[str, Any]:
        """The text, with the time and its signature where there is a secret."""
        payload: dict[str, Any] = {"msg_type": "text", "content": {"text": text}}
        if self.secret:
            at = str(int(time.time()))
            digest = hmac.digest(f"{at}\n{self.secret}".encode(), b"", hashlib.sha256)
            payload |= {"timestamp": at, "sign": base64.b64encode(digest).decode()}
        return payload


class Feishu(_Signed, NotifyFeishu):
    """A robot of Feishu (飞书)."""

    webhook = "https://open.feishu.cn/open-apis/bot/v2/hook/"


class Lark(_Signed, NotifyLark):
    """A robot of Lark, Feishu outside China."""

    webhook = "https://open.larksuite.com/open-apis/bot/v2/hook/"


class DingTalk(Robot, NotifyDingTalk):
    """A robot of DingTalk (钉钉), signed when the address holds its secret."""

    webhook = "https://oapi.dingtalk.com/robot/send?access_token="

    def payload(self, text: str) -> dict[str, Any]:
        """The text, and the telephone numbers of those who are called by it."""
        return super().payload(text) | {"at": {"atMobiles": self.targets, "isAtAll": False}}

    def query(self) -> dict[str, str]:
        """The time and its signature. The signature comes quoted, and is quoted again with the URL."""
        if not self.secret:
            return {}
        timestamp, sign = self.get_signature()  # type: ignore[no-untyped-call]
        return {"timestamp": timestamp, "sign": unquote(sign)}


class WeCom(Robot, NotifyWeComBot):
    """A robot of WeCom (企业微信)."""

    named = "key"
    webhook = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key="


ROBOTS: tuple[type[Robot], ...] = (Feishu, Lark, DingTalk, WeCom)
