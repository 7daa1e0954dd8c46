"""Each part of the page, but Dagster's: it tells what is there, and fails by itself."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from everything import NOBODY
from psycopg import sql
from pydantic import SecretStr
from rows import ALERT, BOOKED, CALL, CLAIM, REPORT, WATCHED

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.backup import status
from stock_assistant_pipelines.exporter import certificates, code_servers
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.settings.database import MONITOR_ROLE
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Installation
    from prometheus_client.metrics_core import Metric

DAY = datetime(2026, 3, 4, tzinfo=SHANGHAI)


def book(home: Installation, *row: object, calls: int = 1, ago: timedelta = timedelta(hours=1)) -> None:
    """Book a partition: dataset, key, status, cause, missing keys."""
    home.execute(BOOKED, *row, calls, ago)


def test_what_is_not_whole_is_told_by_its_cause(home: Installation) -> None:
    book(home, "daily", "2026-03-03", "complete", None, 0, calls=3)
    book(home, "daily", "2026-03-04", "partial", "partial", 7)
    book(home, "daily", "2026-03-05", "failed", "BadToken", None, ago=timedelta(days=2))
    book(home, "forgotten", "2026-03-05", "failed", "BadToken", None)
    told = home.tell()
    assert told("landing_unsettled_partitions", dataset="daily", cause="partial") == 1
    assert told("landing_unsettled_partitions", dataset="daily", cause="BadToken") == 1
    assert told("landing_unsettled_partitions", dataset="forgotten", cause="BadToken") is None
    assert told("landing_missing_keys", dataset="daily") == 7
    assert told("landing_missing_keys", dataset="income") == 0
    assert told("landing_tried_last_day_partitions", dataset="daily", status="complete") == 1
    assert told("landing_tried_last_day_partitions", dataset="daily", status="failed") == 0
    assert told("landing_last_day_calls", dataset="daily") == 4


def test_interfaces_that_are_left_alone_are_counted_by_span(home: Installation) -> None:
    for api, until in (("daily", "1 hour"), ("income", "-1 hour")):
        home.execute(
            """insert into quota (account, api, calls_per_minute, day, calls, paused_until, paused_window)
            values ('a', %s, 500, now(), 0, now() + %s::interval, 'day')""",
            api,
            until,
        )
    told = home.tell()
    assert told("landing_paused_interfaces", span="day") == 1
    assert told("landing_paused_interfaces", span="minute") == 0


def test_reports_are_those_of_the_newest_day_of_the_watchlist(home: Installation) -> None:
    for day, code, by in (
        *((DAY, code, "all") for code in ("1", "2", "3")),
        (DAY - timedelta(days=1), "1", "all"),
        (DAY + timedelta(days=1), "9", "on demand"),
    ):
        home.execute(WATCHED, day.date(), code, by)
    home.execute(REPORT, "old", "1", DAY.date(), "failed", 0, 0, timedelta(hours=2))
    home.execute(REPORT, "new", "1", DAY.date(), "degraded", 5, 2, timedelta(hours=1))
    home.execute(REPORT, "other", "2", DAY.date(), "published", 4, 0, timedelta(hours=1))
    home.execute(CLAIM, "new", "claims[0]", False, json.dumps([{"rule": "unit"}, {"rule": "unit"}, {"rule": "digits"}]))
    home.execute(CLAIM, "new", "claims[1]", True, "[]")
    told = home.tell()
    assert told("research_day_timestamp_seconds") == DAY.timestamp()
    counts = {
        status: told("research_reports", status=status) for status in ("published", "degraded", "failed", "waiting")
    }
    assert counts == {"published": 1, "degraded": 1, "failed": 0, "waiting": 1}
    assert told("research_claims", outcome="published") == 9
    assert told("research_claims", outcome="refused") == 2
    assert told("research_refused_claims", rule="unit") == 1
    assert told("research_refused_claims", rule="digits") == 1


def test_calls_of_models_are_those_of_today_and_budgets_have_two_sides(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = datetime(2026, 3, 4, 12, 0, tzinfo=SHANGHAI)
    monkeypatch.setattr(calendar, "now", lambda: noon)
    home.execute(CALL, 0.5, noon, "answered")
    home.execute(CALL, None, noon, None)
    home.execute(CALL, 9, noon - timedelta(days=1), "answered")
    home.execute("insert into llm_spending values ('2026-03-04', 1.5), ('2026-03', 10)")
    told = home.tell(llm_budget_day=20)
    model = {"provider": "qwen", "model": "big"}
    assert told("llm_today_calls", **model, outcome="answered") == 1
    assert told("llm_today_calls", **model, outcome="under way") == 1
    assert told("llm_today_tokens", **model, kind="in") == 2000
    assert told("llm_today_cost_cny", **model) == 0.5
    assert told("llm_budget_used_cny", span="day") == 1.5
    assert told("llm_budget_allowed_cny", span="day") == 20
    assert told("llm_budget_used_cny", span="month") == 10


def test_alerts_that_hold_and_channels_that_refuse_are_counted(home: Installation) -> None:
    home.execute(ALERT, "a", 1, None)
    home.execute(ALERT, "not told yet", 0, None)
    home.execute(ALERT, "over", 1, datetime.now(UTC))
    home.execute(
        "insert into alert_channel select id, 'dingtalk-5e14', 0, null, 3, null, 'no' from alert where cause = 'a'"
    )
    told = home.tell()
    assert told("alerts_open", kind="late", severity="critical") == 1
    assert told("alerts_open", kind="failed", severity="critical") == 0
    assert told("alert_channels_refusing", channel="dingtalk") == 1


def test_the_server_tells_of_itself_and_of_its_slots(home: Installation) -> None:
    home.execute("select pg_create_physical_replication_slot('spare', true)")
    try:
        told = home.tell()
    finally:
        home.execute("select pg_drop_replication_slot('spare')")
    assert told("postgres_replica") == 0
    assert told("postgres_freeze_max_age") == 200_000_000
    assert 0 < (told("postgres_oldest_transaction_age") or 0) < 200_000_000
    assert (told("postgres_checkpoints_total", reason="timed") or 0) >= 0
    assert told("postgres_slot_active", slot="spare") == 0
    assert told("postgres_slot_lost", slot="spare") == 0
    assert told("postgres_replay_lag_seconds") is None
    assert told("postgres_archive_failing") is None


def test_backups_are_told_as_the_status_file_says(home: Installation, tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    night = DAY + timedelta(hours=2)
    before = night - timedelta(days=3)
    for result in (
        status.Result("dump", night.isoformat(), True, 9, 5, ""),
        status.Result("restore_test", before.isoformat(), True, 9, 5, ""),
        status.Result("restore_test", night.isoformat(), False, 9, 0, ""),
    ):
        status.tell(file, result)
    told = home.tell(backup_status_file=file)
    assert told("backups_known") == 1
    assert told("backup_timestamp_seconds", kind="dump") == night.timestamp()
    assert told("backup_ok", kind="dump") == 1
    assert told("backup_timestamp_seconds", kind="restore_test") == before.timestamp()
    assert told("backup_ok", kind="restore_test") == 0
    assert told("backup_size_bytes", kind="dump") == 5
    assert told("backup_size_bytes", kind="restore_test") == 0


def test_that_no_backups_were_ever_made_is_told_until_there_is_one(home: Installation, tmp_path: Path) -> None:
    exporter = home.exporter(data_dir=tmp_path)
    (part,) = (each for each in exporter.parts if each.name == "backups")
    known = []
    for _ in range(2):
        part.refresh()
        known.append({metric.name: len(metric.samples) and metric.samples[0].value for metric in part.told})
        status.tell(tmp_path / "backups" / "status.json", status.Result("dump", DAY.isoformat(), True, 9, 5, ""))
    assert part.up
    assert [each["stock_assistant_backups_known"] for each in known] == [0, 1]
    assert [each["stock_assistant_backup_ok"] for each in known] == [0, 1]


def test_where_no_directory_is_known_neither_disks_nor_backups_are_told(home: Installation, tmp_path: Path) -> None:
    def parts(**settings: Path) -> set[str]:
        return {part.name for part in home.exporter(data_dir=tmp_path / "absent", **settings).parts}

    assert {"disks", "backups"}.isdisjoint(parts())
    assert "backups" in parts(backup_dir=tmp_path)
    assert "backups" in parts(backup_status_file=tmp_path / "status.json")


def test_a_part_that_fails_takes_no_other_with_it(home: Installation, tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    file.write_text("[")
    told = home.tell(backup_status_file=file, exporter_disks=[tmp_path])
    assert told("exporter_up", part="backups") == 0
    assert told("backups_known") is None
    assert told("exporter_up", part="dagster") == 1
    assert told("disk_size_bytes", path=str(tmp_path)) >= told("disk_free_bytes", path=str(tmp_path)) > 0


def test_without_a_role_that_may_read_the_rest_is_told(home: Installation, tmp_path: Path) -> None:
    told = home.tell(exporter_disks=[tmp_path], monitor_database_password="of a role that is not there")
    assert told("exporter_up", part="disks") == 1
    for part in ("dagster", "landing", "research", "alerts", "postgres"):
        assert told("exporter_up", part=part) == 0


def test_a_code_server_that_does_not_listen_is_told(home: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        told = home.tell(exporter_code_server=address, run_hosts=[address, NOBODY])
    assert told("dagster_code_location_up") == 1
    assert told("dagster_run_host_up", host=address) == 1
    assert told("dagster_run_host_up", host=NOBODY) == 0
    told = home.tell(exporter_code_server=address)
    assert told("dagster_code_location_up") == 0
    assert told("dagster_run_host_up", host=address) is None


@pytest.mark.parametrize(
    "read",
    [
        lambda addresses: code_servers.read(addresses[0], addresses[1:])[1:],
        lambda addresses: certificates.read(addresses)[1:],
    ],
    ids=["code servers", "certificates"],
)
def test_servers_that_say_nothing_are_waited_for_all_at_once(
    read: Callable[[list[str]], list[Metric]], monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = ["first:1", "second:1", "third:1"]
    all_asked = threading.Barrier(len(addresses), timeout=10)

    def silent(*_: object, **__: object) -> None:
        all_asked.wait()
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", silent)
    (told,) = read(addresses)
    assert {each.value for each in told.samples} == {0}


# --- certificates


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for ten days that nobody trusts, and its key, in one file."""
    directory = tmp_path_factory.mktemp("certificate")
    both = directory / "both"
    sign(directory, both, days=10)
    return both


