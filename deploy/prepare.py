"""Make what docker-compose.yml needs and is not there yet: passwords, certificates, files for what only you know.

Usage: python3 deploy/prepare.py [NAME ...]        (names and addresses by which nginx is reached, for its certificate)

Takes Python's standard library and openssl. What is there is left as it is, so that it can be run again: after an upgrade, or
when a file was deleted to get a new one. Only a certificate of our own is renewed: when it soon ends, or lacks a name that is
given. What is to be filled in by hand is printed.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent

PASSWORDS = (
    "postgres_password",
    "writer_password",
    "dagster_password",
    "api_password",
    "backup_password",
    "monitor_password",
    "grafana_password",
    "ui_password",
)
"""Of PostgreSQL's roles (see docs/configuration.md), of Grafana's `admin`, and of Dagster's UI."""

YOURS = {
    "tushare_token": "your Tushare token; without it nothing lands",
    "alert_urls": "where alerts go, one address a line (docs/alerts.md)",
    "llm_api_key": "the key of the language model (docs/providers.md)",
    "llm_fallbacks": "models to ask when that one cannot answer, as JSON (docs/providers.md)",
    "bocha_api_key": "the key of the search for news (docs/news.md)",
}
"""What only the operator knows. Each may stay empty."""

CERTIFICATES = {"postgres": ["postgres", "localhost"], "nginx": ["localhost", "127.0.0.1", "::1"]}
"""The servers, and the names by which they are asked."""

AUTHORITY = "CN=Stock Assistant CA"
UI_USER = "admin"
DAYS_OF_CA, DAYS_OF_SERVERS = 3650, 397
DAYS_LEFT = 30
"""A server's certificate that has fewer is renewed."""

READABLE, CLOSED = 0o644, 0o600
"""Containers read as users of their own, hence files that all can read, in a directory that only its owner enters."""

ACCESS = """\
# Who may come, for nginx: read inside its `server`. Uncomment, edit, then
# `docker compose exec nginx nginx -c /etc/nginx/nginx.conf -s reload`.
# allow 192.168.0.0/16;
# allow 10.0.0.0/8;
# deny all;
# A proxy before this one tells who asks:
# set_real_ip_from 203.0.113.7;
# real_ip_header X-Forwarded-For;
"""


def openssl(*words: str, given: str | None = None) -> str:
    """Run openssl, with `given` on its standard input; return what it says. Raises subprocess.CalledProcessError."""
    return subprocess.run(["openssl", *words], input=given, check=True, capture_output=True, text=True).stdout


def succeeds(*words: str) -> bool:
    """Whether openssl says yes."""
    return subprocess.run(["openssl", *words], check=False, capture_output=True).returncode == 0


class MissingKeyError(Exception):
    """The authority's key is not there, and something is to be signed."""

    def __init__(self, server: str) -> None:
        super().__init__(
            f"The certificate of {server} is to be made: put secrets/ca_key back for it, and run this again."
        )


