"""`deploy/prepare.py`: one command makes every secret that is missing, and none that is there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from deploy import prepare

ROOT = Path(__file__).parents[2]


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    prepare.prepare(tmp_path, ["stock.example", "10.1.2.3"])
    return tmp_path / "secrets"


def test_every_secret_of_the_compose_file_is_there(prepared: Path) -> None:
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    wanted = {Path(secret["file"]).name for secret in document["secrets"].values()}
    assert wanted <= {path.name for path in prepared.iterdir()}


def test_who_runs_it_enters_the_directory_and_nobody_reads_what_nothing_mounts(prepared: Path) -> None:
    assert prepared.stat().st_mode & 0o777 == 0o700
    closed = {path.name for path in prepared.iterdir() if path.stat().st_mode & 0o077 == 0}
    assert closed == {"ca_key", "ui_password"}


def test_no_two_passwords_are_the_same(prepared: Path) -> None:
    passwords = [(prepared / name).read_text() for name in prepare.PASSWORDS]
    assert len(set(passwords)) == len(passwords)
    assert min(map(len, passwords)) == 48


def test_a_second_time_nothing_is_made(prepared: Path) -> None:
    before = {path.name: path.read_bytes() for path in prepared.iterdir()}
    made, empty = prepare.prepare(prepared.parent, [])
    assert made == []
    assert empty == list(prepare.YOURS)
    assert {path.name: path.read_bytes() for path in prepared.iterdir()} == before


def test_what_is_filled_in_is_left_and_no_longer_asked_for(prepared: Path) -> None:
    (prepared / "tushare_token").write_text("mine")
    _, empty = prepare.prepare(prepared.parent, [])
    assert "tushare_token" not in empty
    assert (prepared / "tushare_token").read_text() == "mine"


@pytest.mark.parametrize(
    ("server", "name", "check"),
    [
        ("nginx", "stock.example", "-verify_hostname"),
        ("nginx", "10.1.2.3", "-verify_ip"),
        ("postgres", "postgres", "-verify_hostname"),
    ],
)
def test_the_authority_vouches_for_each_server_by_its_names(prepared: Path, server: str, name: str, check: str) -> None:
    assert _verified(prepared, server, check, name) == 0
    assert _verified(prepared, server, "-verify_hostname", "elsewhere.example") != 0


def _verified(prepared: Path, server: str, *names: str) -> int:
    words = ["openssl", "verify", "-CAfile", prepared / "ca_certificate", *names, prepared / f"{server}_certificate"]
    return subprocess.run(words, capture_output=True, check=False).returncode


@pytest.mark.parametrize(
    ("gone", "follows"),
    [("ui_password", ["ui_users"]), ("ca_certificate", ["ca_key", "nginx_certificate", "postgres_key"])],
)
def test_what_comes_from_a_file_that_was_deleted_is_made_anew(prepared: Path, gone: str, follows: list[str]) -> None:
    before = {name: (prepared / name).read_bytes() for name in follows}
    (prepared / gone).unlink()
    prepare.prepare(prepared.parent, [])
    assert [name for name in follows if (prepared / name).read_bytes() == before[name]] == []
    assert _verified(prepared, "nginx", "-verify_hostname", "stock.example") == 0, "for the names that it had"


def test_a_new_authority_leaves_what_somebody_else_signed(prepared: Path, tmp_path: Path) -> None:
    theirs = [prepared / "nginx_key", prepared / "nginx_certificate"]
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=stock.example", "-keyout", theirs[0]]
    subprocess.run(["openssl", *words, "-out", theirs[1]], check=True, capture_output=True)
    before = [path.read_bytes() for path in theirs]
    (prepared / "ca_certificate").unlink()
    made, _ = prepare.prepare(tmp_path, ["other.example"])
    assert made == ["ca_key", "postgres_key", "postgres_certificate", "ca_certificate"]
    assert [path.read_bytes() for path in theirs] == before


def test_a_new_authority_that_was_interrupted_is_finished_the_next_time(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (prepared / "ca_certificate").unlink()
    with monkeypatch.context() as patched:
        patched.delitem(prepare.CERTIFICATES, "nginx")
        with pytest.raises(KeyError):
            prepare.prepare(prepared.parent, [])
    prepare.prepare(prepared.parent, [])
    assert _verified(prepared, "postgres", "-verify_hostname", "postgres") == 0
    assert _verified(prepared, "nginx", "-verify_hostname", "stock.example") == 0, "for the names that it had"


def test_the_authoritys_key_is_there_until_another_can_take_its_place_and_that_is_said(
    prepared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prepare, "ROOT", prepared.parent)
    prepare.main([])
    assert "The authority and its key are new" not in capsys.readouterr().out
    before = (prepared / "ca_key").read_bytes()
    (prepared / "ca_certificate").unlink()
    with monkeypatch.context() as patched:
        patched.setattr(prepare, "DAYS_OF_CA", "many")
        with pytest.raises(SystemExit, match="openssl says"):
            prepare.main([])
    assert (prepared / "ca_key").read_bytes() == before
    prepare.main([])
    assert (prepared / "ca_key").read_bytes() != before
    assert "The authority and its key are new" in capsys.readouterr().out


def test_a_name_that_is_given_later_is_added(prepared: Path) -> None:
    made, _ = prepare.prepare(prepared.parent, ["Stock.example", "fd00:0:0::7"])
    assert made == ["nginx_key", "nginx_certificate"]
    for check, name in (("-verify_ip", "fd00::7"), ("-verify_hostname", "stock.example"), ("-verify_ip", "10.1.2.3")):
        assert _verified(prepared, "nginx", check, name) == 0
    assert prepare.prepare(prepared.parent, ["fd00::7", "stock.example"])[0] == []


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What was prepared for few days, which come to an end."""
    with monkeypatch.context() as patched:
        patched.setattr(prepare, "DAYS_OF_SERVERS", prepare.DAYS_LEFT - 1)
        prepare.prepare(tmp_path, ["stock.example", "10.1.2.3"])
    return tmp_path / "secrets"