def sign(directory: Path, both: Path, *, days: int) -> None:
    """Write a key and a certificate that it signs itself into one file."""
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days), "-subj", "/CN=nginx"]
    words += ["-keyout", str(directory / "key"), "-out", str(directory / "certificate")]
    subprocess.run(["openssl", *words], check=True, capture_output=True)
    both.write_text((directory / "key").read_text() + (directory / "certificate").read_text())


@contextmanager
def showing(certificate: Path, answer: bytes = b"") -> Iterator[str]:
    """A server that shows a certificate to one who asks; with an answer, only to one who has asked for TLS first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            if answer:
                assert connection.recv(8) == bytes.fromhex("0000000804d2162f")
                connection.sendall(answer)
            if answer in (b"", b"S"):
                with context.wrap_socket(connection, server_side=True) as secure:
                    secure.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)


def test_the_end_of_a_certificate_is_told_whoever_signed_it(home: Installation, certificate: Path) -> None:
    with showing(certificate) as address:
        told = home.tell(exporter_certificates=[address])
    assert told("certificate_readable", place=address) == 1
    at = told("certificate_expiry_timestamp_seconds", place=address)
    assert at == pytest.approx((datetime.now(UTC) + timedelta(days=10)).timestamp(), abs=120)
    told = home.tell(exporter_certificates=[address])
    assert told("certificate_readable", place=address) == 0
    assert told("certificate_expiry_timestamp_seconds", place=address) is None


def test_of_a_file_the_end_is_told_of_the_certificate_that_expires_first(
    home: Installation, certificate: Path, tmp_path: Path
) -> None:
    longer, empty = tmp_path / "longer", tmp_path / "empty"
    sign(tmp_path, longer, days=20)
    (tmp_path / "chain").write_text(longer.read_text() + certificate.read_text())
    empty.write_text("")
    places = [tmp_path / "chain", longer, empty, tmp_path / "absent"]
    told = home.tell(exporter_certificates=[str(each) for each in places])
    ends = [told("certificate_expiry_timestamp_seconds", place=str(each)) for each in places]
    assert ends[0] == certificates.in_file(certificate).timestamp()
    assert ends[1] == pytest.approx((datetime.now(UTC) + timedelta(days=20)).timestamp(), abs=120)
    assert ends[2:] == [None, None]
    assert [told("certificate_readable", place=str(each)) for each in places] == [1, 1, 0, 0]


def test_postgresql_is_asked_whether_it_has_one(certificate: Path) -> None:
    with showing(certificate, b"S") as address:
        assert certificates.shown(f"postgresql://{address}") == certificates.in_file(certificate)
    with showing(certificate, b"N") as address, pytest.raises(ConnectionRefusedError):
        certificates.shown(f"postgresql://{address}")


def test_its_end_is_what_openssl_reads(certificate: Path) -> None:
    der = ssl.PEM_cert_to_DER_cert("-----BEGIN CERT" + certificate.read_text().partition("-----BEGIN CERT")[2])
    words = ["openssl", "x509", "-in", str(certificate), "-noout", "-enddate"]
    end = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip().partition("=")[2]
    assert certificates.not_after(der) == datetime.strptime(end, "%b %d %H:%M:%S %Y %Z").replace(tzinfo=UTC)


@pytest.mark.parametrize("der", [b"", b"\x30", b"\x30\x02\x30\x00", b"\x30\x84\xff\xff\xff\xff", b"GET / HTTP/1.1"])
def test_what_is_no_certificate_is_said_to_be_none(der: bytes) -> None:
    with pytest.raises(certificates.UnreadableCertificate):
        certificates.not_after(der)


# --- rights


def test_the_monitor_may_read_all_that_is_told(home: Installation) -> None:
    password = SecretStr("not asked for on a socket")
    replace(home.database, passwords={MONITOR_ROLE: password}).grant()
    try:
        told = home.tell(monitor_database_password=password)
    finally:
        url, role = home.database.url, sql.Identifier(MONITOR_ROLE)
        for name in (f"{url.database}_dagster", str(url.database)):
            with psycopg.connect(conninfo(url.set(database=name))) as owner:
                owner.execute(sql.SQL("drop owned by {}").format(role))
        home.execute(f"drop role {MONITOR_ROLE}")
    for part in ("dagster", "landing", "research", "alerts", "postgres"):
        assert told("exporter_up", part=part) == 1, part
