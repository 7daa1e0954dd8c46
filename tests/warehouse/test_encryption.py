"""A real PostgreSQL that takes encrypted connections only: every driver of ours comes in, and to nobody else's server."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from certificates import certified
from click.testing import CliRunner
from pydantic import SecretStr
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from api import driver
from api.database import FAILURES
from deploy.programs import MissingProgramError, program
from stock_assistant_pipelines.cli import main
from stock_assistant_pipelines.cli.services import free_port
from stock_assistant_pipelines.settings import Settings, settings
from stock_assistant_pipelines.settings.database import WRITER_ROLE
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.encryption import advice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

NOBODY = 65534
ENCRYPTED = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
CLEAR = "the server wants connections encrypted"
STRANGER = "the certificate of the authority that signed"
OTHER_NAME = "a name that the server's certificate bears"


@dataclass
class Server:
    """A server whose certificate bears the name localhost, and the authorities: that which signed it, and another."""

    port: int
    authority: Path
    stranger: Path

    def settings(self, **values: Any) -> Settings:
        where = {"postgres_server": "localhost", "postgres_port": self.port, "postgres_db": "postgres"}
        return Settings(**{**where, **values})

    def safely(self, **values: Any) -> Settings:
        return self.settings(**{"postgres_sslmode": "verify-full", "postgres_sslrootcert": self.authority, **values})


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    try:
        programs = Path(program("postgres")).resolve().parent
    except MissingProgramError as error:
        pytest.skip(str(error))
    with tempfile.TemporaryDirectory(prefix="sa-", dir="/tmp") as name:
        directory, port = Path(name), free_port()
        ours = certified(directory / "ours")
        found = Server(port, ours.authority, certified(directory / "stranger").authority)
        data = directory / "data"
        data.mkdir(mode=0o700)
        root = os.geteuid() == 0
        if root:  # PostgreSQL does not run as root
            for path in (directory, *directory.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        as_nobody: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if root else {}
        make = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "--no-sync",
            "--no-locale",
            "-E",
            "UTF8",
        ]
        subprocess.run(make, check=True, capture_output=True, cwd=directory, **as_nobody)
        (data / "pg_hba.conf").write_text(f"hostssl all {WRITER_ROLE} all scram-sha-256\nhostssl all all all trust\n")
        options = {"ssl": "on", "ssl_cert_file": ours.server, "ssl_key_file": ours.key}
        options |= {"port": port, "listen_addresses": "localhost", "unix_socket_directories": directory, "fsync": "off"}
        words = [f"-c{setting}={value}" for setting, value in options.items()]
        process = subprocess.Popen([programs / "postgres", "-D", data, *words], cwd=directory, stderr=-3, **as_nobody)
        try:
            wait(found)
            yield found
        finally:
            process.terminate()
            process.wait()


def wait(server: Server) -> None:
    """Wait until it answers, or say why not."""
    for left in reversed(range(300)):
        try:
            by_psycopg(server.safely())
        except OperationalError:
            if not left:
                raise
            time.sleep(0.1)
        else:
            return


def by_psycopg(configured: Settings) -> None:
    """As the pipelines and the migrations connect."""
    assert configured.server_url is not None
    ask(Database(configured.server_url).engine())


def ask(engine: Engine) -> None:
    try:
        with engine.connect() as connection:
            assert connection.execute(text(ENCRYPTED)).scalar_one() is True
    finally:
        engine.dispose()


def by_psycopg2(configured: Settings) -> None:
    """As Dagster's storages connect."""
    assert configured.server_url is not None
    url = make_url(Database(configured.server_url).dagster_url).set(database="postgres")
    ask(create_engine(url))


def by_asyncpg(configured: Settings) -> None:
    """As the API connects."""
    url = configured.read_url
    assert url is not None

    async def connect() -> None:
        connection = await driver.connect(url)
        assert await connection.fetchval(ENCRYPTED)
        await connection.close()

    asyncio.run(connect())


DRIVERS = pytest.mark.parametrize("connect", [by_psycopg, by_psycopg2, by_asyncpg])


@DRIVERS
def test_the_right_server_is_connected_to_and_encrypted(server: Server, connect: Callable[[Settings], None]) -> None:
    connect(server.safely())
    url = f"postgresql://postgres@localhost:{server.port}/postgres?sslmode=verify-full&sslrootcert={server.authority}"
    connect(Settings(database_url=url))


@DRIVERS
@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_server_that_another_authority_has_signed_is_refused(
    server: Server, connect: Callable[[Settings], None], mode: str
) -> None:
    with pytest.raises(FAILURES) as refused:
        connect(server.safely(postgres_sslmode=mode, postgres_sslrootcert=server.stranger))
    assert STRANGER in (advice(str(refused.value)) or "")


@DRIVERS
def test_two_authorities_are_believed_while_one_is_exchanged_for_the_other(
    server: Server, connect: Callable[[Settings], None], tmp_path: Path
) -> None:
    both = tmp_path / "both.crt"
    both.write_bytes(server.stranger.read_bytes() + server.authority.read_bytes())
    connect(server.safely(postgres_sslrootcert=both))


@DRIVERS
def test_a_server_of_another_name_is_refused(server: Server, connect: Callable[[Settings], None]) -> None:
    with pytest.raises(FAILURES) as refused:
        connect(server.safely(postgres_server="127.0.0.1"))
    assert OTHER_NAME in (advice(str(refused.value)) or "")
    connect(server.safely(postgres_server="127.0.0.1", postgres_sslmode="verify-ca"))


@DRIVERS
def test_who_comes_in_the_clear_is_refused(server: Server, connect: Callable[[Settings], None]) -> None:
    with pytest.raises(FAILURES) as refused:
        connect(server.settings(postgres_sslmode="disable"))
    assert CLEAR in (advice(str(refused.value)) or "")


def test_a_password_is_exchanged_by_giving_the_roles_their_rights_anew(server: Server) -> None:
    url = server.safely().server_url
    assert url is not None

    def enter(password: str) -> None:
        by_psycopg(server.safely(postgres_user=WRITER_ROLE, postgres_password=password))

    Database(url, {WRITER_ROLE: SecretStr("first")}).grant()
    enter("first")
    Database(url, {WRITER_ROLE: SecretStr("second")}).grant()
    enter("second")
    with pytest.raises(OperationalError, match="password authentication failed"):
        enter("first")


def test_the_command_line_says_what_to_do(server: Server) -> None:
    variables = {"POSTGRES_SERVER": "localhost", "POSTGRES_PORT": str(server.port), "POSTGRES_DB": "postgres"}
    safe = {"POSTGRES_SSLMODE": "verify-full", "POSTGRES_SSLROOTCERT": str(server.stranger)}
    settings.cache_clear()
    ended = CliRunner().invoke(main, ["db", "upgrade"], env={**variables, **safe})
    settings.cache_clear()
    assert ended.exit_code == 1
    assert ended.output.startswith("Error: PostgreSQL: ")
    assert STRANGER in ended.output


def test_a_server_that_does_not_encrypt_is_not_talked_to_in_the_clear() -> None:
    assert "set ssl = on there" in (advice("server does not support SSL, but SSL was required") or "")
    assert "set ssl = on there" in (advice('PostgreSQL server at "h:5432" rejected SSL upgrade') or "")
    assert advice("connection refused") is None