class Preparation:
    """The directory of the secrets, and what was made in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.made: list[str] = []
        self.signer = ""  # the authority's certificate

    def path(self, name: str) -> Path:
        """Where a file stands."""
        return self.directory / name

    def write(self, name: str, text: str, mode: int = READABLE) -> None:
        """Write a file at once with its mode, unless it is there."""
        if self.path(name).exists():
            return
        with open(os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
        self.made.append(name)

    def renewed(self, source: str, name: str) -> bool:
        """Whether a file is to be made: it is not there, or what it comes from is new, and then it is taken away."""
        if source in self.made:
            self.path(name).unlink(missing_ok=True)
        return not self.path(name).exists()

    def passwords(self) -> None:
        """Make the passwords, and the file by which nginx knows the user of Dagster's UI."""
        for name in PASSWORDS:
            self.write(name, secrets.token_hex(24), CLOSED if name == "ui_password" else READABLE)
        if self.renewed("ui_password", "ui_users"):
            hashed = openssl("passwd", "-6", "-stdin", given=self.path("ui_password").read_text(encoding="utf-8"))
            self.write("ui_users", f"{UI_USER}:{hashed.strip()}\n")

    @contextmanager
    def authority(self) -> Iterator[None]:
        """Have our own certificate authority, which signs the servers' certificates within.

        The certificate of a new one is written last: what was interrupted begins again the next time.
        """
        path = self.path("ca_certificate")
        self.signer = path.read_text(encoding="utf-8") if path.exists() else self.new_authority()
        yield
        self.write(path.name, self.signer)

    def new_authority(self) -> str:
        """The certificate of a new authority, and its new key: in the place of the one before when both are made."""
        key = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        subject = ["-subj", f"/{AUTHORITY}", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        made = openssl("req", "-x509", "-new", "-key", "/dev/stdin", "-days", str(DAYS_OF_CA), *subject, given=key)
        self.path("ca_key").unlink(missing_ok=True)
        self.write("ca_key", key, CLOSED)
        return made

    def ours(self, server: str) -> bool:
        """Whether our authority signed the certificate of a server; where that is new, the one before it, of the same name."""
        path = str(self.path(f"{server}_certificate"))
        if "ca_key" in self.made:
            issuer = openssl("x509", "-noout", "-issuer", "-nameopt", "RFC2253", "-in", path)
            return issuer.strip() == f"issuer={AUTHORITY}"
        return succeeds("verify", "-no_check_time", "-CAfile", str(self.path("ca_certificate")), path)

    def ends_soon(self, server: str) -> bool:
        """Whether the certificate of a server has few days left."""
        path = str(self.path(f"{server}_certificate"))
        return not succeeds("x509", "-noout", "-in", path, "-checkend", str(DAYS_LEFT * 86400))

    def names(self, server: str) -> list[str]:
        """The names in the certificate of a server."""
        said = openssl("x509", "-noout", "-ext", "subjectAltName", "-in", str(self.path(f"{server}_certificate")))
        return [written(name.strip()) for name in re.findall(r"(?:DNS|IP Address):([^,\n]+)", said)]

    def certificate(self, server: str, names: list[str], asked: Sequence[str] = ()) -> None:
        """Make a server's key and certificate for these names and for those that are asked for.

        Where there is one of ours, it is made anew, for the names that it had too: of a new authority, when it soon ends, or
        when it lacks one that is asked for. Somebody else's is theirs to renew.
        """
        names = [*names, *asked]
        if self.path(f"{server}_certificate").exists():
            if not self.ours(server):
                return
            had = self.names(server)
            if "ca_key" not in self.made and not self.ends_soon(server) and {*map(written, asked)} <= {*had}:
                return
            names += had
        if not self.path("ca_key").exists():
            raise MissingKeyError(server)
        for name, text in zip((f"{server}_key", f"{server}_certificate"), self.signed(names), strict=True):
            self.path(name).unlink(missing_ok=True)
            self.write(name, text)

    def signed(self, names: list[str]) -> tuple[str, str]:
        """A new key, and a certificate of it for these names."""
        unique = dict.fromkeys(map(written, names))
        alternatives = ",".join(f"{'IP' if is_address(name) else 'DNS'}:{name}" for name in unique)
        says = f"subjectAltName={alternatives}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n"
        with tempfile.TemporaryDirectory() as work:
            key, extensions, authority = (Path(work) / name for name in ("key", "extensions", "authority"))
            openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(key))
            extensions.write_text(says, encoding="utf-8")
            authority.write_text(self.signer, encoding="utf-8")
            request = openssl("req", "-new", "-key", str(key), "-subj", f"/CN={names[0]}")
            certificate = openssl(
                *("x509", "-req", "-days", str(DAYS_OF_SERVERS), "-extfile", str(extensions)),
                *("-CA", str(authority), "-CAkey", str(self.path("ca_key"))),
                given=request,
            )
            return key.read_text(encoding="utf-8"), certificate

    def yours(self) -> list[str]:
        """Make the files of what only the operator knows, empty; return the names of those that are."""
        for name in YOURS:
            self.write(name, "")
        return [name for name in YOURS if not self.path(name).read_text(encoding="utf-8").strip()]


def is_address(name: str) -> bool:
    """Whether this is an address, and no name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def written(name: str) -> str:
    """A name as it is compared: an address has several spellings."""
    return ipaddress.ip_address(name).compressed if is_address(name) else name.lower()


def prepare(root: Path, names: list[str]) -> tuple[list[str], list[str]]:
    """Make what is missing under the project's directory; return what was made, and what is to be filled in."""
    directory = root / "secrets"
    directory.mkdir(exist_ok=True)
    directory.chmod(0o700)
    preparation = Preparation(directory)
    preparation.passwords()
    empty = preparation.yours()
    local = Preparation(root / "deploy/nginx/local")
    local.directory.mkdir(parents=True, exist_ok=True)
    local.write("access.conf", ACCESS)
    with preparation.authority():
        preparation.certificate("postgres", CERTIFICATES["postgres"])
        preparation.certificate("nginx", [*CERTIFICATES["nginx"], socket.gethostname()], asked=names)
    return preparation.made, empty


def main(names: list[str]) -> None:
    """Make what is missing, and say what is to be done by hand."""
    try:
        made, empty = prepare(ROOT, names)
    except FileNotFoundError as error:
        sys.exit(f"{error.filename} is needed: install it, and run this again.")
    except subprocess.CalledProcessError as error:
        sys.exit(f"openssl says: {error.stderr.strip()}")
    except MissingKeyError as error:
        sys.exit(str(error))
    print(f"made in secrets/: {', '.join(made) or 'nothing, all is there'}")
    for name in empty:
        print(f"empty: secrets/{name}: {YOURS[name]}")
    print(
        f"Dagster's UI: user {UI_USER}, password in secrets/ui_password. Grafana: user admin, secrets/grafana_password."
    )
    if "ca_key" in made:
        print("The authority and its key are new: wherever older ones are kept or trusted, put these in their place.")
    print("Keep secrets/ca_key elsewhere: nothing that runs needs it.")
    if any(name.endswith("_certificate") for name in made):
        print("Services that run have the old certificates until they are made anew: docs/deploy.md, Certificates.")


if __name__ == "__main__":
    main(sys.argv[1:])
