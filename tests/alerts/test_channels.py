"""Every channel's own answer is read, and no secret of an address is shown anywhere."""

from __future__ import annotations

import io
import logging
import socketserver
import threading
import traceback
from contextlib import contextmanager
from email import message_from_string
from typing import TYPE_CHECKING

import pytest
from robot_server import SECRET, Robots

from stock_assistant_pipelines.alerts import channels as module
from stock_assistant_pipelines.alerts.channels import Channel, channels
from stock_assistant_pipelines.alerts.wording import Message
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.settings.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = "canary4f1c9a77"
MESSAGE = Message("迟到 LATE: daily", "daily: 2026-03-04\n原因 Why: half of it", "critical")
TEXT = f"{MESSAGE.title}\n{MESSAGE.body}"

ADDRESSES = {
    "feishu": f"feishu://{CANARY}?base=",
    "lark": f"lark://{CANARY}?base=",
    "dingtalk": f"dingtalk://{CANARY}/?base=",
    "wecom": f"wecombot://{CANARY}?base=",
}


def channel(url: str) -> Channel:
    """The channel of an address."""
    (found,) = channels(Settings(alert_urls=[url]))
    return found


@pytest.fixture(params=ADDRESSES)
def address(request: pytest.FixtureRequest, robots: Robots) -> str:
    """The address of a robot on loopback."""
    return ADDRESSES[request.param] + robots.url


def test_a_message_arrives_and_the_answer_is_told(address: str, robots: Robots) -> None:
    answer = channel(address).send(MESSAGE)
    assert answer.accepted
    assert answer.text in {"code 0: success", "errcode 0: ok"}
    assert robots.texts(CANARY) == [TEXT]


def test_a_refusal_within_http_200_is_a_refusal_in_the_channels_own_words(address: str, robots: Robots) -> None:
    robots.behaviour[CANARY] = "refuse"
    answer = channel(address).send(MESSAGE)
    assert not answer.accepted
    told = ("code 19024: Key Words Not Found", "errcode 310000: 关键词不匹配", "errcode 45009: api freq out of limit")
    assert answer.text.startswith(told)


def test_feishus_older_form_of_an_answer_is_read(robots: Robots) -> None:
    robots.behaviour[CANARY] = {"Extra": None, "StatusCode": 0, "StatusMessage": "success"}
    assert channel(ADDRESSES["feishu"] + robots.url).send(MESSAGE).accepted
    robots.behaviour[CANARY] = {"Extra": None, "StatusCode": 11232, "StatusMessage": "frequency limited"}
    answer = channel(ADDRESSES["feishu"] + robots.url).send(MESSAGE)
    assert (answer.accepted, answer.text) == (False, "StatusCode 11232: frequency limited")


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ("500", "HTTP 500, and no JSON: not a robot's answer"),
        ("<html>Please log in</html>", "HTTP 200, and no JSON: not a robot's answer"),
        ({"welcome": "to this network"}, "no code: not a robot's answer"),
        ({"errcode": "0", "code": "0", "errmsg": "text"}, "code 0"),
    ],
)
def test_what_is_not_a_robots_answer_is_no_acceptance(
    address: str, robots: Robots, behaviour: str | dict[str, str], told: str
) -> None:
    robots.behaviour[CANARY] = behaviour
    answer = channel(address).send(MESSAGE)
    assert not answer.accepted
    assert told in answer.text


def test_a_channel_that_hangs_is_given_up(address: str, robots: Robots, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.3)
    robots.behaviour[CANARY] = "hang"
    answer = channel(address).send(MESSAGE)
    assert not answer.accepted
    assert "did not finish within" in answer.text


def test_nobody_there_is_told_without_the_address(robots: Robots) -> None:
    answer = channel(f"wecombot://{CANARY}?base=http://127.0.0.1:9").send(MESSAGE)
    assert (answer.accepted, answer.text) == (False, "no answer: [Errno 111] Connection refused")


@pytest.mark.parametrize("url", [f"dingtalk://{SECRET}@{CANARY}/?base=", f"feishu://{CANARY}?secret={SECRET}&base="])
def test_a_message_is_signed_as_the_robot_wants_it(robots: Robots, url: str) -> None:
    assert channel(url + robots.url).send(MESSAGE).accepted
    assert not channel(url.replace(SECRET, "SECanother") + robots.url).send(MESSAGE).accepted


@pytest.mark.parametrize(
    ("url", "service"),
    [
        ("https://open.feishu.cn/open-apis/bot/v2/hook/abc-def", "Feishu"),
        ("https://open.larksuite.com/open-apis/bot/v2/hook/abc-def", "Lark"),
        ("https://oapi.dingtalk.com/robot/send?access_token=abc", "DingTalk"),
        (f"https://oapi.dingtalk.com/robot/send?access_token=abc&secret={SECRET}", "DingTalk"),
        ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abc-def", "WeCom"),
        ("mailtos://user:password@qq.com", "NotifyEmail"),
        ("json://host/path", "NotifyJSON"),
    ],
)
def test_a_webhooks_own_address_is_taken_as_well_as_apprises(url: str, service: str) -> None:
    sender = channel(url).service
    assert type(sender).__name__ == service
    if url.startswith("https"):
        assert sender._url().startswith(url.partition("&")[0])  # type: ignore[attr-defined]


