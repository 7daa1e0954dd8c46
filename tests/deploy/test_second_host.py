"""A second host, as `docs/machines.md` sets it up with Compose: each finds the other."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.native import compose
from deploy.native.machine import missing, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.native.machine import Machine

SERVICES = ("postgres", "migrate", "code", "exporter")
FIRST = "10.214.1.100"
"""The first host: where its PostgreSQL is reached from others."""

CONNECTS = """
import psycopg
from stock_assistant_pipelines.settings import settings
from stock_assistant_pipelines.warehouse.embedded import conninfo
asked = "select host(inet_server_addr()), ssl, current_user from pg_stat_ssl where pid = pg_backend_pid()"
with psycopg.connect(conninfo(settings().server_url)) as connection:
    print(*connection.execute(asked).fetchone())
"""

PAGE = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9101/metrics').read().decode())"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(reason := missing(SERVICES)), reason=str(reason))]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    over = compose.overrides(compose.ROOT / "docs/machines.md", **{"10.0.0.1": FIRST})
    composition = compose.read({"RUN_HOSTS": "code:4000"}, over)
    alone = replace(composition.services["code"], networks={"outside": None})  # it shares no other with the first host
    composition = replace(composition, services=composition.services | {"code": alone})
    with (
        tempfile.TemporaryDirectory(prefix="sa-hosts-", dir="/tmp") as directory,
        running(Path(directory), SERVICES, composition, {}) as found,
    ):
        assert found.networks.addresses["postgres"]["outside"] == FIRST
        yield found


def test_the_code_server_of_the_other_host_connects_over_tls_as_its_role(machine: Machine) -> None:
    found = machine.run("code", "python", "-c", CONNECTS)
    assert found.stdout.split() == [FIRST, "True", "stock_assistant_writer"], found.stderr


def test_by_its_bare_address_postgresql_is_not_known_to_be_the_right_one(machine: Machine) -> None:
    found = machine.run("code", "python", "-c", CONNECTS, POSTGRES_SERVER=FIRST)
    assert found.returncode != 0
    assert "does not match host name" in found.stderr


def test_the_exporter_of_the_first_host_sees_that_it_listens(machine: Machine) -> None:
    told = machine.run("exporter", "python", "-c", PAGE)
    assert 'stock_assistant_dagster_run_host_up{host="code:4000"} 1.0' in told.stdout, told.stderr
