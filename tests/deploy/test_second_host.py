"""A second host, as `docs/machines.md` sets it up with Compose: its code server finds the right PostgreSQL."""

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

SERVICES = ("postgres", "migrate", "code")
FIRST = "10.214.1.100"
"""The first host: where its PostgreSQL is reached from others."""

CONNECTS = """
import psycopg
from stock_assistant_pipelines.settings import settings
from stock_assistant_pipelines.warehouse.database import available
with available(settings()) as database, database.engine().connect() as connection:
    print(*connection.exec_driver_sql(
        "select host(inet_server_addr()), ssl, current_user from pg_stat_ssl where pid = pg_backend_pid()"
    ).one())
"""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(reason := missing(SERVICES)), reason=str(reason))]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    over = compose.overrides(compose.ROOT / "docs/machines.md", **{"10.0.0.1": FIRST})
    composition = compose.read({}, over)
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
