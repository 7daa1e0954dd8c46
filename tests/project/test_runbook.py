"""The runbook: a section for each alert, which begins with a command that there is."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import click
import psycopg
import pytest
import yaml
from monitoring import ROOT, alerts

from stock_assistant_pipelines.cli import main
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

TEXT = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
SECTIONS = {
    name: body.strip()
    for name, body in re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", TEXT, flags=re.MULTILINE | re.DOTALL)
}
SERVICES = {
    *("postgres", "migrate", "code", "webserver", "daemon", "api-1", "api-2", "nginx", "backup"),
    *("prometheus", "alertmanager", "grafana", "postgres-exporter", "exporter", "receiver"),
}
VERBS = {"exec", "logs", "ps", "up", "restart", "stop", "run"}
COMMANDS = sorted(
    {*re.findall(r"^docker compose .*$", TEXT, re.MULTILINE), *re.findall(r"`(docker compose [^`]+)`", TEXT)}
)
PARTS = ("**What it means.**", "**What users see.**", "**Mend it.**", "**It is over when:**")


def words(command: str) -> tuple[str, list[str]]:
    """What Compose is to do, and with what."""
    _, _, *rest = shlex.split(command)
    if rest[0] == "--profile":
        rest = rest[2:]
    return rest[0], rest[1:]


def test_every_alert_has_a_section_and_every_section_an_alert() -> None:
    assert sorted(SECTIONS) == sorted(alert["alert"] for alert in alerts())


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_begins_with_the_command_to_type(name: str) -> None:
    fence, command, end, *_ = SECTIONS[name].splitlines()
    assert (fence, end) == ("```sh", "```")
    assert command.startswith("docker compose ")
    assert all(part in SECTIONS[name] for part in PARTS)


@pytest.mark.parametrize("name", ["CertExpiry14d", "CertUnreadable"])
def test_each_place_of_a_certificate_has_its_way_out(name: str) -> None:
    exporter = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]["exporter"]
    places = exporter["environment"]["EXPORTER_CERTIFICATES"].split(",")
    assert [place for place in places if f"`{place}`" not in SECTIONS[name]] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_one_that_there_is(command: str) -> None:
    verb, rest = words(command)
    assert verb in VERBS
    if verb != "exec":
        named = {word for word in rest if word.isascii() and not word.startswith("-") and not re.match(r"\d", word)}
        assert named <= SERVICES | {"SERVICE"}, named
        return
    assert rest[0] in SERVICES
    if rest[1] == "stock-assistant":
        known(rest[2:])


def known(rest: list[str]) -> None:
    """Whether the command line takes these words. Nothing is run."""
    group: click.Command = main
    context = click.Context(main)
    while isinstance(group, click.Group) and rest and (found := group.get_command(context, rest[0])):
        group, rest = found, rest[1:]
    group.make_context("command", list(rest))


@pytest.mark.parametrize("statement", sorted(set(re.findall(r'-c "(.*?)"', TEXT))))
def test_a_statement_is_one_that_the_database_takes(postgres: URL, statement: str) -> None:
    with psycopg.connect(conninfo(postgres.set(database="template"))) as connection:
        connection.execute(statement)
        connection.rollback()


def test_every_link_leads_to_a_section_or_a_page() -> None:
    pages = {"deploy.md", "backup.md"}  # written beside this one
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        page, _, anchor = target.partition("#")
        if page:
            assert page in pages or (ROOT / "docs" / page).is_file(), target
        elif anchor:
            assert anchor in {name.lower() for name in SECTIONS}, target
