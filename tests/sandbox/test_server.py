"""Starting: in a thread, in a process, from the command line; on loopback and nowhere else."""

from __future__ import annotations

import http.client
import json

import pytest
from click.testing import CliRunner

from stock_assistant_pipelines.sandbox.cli import sandbox
from stock_assistant_pipelines.sandbox.server import HostError, check_loopback, running

from .conftest import NOW


def test_a_process_of_its_own_takes_every_option_and_ends_with_the_block() -> None:
    options = {
        "stocks": 50,
        "seed": 7,
        "token": "other",
        "quota": False,
        "now": NOW,
        "faults": ("empty:api=daily:times=1",),
    }
    with running(process=True, **options) as there, running(**options) as here:
        assert there.stats()["now"] == here.stats()["now"]
        answers = [_daily(server.root, token="other") for server in (there, here) for _ in range(2)]
        root = there.root
    assert [bool(answer["data"]["items"]) for answer in answers] == [False, True, False, True]
    assert answers[1]["data"] == answers[3]["data"]
    with pytest.raises(OSError, match=r"refused|reset"):
        _daily(root, token="other")


def test_another_seed_is_another_market() -> None:
    with running(stocks=50, now=NOW) as one, running(stocks=50, now=NOW, seed=2) as two:
        assert _daily(one.root)["data"] != _daily(two.root)["data"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "example.com", "::"])
def test_other_machines_are_not_served(host: str) -> None:
    with pytest.raises(HostError, match="is not loopback"):
        check_loopback(host)
    result = CliRunner().invoke(sandbox, ["--host", host, "--stocks", "50"])
    assert result.exit_code == 1
    assert "is not loopback: the sandbox serves this machine only" in result.output


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_loopback_has_several_names(host: str) -> None:
    check_loopback(host)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--fault", "explode"], "`explode` is no fault"),
        (["--now", "tomorrow"], "`tomorrow` is no moment: write 2025-12-18T18:00"),
        (["--stocks", "10"], "50<=x<=5500"),
        (["--data", "nowhere"], "does not exist"),
    ],
)
def test_a_wrong_option_is_a_clear_error(words: list[str], complaint: str) -> None:
    result = CliRunner().invoke(sandbox, words)
    assert result.exit_code != 0
    assert complaint in result.output


def test_the_clock_can_be_moved_while_it_runs() -> None:
    with running(stocks=50, now=NOW.replace(hour=9)) as server:
        before = _daily(server.root)["data"]["items"]
        server.set_clock(NOW)
        assert (bool(before), bool(_daily(server.root)["data"]["items"])) == (False, True)


def _daily(root: str, token: str = "sandbox") -> dict[str, dict[str, object]]:
    connection = http.client.HTTPConnection(root.removeprefix("http://"), timeout=5)
    try:
        call = {"api_name": "daily", "token": token, "params": {"trade_date": "20251218"}, "fields": ""}
        connection.request("POST", "/", json.dumps(call))
        answer: dict[str, dict[str, object]] = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return answer
