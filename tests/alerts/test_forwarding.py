"""What Alertmanager tells reaches the channels, each message once, in the words of the rules."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from pydantic import SecretStr

from stock_assistant_pipelines.alerts.channels import channels
from stock_assistant_pipelines.alerts.forwarding import Forwarder, NotANotification, message
from stock_assistant_pipelines.alerts.receiver import MOST_BYTES, Receiver
from stock_assistant_pipelines.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from robot_server import Robots


def alert(
    name: str = "DatasetLate", *, severity: str = "warning", status: str = "firing", **more: str
) -> dict[str, Any]:
    """An alert as Alertmanager posts it."""
    words = {
        "summary": f"{name} happened",
        "summary_zh": f"{name} 发生",
        "description": "something is late",
        "description_zh": "有数据迟到",
        "runbook_url": f"docs/runbook.md#{name.lower()}",
    }
    return {
        "status": status,
        "labels": {"alertname": name, "severity": severity},
        "annotations": words | more,
        "startsAt": "2026-03-04T12:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph",
        "fingerprint": "0",
    }


def posted(*alerts: dict[str, Any], status: str = "firing") -> bytes:
    """A notification of a group."""
    told = {"version": "4", "groupKey": "{}:{}", "status": status, "receiver": "channels", "alerts": list(alerts)}
    return json.dumps(told).encode()


# --- the message


def test_a_message_says_what_and_why_in_both_languages_and_where_to_read_on() -> None:
    told = message(posted(alert()))
    assert told.title == "股票助手 Stock Assistant · DatasetLate 发生 DatasetLate happened"
    assert told.body.splitlines() == [
        "DatasetLate: 有数据迟到 something is late",
        "始于 Since: 2026-03-04 20:00 (Asia/Shanghai)",
        "处理 What to do: docs/runbook.md#datasetlate",
    ]
    assert told.severity == "warning"


def test_a_group_is_as_bad_as_its_worst_alert_that_fires() -> None:
    over = alert("ApiDown", severity="critical", status="resolved")
    told = message(posted(alert("A", severity="critical"), alert("B"), over))
    assert told.severity == "critical"
    assert told.title.endswith("(+1)")
    assert "ApiDown" not in told.body
    assert message(posted(alert("A", severity="info"))).severity == "info"


def test_a_group_that_is_over_is_said_to_be() -> None:
    told = message(posted(alert(status="resolved"), status="resolved"))
    assert "已恢复 CLEARED" in told.title
    assert told.severity == "cleared"


def test_a_message_fits_the_narrowest_channel_whatever_comes() -> None:
    many = [alert(f"Alert{at}", description_zh="很长" * 500) for at in range(50)]
    told = message(posted(*many))
    assert len(f"{told.title}\n{told.body}".encode()) <= 2048
    assert "… + 45" in told.body
    assert "处理 What to do" in told.body


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", posted(), posted(alert(status="odd")), b'{"version": "3"}'])
def test_what_alertmanager_does_not_send_is_refused(body: bytes) -> None:
    with pytest.raises(NotANotification):
        message(body)


# --- the way


@contextmanager
def receiving(robots: Robots) -> Iterator[httpx2.Client]:
    """A receiver with two channels."""
    urls = [f"wecombot://{key}?base={robots.url}" for key in ("good", "other")]
    known = channels(Settings(alert_urls=[SecretStr(url) for url in urls]))
    with Receiver(("127.0.0.1", 0), Forwarder(known)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{server.server_address[1]}", timeout=60) as client:
                yield client
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.usefixtures("ipv6")
def test_it_listens_at_an_ipv6_address_too() -> None:
    with Receiver(("::1", 0), Forwarder([])) as server, socket.create_connection(server.server_address[:2], timeout=60):
        pass


def test_a_notification_reaches_every_channel(robots: Robots) -> None:
    with receiving(robots) as client:
        assert client.post("/alerts", content=posted(alert())).status_code == 200
    for robot in ("good", "other"):
        assert [text.count("DatasetLate 发生") for text in robots.texts(robot)] == [1]


def test_who_refused_is_sent_it_again_and_who_took_it_is_not(robots: Robots) -> None:
    robots.behaviour["other"] = "refuse"
    with receiving(robots) as client:
        answer = client.post("/alerts", content=posted(alert()))
        assert answer.status_code == 502
        assert "wecombot-" in answer.text
        assert "other" not in answer.text
        robots.behaviour.clear()
        assert client.post("/alerts", content=posted(alert())).status_code == 200
        assert [len(robots.texts(robot)) for robot in ("good", "other")] == [1, 1]
        assert client.post("/alerts", content=posted(alert())).status_code == 200  # Alertmanager reminds
    assert [len(robots.texts(robot)) for robot in ("good", "other")] == [2, 2]


def test_what_is_no_notification_goes_nowhere(robots: Robots) -> None:
    with receiving(robots) as client:
        assert client.get("/live").status_code == 200
        assert client.get("/").status_code == 404
        assert client.post("/", content=posted(alert())).status_code == 404
        assert client.post("/alerts", content=b"{}").status_code == 400
        assert client.post("/alerts", content=iter([b"{}"])).status_code == 411
        asked = HTTPConnection(client.base_url.host, client.base_url.port)
        asked.putrequest("POST", "/alerts")
        asked.putheader("Content-Length", str(MOST_BYTES + 1))
        asked.endheaders()
        assert asked.getresponse().status == 413
        asked.close()
    assert robots.sent == []
