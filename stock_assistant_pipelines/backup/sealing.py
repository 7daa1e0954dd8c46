"""What is written is encrypted with age, for who holds the identity; without a recipient it is kept as it is.

To seal takes the recipient only, which is no secret: who steals the backups and the machine that makes them can read nothing.
A file can be opened without this program: `age -d -i identity FILE`.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pyrage
from pyrage import x25519

from stock_assistant_pipelines.backup.programs import BackupFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr

SUFFIX = ".age"
"""What the name of an encrypted file ends with."""

PIECE = 1 << 20


@dataclass(frozen=True)
class Seal:
    """Who can read what is written, and who we are when we read."""

    recipient: str | None = None
    """`age1…`; None: nothing is encrypted."""
    identity: SecretStr | None = None
    """`AGE-SECRET-KEY-1…`: needed to read what is encrypted."""

    @property
    def opens(self) -> bool:
        """Whether we can read what we write."""
        return self.recipient is None or self.identity is not None

    def name(self, name: str) -> str:
        """What a file of this name is called when it is written."""
        return name + SUFFIX if self.recipient else name

    def write(self, source: IO[bytes], target: IO[bytes]) -> None:
        """Copy to the end, encrypted where there is a recipient."""
        if self.recipient is None:
            shutil.copyfileobj(source, target, PIECE)
        else:
            pyrage.encrypt_io(source, target, [x25519.Recipient.from_str(self.recipient)])

    def read(self, path: Path, target: IO[bytes]) -> None:
        """Copy a file's content, decrypted where it is encrypted. Raises `BackupFailed` when it cannot be opened."""
        with path.open("rb") as source:
            if path.suffix != SUFFIX:
                shutil.copyfileobj(source, target, PIECE)
                return
            if self.identity is None:
                raise BackupFailed(f"{path} is encrypted: BACKUP_IDENTITY_FILE takes the file of the age identity")
            try:
                pyrage.decrypt_io(source, target, [x25519.Identity.from_str(self.identity.get_secret_value())])
            except (pyrage.DecryptError, pyrage.IdentityError, OSError) as error:
                raise BackupFailed(f"{path} cannot be opened with this identity: {error}") from error

    @contextmanager
    def opened(self, path: Path, directory: Path) -> Iterator[Path]:
        """A file that holds the plain content, for as long as the block lasts: the file itself, or one in this directory."""
        if path.suffix != SUFFIX:
            yield path
            return
        with tempfile.NamedTemporaryFile(dir=directory) as target:
            self.read(path, target)
            target.flush()
            yield Path(target.name)