def test_a_certificate_that_soon_ends_is_renewed_for_the_names_that_it_has(ending: Path) -> None:
    passwords = [(ending / name).read_text() for name in prepare.PASSWORDS]
    made, _ = prepare.prepare(ending.parent, [])
    assert made == ["postgres_key", "postgres_certificate", "nginx_key", "nginx_certificate"]
    names = [("nginx", "-verify_hostname", "stock.example"), ("nginx", "-verify_ip", "10.1.2.3")]
    for server, check, name in [*names, ("postgres", "-verify_hostname", "postgres")]:
        assert _verified(ending, server, check, name) == 0
    assert [(ending / name).read_text() for name in prepare.PASSWORDS] == passwords
    assert prepare.prepare(ending.parent, [])[0] == []


def test_a_certificate_of_somebody_else_is_left_however_old_it_is(
    ending: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(prepare, "DAYS_OF_SERVERS", 1)
        prepare.prepare(other, [])
    for name in ("nginx_certificate", "nginx_key"):
        (ending / name).write_bytes((other / "secrets" / name).read_bytes())
    made, _ = prepare.prepare(ending.parent, [])
    assert made == ["postgres_key", "postgres_certificate"]


def test_where_the_authoritys_key_is_kept_elsewhere_it_is_said_and_nothing_is_lost(ending: Path) -> None:
    before = (ending / "postgres_certificate").read_bytes()
    (ending / "ca_key").unlink()
    with pytest.raises(prepare.MissingKeyError, match="put secrets/ca_key back"):
        prepare.prepare(ending.parent, [])
    assert (ending / "postgres_certificate").read_bytes() == before


def test_what_was_edited_of_the_rules_of_access_is_left(prepared: Path) -> None:
    rules = prepared.parent / "deploy/nginx/local/access.conf"
    rules.write_text("deny all;\n")
    prepare.prepare(prepared.parent, [])
    assert rules.read_text() == "deny all;\n"


def test_what_openssl_does_not_do_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(prepare, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match="openssl is needed"):
        prepare.main([])
