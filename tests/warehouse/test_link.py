"""A link over a network is watched by both ends; a socket is left alone, and what the URL says stands."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import URL, make_url

from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.embedded import conninfo
from stock_assistant_pipelines.warehouse.link import OURS, THEIRS, guarded

FAR = make_url("postgresql://user:secret@db.example:5432/name")


def test_both_ends_look_for_each_other_within_half_a_minute() -> None:
    for prefix, said in (("", OURS), ("tcp_", THEIRS)):
        idle, interval, count = (int(said[f"{prefix}keepalives_{word}"]) for word in ("idle", "interval", "count"))
        assert idle + interval * count <= 30
        assert 0 < int(said["tcp_user_timeout"]) <= 30_000


def test_every_way_to_connect_is_watched_that_of_dagster_too() -> None:
    database = Database(FAR)
    for said in (
        conninfo_to_dict(conninfo(FAR)),
        database.engine().url.query,
        make_url(database.dagster_url).query,
    ):
        assert {name: str(said[name]) for name in OURS} == dict(OURS)
        words = str(said["options"]).split()
        assert {f"-c{name}={value}" for name, value in THEIRS.items()} <= set(words)
    assert words[-1] == "-ctimezone=UTC"


@pytest.mark.parametrize("query", [{"host": "/run/postgresql"}, {}])
def test_a_socket_is_left_as_it_is(query: dict[str, str]) -> None:
    url = URL.create("postgresql", "user", database="name", query=query)
    assert guarded(url) == url


def test_what_the_url_says_goes_before() -> None:
    url = FAR.update_query_dict({"connect_timeout": "3", "options": "-ctcp_user_timeout=5000"})
    said = guarded(url).query
    assert said["connect_timeout"] == "3"
    options = str(said["options"]).split()
    assert options[-1] == "-ctcp_user_timeout=5000", "PostgreSQL takes the last"
