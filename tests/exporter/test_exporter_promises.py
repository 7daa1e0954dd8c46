"""The page as Prometheus and the documentation have it; how often it is read; and the command that tells it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from everything import fill, settings_of

from stock_assistant_pipelines.exporter.page import Exporter, Part, single

if TYPE_CHECKING:
    import pytest
    from conftest import Installation, Told

NOBODY_TELLS = {
    "stock_assistant_postgres_replica_lag_seconds",
    "stock_assistant_postgres_replica_lag_bytes",
    "stock_assistant_certificate_expiry_timestamp_seconds",
}
"""Here nobody streams from the server, and no server shows a certificate."""

PAGE = Path(__file__).parents[2] / "docs" / "monitoring.md"


def names(told: Told) -> dict[str, set[str]]:
    """The labels of each metric of ours."""
    found = {}
    for family in told.families:
        if family.name.startswith("stock_assistant_"):
            name = family.name + ("_total" if family.type == "counter" else "")
            found[name] = {label for sample in family.samples for label in sample.labels}
    return found


def test_the_page_of_the_documentation_names_each_metric_with_its_labels(home: Installation, tmp_path: Path) -> None:
    rows = [line.split("|")[1:3] for line in PAGE.read_text().splitlines() if line.startswith("| `stock_assistant_")]
    described = {name.strip(" `"): set(labels.replace("`", "").replace(",", " ").split()) for name, labels in rows}
    with fill(home):
        told = names(home.tell(**settings_of(tmp_path)))
    assert described.keys() == told.keys()
    silent = {name for name, labels in told.items() if not labels and described[name]}
    assert silent == NOBODY_TELLS
    assert all(told[name] in (labels, set()) for name, labels in described.items())


def test_names_are_as_prometheus_has_them(home: Installation, tmp_path: Path) -> None:
    for family in home.tell(**settings_of(tmp_path)).families:
        if family.name.startswith("stock_assistant_"):
            assert family.documentation.endswith(".")
            units = {"milliseconds", "ms", "minutes", "kilobytes", "megabytes", "mb", "percent", "created"}
            assert units.isdisjoint(family.name.split("_"))


def test_it_is_read_again_only_after_a_while() -> None:
    read = []
    part = Part("one", lambda: read.append(1) or [single("one", "One.", 1)])
    exporter = Exporter([part])
    assert not read  # to be made is to ask nobody
    for _ in range(3):
        list(exporter.collect())
    assert len(read) == 1


def test_what_failed_is_said_once_and_tried_again_sooner(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("stock_assistant_pipelines.exporter.page.time.monotonic", lambda: clock[0])
    tries = []

    def read() -> list[object]:
        tries.append(clock[0])
        raise OSError("secret")

    exporter = Exporter([Part("one", read)])
    for clock[0] in (1.0, 3.0, 7.0, 16.0):
        list(exporter.collect())
    assert tries == [1.0, 7.0, 16.0]
    assert caplog.text.count("the metrics of one could not be read: OSError") == 1
    assert "secret" not in caplog.text


def test_the_command_tells_it_until_it_is_told_to_stop(home: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [str(Path(sys.executable).with_name("stock-assistant")), "exporter", "--listen", address]
    url = home.database.url.render_as_string(hide_password=False)
    with subprocess.Popen(
        command, env={**os.environ, "DATABASE_URL": url}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            page = asked(f"http://{address}/metrics", process)
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert 'stock_assistant_exporter_up{part="landing"} 1.0' in page


def asked(url: str, process: subprocess.Popen[str]) -> str:
    """What stands there, once somebody answers."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=30) as response:
                return str(response.read().decode())
        except urllib.error.URLError:
            time.sleep(0.1)
    raise AssertionError("it ended")