def test_channels_of_one_kind_have_names_of_their_own_and_keep_them_wherever_they_stand() -> None:
    urls = [f"dingtalk://{SECRET}@a1111z", f"dingtalk://{SECRET}@a2222z", "wecombot://abc"]  # alike, when masked
    names = [each.name for each in channels(Settings(alert_urls=urls))]
    assert len(set(names)) == 3
    assert [channel(url).name for url in reversed(urls)] == names[::-1]
    assert [each.name for each in channels(Settings(alert_urls=[*urls, urls[0]]))] == names, "twice is once"


def test_a_base_that_nothing_can_be_sent_to_is_a_refusal() -> None:
    answer = channel(f"wecombot://{CANARY}?base=https://{'a' * 64}.example").send(MESSAGE)
    assert (answer.accepted, answer.text.startswith("no answer")) == (False, True)


# --- e-mail


class _Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as it takes to receive a message."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline().upper():
            if line.startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                lines = list(iter(self.rfile.readline, b".\r\n"))
                self.server.mails.append(b"".join(lines).decode())  # type: ignore[attr-defined]
            refuse = line.startswith(b"MAIL") and self.server.refuse  # type: ignore[attr-defined]
            self.wfile.write(b"550 go away, stranger\r\n" if refuse else b"250 ok\r\n")


@contextmanager
def mail_server(*, refuse: bool = False) -> Iterator[tuple[int, list[str]]]:
    """A mail server; its port, and what it received."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Mail) as server:
        server.daemon_threads = True
        server.mails = []  # type: ignore[attr-defined]
        server.refuse = refuse  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield server.server_address[1], server.mails  # type: ignore[attr-defined]
        finally:
            server.shutdown()


def test_an_e_mail_arrives() -> None:
    with mail_server() as (port, mails):
        answer = channel(f"mailto://127.0.0.1:{port}?from=a@b.example&to=c@d.example&mode=insecure").send(MESSAGE)
    assert answer.accepted, answer.text
    assert "To: " in mails[0]


def test_an_e_mail_in_html_keeps_its_lines_and_its_signs() -> None:
    message = Message("FAILED", "Why: <class 'X'> & more\nWhat to do: wait", "warning")
    with mail_server() as (port, mails):
        to = f"mailto://127.0.0.1:{port}?from=a@b.example&to=c@d.example&mode=insecure&format=html"
        channel(to).send(message)
    parts = [part.get_payload(decode=True) for part in message_from_string(mails[0]).walk()]
    text = "".join(part.decode() for part in parts if isinstance(part, bytes)).replace("&nbsp;", " ")
    assert "Why: <class 'X'> & more\r\nWhat to do: wait" in text
    assert "Why: &lt;class &apos;X&apos;&gt; &amp; more<br/>What to do: wait" in text


def test_an_e_mail_that_the_server_refuses_is_not_accepted() -> None:
    with mail_server(refuse=True) as (port, mails):
        answer = channel(f"mailto://127.0.0.1:{port}?from=a@b.example&to=c@d.example&mode=insecure").send(MESSAGE)
    assert not answer.accepted
    assert "550" in answer.text
    assert "go away, stranger" in answer.text
    assert not mails


# --- secrets


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """All that reaches the handlers of this process, of whatever level."""
    root, stream = logging.getLogger(), io.StringIO()
    handler, level = logging.StreamHandler(stream), root.level
    root.addHandler(handler)
    root.setLevel(1)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


BAD = [
    f"dingtalk://!{CANARY}!",
    f"nonsense://{CANARY}",
    f"feishu://{CANARY}!x",
    f"wecombot://{CANARY}?base=http://evil.example",
    f"wecombot://{CANARY}?base=https://user:{CANARY}@gateway.example",
]


@pytest.mark.parametrize("url", BAD)
def test_an_address_that_is_none_is_named_by_its_place_and_never_shown(
    url: str, logged: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SettingsError, match=r"^ALERT_URLS: number 2 \(\w+://…\) is not an address") as caught:
        channels(Settings(alert_urls=["feishu://good", url]))
    told = "".join(traceback.format_exception(caught.value)) + logged.getvalue() + "".join(capfd.readouterr())
    assert CANARY not in told
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "behaviour", ["take", "refuse", "500", {"errcode": 1, "code": 1, "errmsg": CANARY, "msg": CANARY}]
)
def test_no_secret_shows_in_an_answer_a_name_or_a_log(
    address: str,
    robots: Robots,
    behaviour: str | dict[str, str],
    logged: io.StringIO,
    capfd: pytest.CaptureFixture[str],
) -> None:
    robots.behaviour[CANARY] = behaviour
    found = channel(address)
    told = f"{found} {found!r} {found.name} {found.send(MESSAGE)} {logged.getvalue()} {''.join(capfd.readouterr())}"
    assert CANARY not in told


def test_no_path_of_another_channel_that_answers_shows(robots: Robots, logged: io.StringIO) -> None:
    robots.behaviour[CANARY] = "500"
    port = robots.server_address[1]
    found = channel(f"json://127.0.0.1:{port}/open-apis/bot/v2/hook/{CANARY}")
    told = f"{found.send(MESSAGE)} {logged.getvalue()}"
    assert "500" in told
    assert CANARY not in told


def test_no_password_of_another_channel_shows(logged: io.StringIO) -> None:
    found = channel(f"json://user:{CANARY}@127.0.0.1:9/{CANARY}?+x={CANARY}")
    assert CANARY not in f"{found!r} {found.send(MESSAGE)} {logged.getvalue()}"
