"""`stock-assistant keys`: a key is shown once, listed by how it begins, and revoked by its name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from stock_assistant_pipelines.cli import main
from stock_assistant_pipelines.settings import settings
from stock_assistant_pipelines.warehouse.keys import digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result
    from sqlalchemy import Engine

    from stock_assistant_pipelines.warehouse.database import Database


@pytest.fixture(autouse=True)
def _configured(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", database.url.render_as_string(hide_password=False))
    settings.cache_clear()
    yield
    settings.cache_clear()


def keys(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["keys", *arguments])


def test_a_key_is_shown_once_and_kept_as_a_hash(engine: Engine) -> None:
    made = keys("create", "research")
    assert made.exit_code == 0
    key = made.stdout.strip()
    assert key.startswith("sa_")
    assert len(key) == 46
    with engine.connect() as connection:
        row = connection.execute(text("select * from api_key")).one()
    assert row.hash == digest(key.encode())
    assert key not in str(row)
    assert key not in keys("list", "--all").output + keys("list", "--json").output


def test_two_keys_are_never_alike() -> None:
    assert keys("create", "one").stdout != keys("create", "two").stdout


def test_keys_are_listed_with_what_is_known_of_them() -> None:
    key = keys("create", "research", "--days", "30", "--per-minute", "120").stdout.strip()
    shown = keys("list").output
    for word in ("research", f"{key[:8]}…", "active", "120"):
        assert word in shown
    (told,) = json.loads(keys("list", "--json").output)
    assert {name: told[name] for name in ("name", "hint", "per_minute", "standing", "revoked_at")} == {
        "name": "research",
        "hint": key[:8],
        "per_minute": 120,
        "standing": "active",
        "revoked_at": None,
    }
    assert told["created_at"] < told["expires_at"]


def test_a_revoked_key_is_listed_no_more_and_its_name_is_free() -> None:
    keys("create", "research")
    assert keys("revoke", "research").output == "research is revoked.\n"
    assert "There is no key" in keys("list").output
    assert [one["standing"] for one in json.loads(keys("list", "--all", "--json").output)] == ["revoked"]
    assert json.loads(keys("create", "research", "--json").output)["key"].startswith("sa_")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("create", "taken"), "there is a key taken: revoke it first"),
        (("create", "no blanks"), "a key's name has letters"),
        (("create", ""), "a key's name has letters"),
        (("revoke", "absent"), "there is no key absent"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments: tuple[str, ...], told: str) -> None:
    keys("create", "taken")
    refused = keys(*arguments)
    assert refused.exit_code == 1
    assert refused.stderr.count("\n") == 1
    assert told in refused.stderr
