"""Fault 12: a robot that answers HTTP 200, and refuses inside it.

What the sensor `alerts` does each minute is called here directly, `deliver`, with the moments at which it would be: an alert
ripens for half an hour, and a channel that refused is left alone for a while.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from pydantic import SecretStr
from sqlalchemy import text

from drill.finding import Finding
from drill.waiting import Stuck
from stock_assistant_pipelines.alerts.delivery import deliver
from stock_assistant_pipelines.calendar import now
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.sandbox.server import TOKEN
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drill.stage import Stage

REFUSED = {"code": 19024, "msg": "Key Words Not Found", "data": {}}
"""What Feishu says when a message lacks the keyword that its robot was set up with."""
ACCEPTED = {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}


class Robots:
    """Two robots of Feishu on loopback, named by their tokens; what they accepted, and who refuses."""

    def __init__(self) -> None:
        self.heard: dict[str, list[str]] = {"healthy": [], "strict": []}
        self.refusing = {"strict"}

    def answer(self, token: str, message: str) -> dict[str, object]:
        """The JSON of an HTTP 200."""
        if token in self.refusing:
            return REFUSED
        self.heard[token].append(message)
        return ACCEPTED

    def about(self, token: str, word: str = "stk_limit") -> list[str]:
        """The messages with this word that a robot has accepted."""
        return [message for message in self.heard[token] if word in message]


def refused(stage: Stage) -> Finding:
    """12. A dataset is refused for lack of points; one of two robots refuses the alert about it inside an HTTP 200."""
    days = stage.days(date(2024, 7, 1), 5)
    stage.sandbox.inject("permission:api=stk_limit")
    with Transport(SecretStr(TOKEN), stage.sandbox.url) as transport:
        entries = list(Ingest(stage.engine, transport).land(CATALOG["stk_limit"], days))
    if any(entry.status is not Status.DISABLED for entry in entries):
        raise Stuck(f"the fault did not bite: stk_limit is {', '.join(entry.status for entry in entries)}")
    robots = Robots()
    with listening(robots) as url:
        settings = Settings(
            _env_file=None,
            tushare_token=TOKEN,
            tushare_base_url=stage.sandbox.url,
            alert_urls=[f"feishu://{token}?base={url}" for token in robots.heard],
        )
        moment = now() + timedelta(minutes=30)  # an alert ripens before it is told
        first = deliver(stage.engine, settings, moment)
        kept = _kept(stage)
        if not robots.about("healthy") or robots.about("strict"):
            raise Stuck(f"not one of two robots has accepted the alert, but: {robots.heard}")
        robots.refusing.clear()
        second = deliver(stage.engine, settings, moment + timedelta(hours=2))
        third = deliver(stage.engine, settings, moment + timedelta(hours=2, minutes=1))
    stage.sandbox.heal()
    about = {token: robots.about(token) for token in robots.heard}
    if third.accepted or third.refused or any(len(told) > 1 for told in about.values()):
        raise Stuck(f"a robot was told twice: {third}; {about}")
    seen = [
        f"the first delivery: {first}",
        f"kept of the channel's answer: {kept}",
        f"two hours later, when the robot accepts: {second}",
        f"and a minute after that: {third}",
        *(f"{token} was told: {told[0].splitlines()[0]}" for token, told in about.items() if told),
    ]
    healed = "by itself: what a channel refuses is told to it again, and not to the other"
    lost = [f"the alert was never told to {token}" for token, told in about.items() if not told]
    return Finding("12", "one of two robots answers HTTP 200 with an error code", seen, healed, lost)


def _kept(stage: Stage) -> str:
    """What is kept of the refusal, by the alert about stk_limit. Raises `Stuck` when it is not the robot's own answer."""
    query = (
        "select last_error from alert_channel join alert on alert.id = alert_id"
        " where last_error is not null and 'stk_limit' = any (alert.datasets)"
    )
    with stage.engine.connect() as connection:
        kept = list(connection.execute(text(query)).scalars())
    if len(kept) != 1 or str(REFUSED["code"]) not in kept[0]:
        raise Stuck(f"the fault did not bite: kept of the refused alert about stk_limit is {kept}")
    return str(kept[0])


@contextmanager
def listening(robots: Robots) -> Iterator[str]:
    """The robots' server, and its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(robots.answer(self.path.rpartition("/")[2], message["content"]["text"])).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: the finding does."""

    server = ThreadingHTTPServer((services.LOOPBACK, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{services.LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
