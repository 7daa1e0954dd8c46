"""What the images do before a service's own program starts, and where that program is on this machine."""

from __future__ import annotations

from pathlib import Path

from deploy.programs import HOME, found, postgres

ROOT = Path(__file__).resolve().parents[2]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

ENTRYPOINTS = {
    "nginx": ["/docker-entrypoint.sh"],
    "prom/prometheus": ["prometheus"],
    "prom/alertmanager": ["alertmanager"],
    "prometheuscommunity/postgres-exporter": ["postgres_exporter"],
}
"""How the images of others start what the file tells them."""

PROGRAMS = {
    "nginx": {"nginx": "nginx"},
    "prom/prometheus": {"prometheus": "prometheus"},
    "prom/alertmanager": {"alertmanager": "prometheus-alertmanager"},
    "prometheuscommunity/postgres-exporter": {"postgres_exporter": "prometheus-postgres-exporter"},
}
"""The programs of each image, and what Debian calls them."""

PROGRAMS_OF_BACKUP = "/usr/lib/postgresql/18/bin"
"""Where the image of the backups has PostgreSQL's programs."""

POSTGRES = """\
#!/bin/sh
# The image's first start: a directory with the owner's password, and the database.
set -e
export PGDATA=/var/lib/postgresql/data PATH={binaries}:$PATH
if [ ! -s $PGDATA/PG_VERSION ]; then
  initdb -D $PGDATA -U "$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" -A scram-sha-256 {arguments} >/dev/null
  echo "listen_addresses = '*'" >> $PGDATA/postgresql.conf
  "$@" -D $PGDATA -clisten_addresses= & first=$!
  until pg_isready -q -h /var/run/postgresql; do sleep 0.1; done
  [ "$POSTGRES_DB" = postgres ] || createdb -h /var/run/postgresql -U "$POSTGRES_USER" "$POSTGRES_DB"
  kill -INT $first; wait $first || true
fi
exec "$@" -D $PGDATA
"""

NGINX = """\
#!/bin/sh
# The image fills in its templates, with the variables that are set and no others.
set -e
for template in /etc/nginx/templates/*.template; do
  program='{{ while (match($0, /[$][{{][A-Z_]+[}}]/)) {{ name = substr($0, RSTART + 2, RLENGTH - 3);
    $0 = substr($0, 1, RSTART - 1) ENVIRON[name] substr($0, RSTART + RLENGTH) }} print }}'
  awk "$program" "$template" > "$NGINX_ENVSUBST_OUTPUT_DIR/$(basename "$template" .template)"
done
exec "$@"
"""


def plain(image: str) -> str:
    """The name of an image without its tag."""
    return image.partition(":")[0]


def absent(image: str) -> str | None:
    """Which program of an image is not here; None when all are."""
    name = plain(image)
    if name in {"postgres", "stock-assistant-backup"}:
        there = (binaries := postgres()) and (binaries / "pg_receivewal").is_file()
        return None if there else "a PostgreSQL with TLS, and its clients (Debian's postgresql)"
    if name in PROGRAMS:
        return next((debian for debian in PROGRAMS[name].values() if found(debian) is None), None)
    return None if name.startswith("stock-assistant-") else name


def files(image: str) -> dict[str, tuple[str, int]]:
    """The files of an image that a service needs, by their paths: text and mode. Those of ours come from the venv."""
    name = plain(image)
    if name == "postgres":
        binaries = postgres()
        assert binaries is not None
        # PostgreSQL's own locale is there from 17 on.
        arguments = "--locale=C.UTF-8" if int(binaries.parent.name) < 17 else "$POSTGRES_INITDB_ARGS"
        return {"/usr/local/bin/docker-entrypoint.sh": (POSTGRES.format(binaries=binaries, arguments=arguments), 0o755)}
    if name == "nginx":
        return {"/docker-entrypoint.sh": (NGINX.format(), 0o755)}
    if name == "stock-assistant-pipelines":
        return {"/opt/dagster/dagster.yaml": ((ROOT / "dagster.yaml").read_text(encoding="utf-8"), 0o444)}
    return {}


def links(image: str) -> dict[str, str]:
    """The links from where an image has its programs to where this machine has them."""
    name = plain(image)
    if name.startswith("stock-assistant-"):
        clients = {PROGRAMS_OF_BACKUP: str(postgres())} if name == "stock-assistant-backup" else {}
        return {"/opt/venv": str(ROOT / ".venv"), **clients}
    wanted = {f"/usr/local/bin/{its}": str(found(debian)) for its, debian in PROGRAMS.get(name, {}).items()}
    shared = HOME / "usr/share/prometheus"  # templates of Debian's Alertmanager, where it is only unpacked
    if name == "prom/alertmanager" and shared.is_dir():
        wanted[f"/{shared.relative_to(HOME)}"] = str(shared)
    return {link: program for link, program in wanted.items() if link != program}
