"""Every metric that a rule or a dashboard names is told by somebody; and the dashboards are such as Grafana takes."""

from __future__ import annotations

import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from monitoring import ALERTMANAGER, DASHBOARDS, GRAFANA, ROOT, expressions, metrics, panels, read

from deploy.programs import found
from stock_assistant_pipelines.cli.services import free_port
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL

NAMED = {name for expression in expressions() for name in metrics(expression)}
FEIGNED = 'mount -t tmpfs none /usr/share && ln -s "$0" /usr/share/prometheus && exec "$@"'
"""In a mount namespace of its own, so that nothing of the machine is changed."""

SUFFIXES = re.compile(r"_(?:bucket|count|sum)$")


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(found(program) is None, reason=f"{program} is not here: `make programs` fetches it")


def described(page: str) -> set[str]:
    """The metrics in the table of a page, which other tests hold against what is told."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return set(re.findall(r"^\| `(stock_assistant_\w+)`", text, flags=re.MULTILINE))


@contextmanager
def telling(command: list[str], port: int, directory: Path, **environment: str) -> Iterator[set[str]]:
    """The metrics that a program tells of itself at this port."""
    with subprocess.Popen(
        command,
        cwd=directory,
        env={"PATH": os.defpath, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            yield set(re.findall(r"^([a-z]\w+)", page(process, port), flags=re.MULTILINE))
        finally:
            process.terminate()


def page(process: subprocess.Popen[bytes], port: int) -> str:
    """What stands at its port, as soon as it listens."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as response:
                return str(response.read().decode())
        except urllib.error.URLError:
            time.sleep(0.05)
    raise AssertionError("it ended")


def of(prefix: str) -> set[str]:
    """The metrics with this prefix that are named somewhere."""
    return {name for name in NAMED if name.startswith(prefix)}


def test_our_metrics_are_those_that_the_api_and_the_exporter_tell() -> None:
    told = described("metrics.md") | described("monitoring.md")
    assert {SUFFIXES.sub("", name) for name in of("stock_assistant_")} - told == set()
    assert described("metrics.md") & described("monitoring.md") == set()  # nobody tells what another tells


@needs("prometheus-postgres-exporter")
def test_postgresqls_metrics_are_those_that_its_exporter_tells(postgres: URL, tmp_path: Path) -> None:
    port = free_port()
    source = conninfo(postgres.update_query_dict({"sslmode": "disable"}))
    command = [str(found("prometheus-postgres-exporter")), f"--web.listen-address=127.0.0.1:{port}"]
    with telling(command, port, tmp_path, DATA_SOURCE_NAME=source) as told:
        assert of("pg_") - told == set()


@needs("prometheus")
def test_prometheus_metrics_are_those_that_it_tells(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "prometheus.yml").write_text("scrape_configs: []\n")
    command = [str(found("prometheus")), "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    with telling([*command, f"--web.listen-address=127.0.0.1:{port}"], port, tmp_path) as told:
        assert of("prometheus_") - told == set()


@needs("prometheus-alertmanager")
@pytest.mark.skipif(
    os.geteuid() != 0, reason="Debian's Alertmanager reads its templates in /usr/share: only root can feign that"
)
def test_alertmanagers_metrics_are_those_that_it_tells(tmp_path: Path) -> None:
    port = free_port()
    program = Path(str(found("prometheus-alertmanager")))
    templates = program.parents[1] / "share" / "prometheus"
    command = ["unshare", "--mount", "sh", "-c", FEIGNED, str(templates), str(program), f"--config.file={ALERTMANAGER}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--storage.path=data", "--cluster.listen-address="]
    with telling(command, port, tmp_path) as told:
        assert of("alertmanager_") - told == set()


def test_nothing_is_named_that_nobody_was_asked_about() -> None:
    others = {
        name for name in NAMED if not name.startswith(("stock_assistant_", "pg_", "prometheus_", "alertmanager_"))
    }
    assert others == {"up", "process_resident_memory_bytes"}


# --- dashboards


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_such_as_grafana_takes(path: Path) -> None:
    board = read(path)
    assert board["uid"] == f"stock-assistant-{path.stem}"
    assert len(board["uid"]) <= 40  # Grafana's limit
    assert {"title", "schemaVersion", "panels", "time", "refresh", "templating"} <= board.keys()
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set()
    for panel in board["panels"]:
        assert panel["type"] in {"stat", "timeseries"}
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert taken.isdisjoint(cells)
        taken |= cells
        for target in panel["targets"]:
            assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "prometheus"}


def test_titles_and_ids_of_dashboards_are_of_one_each() -> None:
    boards = [read(path) for path in DASHBOARDS]
    assert [path.stem for path in DASHBOARDS] == ["api", "dagster", "data", "postgres", "research"]
    assert len({board["title"] for board in boards}) == len(boards)
    assert len({(panel.board, panel.title) for panel in panels()}) == len(panels())


def test_what_is_provisioned_is_what_the_dashboards_ask() -> None:
    (source,) = read(GRAFANA / "provisioning" / "datasources" / "prometheus.yml")["datasources"]
    assert (source["uid"], source["type"]) == ("prometheus", "prometheus")
    assert source["url"] == "http://prometheus:9090"
    (provider,) = read(GRAFANA / "provisioning" / "dashboards" / "files.yml")["providers"]
    assert provider["type"] == "file"
