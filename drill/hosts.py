"""A fault of the network: of two hosts that share the runs, one is lost at once, so that its connections hang and do not close.

The first host, this one, has PostgreSQL and the daemon; the code servers are on the other two, in network namespaces.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import dagster as dg
from sqlalchemy import text
from sqlalchemy.engine import make_url

from bench.ground import stop_postgres
from drill.crashes import BEFORE
from drill.finding import Finding
from drill.network import NoNetwork, Relay, network
from drill.stage import CALLS
from drill.waiting import Stuck, until
from stock_assistant_pipelines.backup.programs import Programs
from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.defs.launcher import HOST
from stock_assistant_pipelines.sandbox.server import running
from stock_assistant_pipelines.warehouse import embedded
from stock_assistant_pipelines.warehouse.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from drill.network import Host, Network
    from drill.stage import Stage
    from stock_assistant_pipelines.defs.backfills import Backfill

CODE_PORT, DATABASE_PORT = 4000, 5432
DEFINITIONS = "definitions"
"""The name under which the daemon finds the definitions: on the one host, and on the other when that is gone."""

SLICE = 52
"""Days of each backfill: four of them are more than the token's calls of a minute."""

SLOW = "timeout:api=daily:seconds=0.3"

SESSIONS = "select count(*) from pg_stat_activity where client_addr = cast(:address as inet)"
LEASED = "select count(*) from permit where lease is not null and free_at > clock_timestamp()"
LANDED = """
select run_id, count(*) as days from coverage
where dataset = 'daily' and status = 'complete' and partition between :first and :last group by 1
"""


@dataclass
class Installation:
    """Two code servers, and the daemon that starts runs at both."""

    stage: Stage
    hosts: Sequence[Host]
    servers: Sequence[services.Service]
    relay: Relay
    names: Path
    """The file that tells the daemon's host who has the definitions."""

    def landed(self, days: Sequence[date]) -> Counter[str]:
        """How many of these days of `daily` the runs of each host have landed."""
        counted: Counter[str] = Counter()
        with self.stage.engine.connect() as connection:
            for row in connection.execute(text(LANDED), {"first": days[0].isoformat(), "last": days[-1].isoformat()}):
                run = self.stage.dagster.get_run_by_id(row.run_id)
                counted[run.tags[HOST].partition(":")[0] if run else "here"] += row.days
        return counted

    def busy(self, host: Host) -> bool:
        """Whether a run is under way at a host."""
        filters = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED], tags={HOST: f"{host.address}:{CODE_PORT}"})
        return bool(self.stage.dagster.get_runs(filters))

    def lose(self, at: int) -> None:
        """Lose a host: first its link, so that nobody is told of its end, then all that runs there.

        Up to now nobody else had the definitions: from now on their name stands for both.
        """
        _name(self.names, self.hosts[at], *(host for host in self.hosts if host is not self.hosts[at]))
        self.hosts[at].cut()
        self.servers[at].kill()

    def sessions(self, host: Host) -> int:
        """How many sessions of a host PostgreSQL holds open."""
        with self.stage.engine.connect() as connection:
            return int(connection.execute(text(SESSIONS), {"address": host.address}).scalar_one())


def lost(stage: Stage) -> Finding:
    """21. One of two hosts that share the runs is lost, with its link, in the middle of backfills."""
    days = stage.days(date(2022, 1, 4), 4 * SLICE)
    stage.learn(days)
    stage.know(BEFORE)
    try:
        net = stage.held.enter_context(network(("b", "c")))
    except NoNetwork as error:
        raise Stuck(f"the fault cannot be played here: {error}") from error
    installation = _installed(stage, net)
    kept, gone = installation.hosts
    slices = [days[at : at + SLICE] for at in range(0, len(days), SLICE)]
    backfills = [stage.backfill(each) for each in slices]
    until(lambda: min(map(installation.landed(days).__getitem__, (kept.address, gone.address))) > 20, "both hosts land")
    until(lambda: installation.busy(gone), "a run is under way on the host that will be lost")
    before = installation.landed(days)
    began = time.monotonic()
    installation.lose(1)
    stage.sandbox.heal()
    if before.total() == len(days):
        raise Stuck("the fault did not bite: every day had landed before")
    until(lambda: not installation.sessions(gone), "PostgreSQL ends the sessions of the lost host")
    ended = time.monotonic() - began
    until(lambda: all(each.over for each in backfills) and stage.whole(days), "the backfills go on")
    seconds = time.monotonic() - began
    until(lambda: not _leased(stage), "the permits of the lost host come back")
    seen = [
        f"landed before, days of `daily` by host: {before[kept.address]} and {before[gone.address]}, of {len(days)}",
        f"PostgreSQL ended the lost host's sessions, and with them its locks, after {ended:.0f} s",
        *_told(stage, installation, backfills),
        *_quota(stage, installation, len(days)),
    ]
    healed = (
        "by itself: PostgreSQL ends the lost host's locks, the sensor lost_runs fails its run, and run_retries starts it "
        "once more on the other"
    )
    injected = (
        "of two hosts that share the runs, the one with the definitions is cut off and killed, so that connections hang"
    )
    return Finding("21", injected, seen, healed, stage.lost(days), seconds)


def _installed(stage: Stage, net: Network) -> Installation:
    """Let two other hosts run the runs, and find the definitions at the second, or else the first."""
    stage.machine.daemon.stop()
    stage.code.stop()
    database = _over_the_network(stage, net)
    sandbox = stage.held.enter_context(running(process=True, stocks=60, points=2000, latency=0.05))
    sandbox.inject(SLOW)
    stage.sandbox = sandbox
    relay = Relay(("127.0.0.1", int(urlsplit(sandbox.url).port or 0)))
    far = stage.held.enter_context(relay.listening(net.address))
    servers = [_code_server(stage, host, database, (net.address, far)) for host in net.hosts]
    for server in servers:
        server.wait()
    return Installation(stage, net.hosts, servers, relay, _start_daemon(stage, net.hosts))


