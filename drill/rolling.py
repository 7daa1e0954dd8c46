"""Fault 19: the API's replicas are started again, one after the other, while they are asked through nginx.

What docker-compose.yml says is started without Docker (`deploy.native`): PostgreSQL with TLS, two replicas, nginx.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

from deploy.native.client import Client
from deploy.native.installation import READING, installed
from deploy.native.machine import missing
from deploy.native.sample import STOCK
from drill.finding import Finding
from drill.load import Load, in_turn, kept
from drill.waiting import Stuck

CLIENTS, PAUSE = 8, 0.05
"""Who asks, and the seconds between two requests of each."""

SETTLED = 3.0
"""Seconds between two restarts: nginx leaves a replica that was away alone for two."""

REPLICAS = ("api-1", "api-2")


def restarted() -> Finding:
    """19. The API's replicas are started again, one after the other, three times, under load through nginx."""
    if reason := missing(READING):
        raise Stuck(f"what is started in Docker's place cannot be started here: {reason}")
    with installed(READING, {"REQUESTS_PER_SECOND": "1000"}) as client:
        asked = _questions(client)
        ways = [kept(Client(client.machine, client.headers), asked) for _ in range(CLIENTS)]
        away = []
        with Load(in_turn(list(asked)), ways, PAUSE) as load:
            time.sleep(SETTLED)
            for name in REPLICAS * 3:
                began = time.monotonic()
                client.machine.restart(name)
                away.append(time.monotonic() - began)
                time.sleep(SETTLED)
        passed_on, by = _shares(client)
    if not passed_on:
        raise Stuck("the fault did not bite: no request met a replica that was away")
    seen = [
        f"{len(load.outcomes):,} requests, of which {len(load.failures)} failed: JSON, CSV, a page, Tushare's protocol",
        f"nginx passed {passed_on} of them on to the other replica; by replica: {dict(sorted(by.items()))}",
        f"a replica was away for {min(away):.0f} to {max(away):.0f} s each time",
    ]
    lost = [f"{count} requests: {failure}" for failure, count in Counter(load.failures).items()]
    healed = "nothing had to be mended: nginx asks the replica that is there"
    injected = "SIGTERM to one of two replicas of the API after the other, three times, under load"
    return Finding("19", injected, seen, healed, lost)


def _questions(client: Client) -> dict[str, Any]:
    """What is asked for, and the body with which."""
    bars = f"/api/v1/stocks/{STOCK}/daily"
    tushare = {"api_name": "daily", "token": client.headers["X-API-Key"], "params": {"ts_code": STOCK}, "fields": ""}
    return {bars: None, f"{bars}?format=csv&adjust=hfq": None, f"/stocks/{STOCK}": None, "/tushare": tushare}


def _shares(client: Client) -> tuple[int, Counter[str]]:
    """How many requests nginx passed on to another replica, and how many each answered, by its log."""
    log = client.machine.started["nginx"].log.read_text(encoding="utf-8")
    told = [json.loads(line)["upstream"] for line in log.splitlines() if line[:1] == "{"]
    names = {f"{client.machine.networks.addresses[name]['edge']}:8000": name for name in REPLICAS}
    by = Counter(names.get(each.rpartition(", ")[2], "nobody") for each in told if each)
    return sum(", " in each for each in told), by
