"""Certificates for tests, made as deploy/prepare.py makes those of an installation."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from deploy.prepare import Preparation

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificates:
    """Where an authority's certificate is, and a server's with its key."""

    authority: Path
    server: Path
    key: Path


def certified(directory: Path, name: str = "localhost") -> Certificates:
    """Make an authority in a directory, and let it sign the certificate of a server of that name. Skips without openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here, which makes the certificates")
    directory.mkdir(exist_ok=True)
    preparation = Preparation(directory)
    with preparation.authority():
        preparation.certificate("server", [name])
    made = Certificates(*map(preparation.path, ("ca_certificate", "server_certificate", "server_key")))
    made.key.chmod(0o600)  # PostgreSQL takes none that others may read
    return made
