"""Robots on loopback: Feishu's, DingTalk's and WeCom's webhooks as they answer, with the ways in which they refuse."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

FEISHU, DINGTALK, WECOM = "/open-apis/bot/v2/hook/", "/robot/send", "/cgi-bin/webhook/send"
SECRET = "SEC0a1b2c3d4e5f"

TAKEN = {
    FEISHU: {"code": 0, "data": {}, "msg": "success"},
    DINGTALK: {"errcode": 0, "errmsg": "ok"},
    WECOM: {"errcode": 0, "errmsg": "ok"},
}
REFUSED = {
    FEISHU: {"code": 19024, "data": {}, "msg": "Key Words Not Found"},
    DINGTALK: {"errcode": 310000, "errmsg": "关键词不匹配;solution:请联系群管理员查看此机器人的关键词"},
    WECOM: {"errcode": 45009, "errmsg": "api freq out of limit, more info at open.work.weixin.qq.com"},
}


class Robots(ThreadingHTTPServer):
    """What the robots were sent, by address; and how each is to answer: `refuse`, `500`, `hang`, `wait`, or a text of its own.

    What hangs never answers, what waits takes the message when it is `released`.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sent: list[tuple[str, str]] = []
        self.behaviour: dict[str, str | dict[str, Any]] = {}
        self.released = threading.Event()

    @property
    def url(self) -> str:
        """Where they are."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def texts(self, token: str) -> list[str]:
        """The messages that a robot has taken."""
        return [text for to, text in self.sent if to == token]


class _Handler(BaseHTTPRequestHandler):
    server: Robots

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        at = next(path for path in TAKEN if parts.path.startswith(path))
        token = parts.path.removeprefix(FEISHU) if at == FEISHU else query["access_token" if at == DINGTALK else "key"]
        behaviour = self.server.behaviour.get(token, "take")
        if behaviour == "hang":
            self.server.released.wait(60)
            return
        if behaviour == "wait":
            self.server.released.wait(60)
            behaviour = "take"
        if behaviour == "500":
            self._answer(500, b"<html>Bad Gateway</html>")
        elif isinstance(behaviour, dict):
            self._answer(200, json.dumps(behaviour).encode())
        elif behaviour == "refuse" or not _signed(at, query, sent) or not _sized(at, sent):
            self._answer(200, json.dumps(REFUSED[at]).encode())
        elif behaviour == "take":
            self.server.sent.append((token, _text(at, sent)))
            self._answer(200, json.dumps(TAKEN[at]).encode())
        else:
            self._answer(200, behaviour.encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def _text(at: str, sent: dict[str, Any]) -> str:
    if at == FEISHU:
        assert sent["msg_type"] == "text"
        return str(sent["content"]["text"])
    assert sent["msgtype"] == "text"
    return str(sent["text"]["content"]).replace("\r\n", "\n")


def _sized(at: str, sent: dict[str, Any]) -> bool:
    return len(_text(at, sent).encode()) <= (2048 if at == WECOM else 20_000)


def _signed(at: str, query: dict[str, str], sent: dict[str, Any]) -> bool:
    """Whether the signature is right, where there is one."""
    if at == DINGTALK and "sign" in query:
        digest = hmac.digest(SECRET.encode(), f"{query['timestamp']}\n{SECRET}".encode(), hashlib.sha256)
        return query["sign"] == base64.b64encode(digest).decode()
    if at == FEISHU and "sign" in sent:
        digest = hmac.digest(f"{sent['timestamp']}\n{SECRET}".encode(), b"", hashlib.sha256)
        return bool(sent["sign"] == base64.b64encode(digest).decode())
    return True


@contextmanager
def serving() -> Iterator[Robots]:
    """Robots that answer as long as the block lasts."""
    with Robots() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()