def _over_the_network(stage: Stage, net: Network) -> Database:
    """Start PostgreSQL again, so that it also listens on the network; the database as others see it."""
    for engine in (stage.engine, stage.truth):
        engine.dispose()
    stop_postgres(stage.server, "fast")
    listen(stage.server, net)
    stage.held.enter_context(embedded.running(stage.server))
    name = make_url(stage.machine.environment["DATABASE_URL"]).database
    return Database(make_url(f"postgresql://postgres@{net.address}:{DATABASE_PORT}/{name}"))


def listen(server: Path, net: Network) -> None:
    """Start a server that is stopped, so that it listens on the network too."""
    with (server / "pg_hba.conf").open("a", encoding="utf-8") as rules:
        rules.write(f"host all all {net.address}/24 trust\n")
    options = f"-h {net.address} -p {DATABASE_PORT} -k {server}"
    command = [Programs().path("pg_ctl"), "-D", str(server), "-o", options, "-l", str(server / "log"), "-w", "start"]
    subprocess.run(command, check=True, user=server.stat().st_uid, stdout=subprocess.DEVNULL)


def _code_server(stage: Stage, host: Host, database: Database, tushare: tuple[str, int]) -> services.Service:
    """Start a host's code server, and the way to the sandbox, which answers loopback only."""
    logs = stage.server.parent / host.name
    code = services.code_location(logs, CODE_PORT, host.address)
    code.name, code.command = f"code server of {host.name}", host.command(*code.command)
    words = [sys.executable, "-m", "drill.network", str(tushare[1]), *map(str, tushare)]
    way = services.Service(f"way out of {host.name}", host.command(*words), logs / "way-out.log")
    environment = {
        **stage.machine.environment,
        "DATABASE_URL": database.url.render_as_string(hide_password=False),
        "DAGSTER_PG_URL": database.dagster_url,
        "DAGSTER_STORAGE_DIR": str(logs / "dagster"),
        "TUSHARE_BASE_URL": f"http://127.0.0.1:{tushare[1]}/dataapi",
        "PYTHONPATH": os.fspath(Path(__file__).parents[1]),
    }
    del environment["TUSHARE_CALLS_PER_MINUTE"]
    for service in (way, code):
        service.start(environment)
        stage.held.callback(service.stop)
    return code


def _start_daemon(stage: Stage, hosts: Sequence[Host]) -> Path:
    """Start the daemon, which finds the definitions by a name, on the last of the hosts; the file in which the name stands."""
    names = stage.server.parent / "hosts"
    _name(names, hosts[-1])
    environment = stage.machine.environment
    environment["RUN_HOSTS"] = ",".join(f"{host.address}:{CODE_PORT}" for host in hosts)
    environment["GRPC_DNS_RESOLVER"] = "native"
    services.workspace(Path(environment["DAGSTER_HOME"]), CODE_PORT, DEFINITIONS)
    daemon = stage.machine.daemon
    seeing = ["unshare", "--mount", "sh", "-c", f'mount --bind {names} /etc/hosts && exec "$@"', "sh"]
    daemon.command = [*seeing, *daemon.command]
    daemon.start(environment)
    return names


def _name(names: Path, *hosts: Host) -> None:
    """Write in a file who has the definitions, the first to be asked first. It is mounted, and so keeps its inode."""
    names.write_text("".join(f"{host.address} {DEFINITIONS}\n" for host in hosts), encoding="utf-8")


def _told(stage: Stage, installation: Installation, backfills: Iterable[Backfill]) -> list[str]:
    """Which runs were where, and how they ended. Raises `Stuck` when none was lost, or none took its place elsewhere."""
    kept, gone = (f"{host.address}:{CODE_PORT}" for host in installation.hosts)
    runs = [run for backfill in backfills for run in backfill.runs]
    ended = Counter((run.tags.get(HOST), run.status) for run in runs)
    if not ended[gone, dg.DagsterRunStatus.FAILURE]:
        raise Stuck("the fault did not bite: no run of the lost host failed")
    return [
        f"Dagster: {count} runs on {'the lost host' if host == gone else 'the host that stays'}: {status.value}"
        for (host, status), count in sorted(ended.items(), key=str)
        if host in {kept, gone}
    ]


def _leased(stage: Stage) -> int:
    """How many permits of the quota somebody holds, or held when it died."""
    with stage.engine.connect() as connection:
        return int(connection.execute(text(LEASED)).scalar_one())


def _quota(stage: Stage, installation: Installation, days: int) -> list[str]:
    """What Tushare was asked by whom. Raises `Stuck` when one host asked nothing, or a call was refused."""
    told = stage.sandbox.stats()
    calls = [installation.relay.calls[host.address] for host in installation.hosts]
    if not all(calls):
        raise Stuck(f"one of the hosts asked nothing: {calls}")
    if told["rejections"]:
        raise Stuck(f"calls were refused: {told['rejections']}")
    asked = len([call for call in stage.sandbox.calls(CALLS) if call["api"] == "daily"])
    limit = told["limits"]["daily"]
    if asked <= limit:
        raise Stuck(f"{asked} calls are no test of a quota of {limit}")
    return [
        f"Tushare was called {calls[0]} times by the host that stays and {calls[1]} times by the lost one, "
        f"{asked} times for {days} days of `daily`: of {limit} calls a minute none was refused, and every permit came back"
    ]
