"""How long until the API answers, what does it hold in memory, and what has it not imported?"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from bench.measure import Figures, figure, in_turns, number, ratio
from bench.processes import memory
from bench.report import Report, Table
from stock_assistant_pipelines.cli import services

ROOT = Path(__file__).parents[1]
HEAVY = ("dagster", "pandas", "numpy", "tushare", "alembic", "psycopg")
URL = "postgresql://nobody@127.0.0.1:9/none"
"""No database answers there, and none is needed to start."""

ABSENT = f"""
import sys
from api.app import create_app
create_app()
print(",".join(name for name in {HEAVY} if name in sys.modules))
"""


def run(*, quick: bool = False) -> Report:
    """Start the API again and again, in turns with the imports that it cannot do without."""
    rounds = 1 if quick else 15
    environment = {**os.environ, "DATABASE_URL": URL, "PYTHONPATH": str(ROOT)}
    resident: list[float] = []

    def python(code: str) -> None:
        subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=ROOT)

    python("import api.app, fastapi")  # from here on everything is compiled, and in the system's cache
    taken = in_turns(
        {
            "python -c pass": lambda: python("pass"),
            "python -c 'import fastapi'": lambda: python("import fastapi"),
            "… and uvicorn, sqlalchemy.ext.asyncio, asyncpg": lambda: python(
                "import fastapi, uvicorn, sqlalchemy.ext.asyncio, asyncpg, pydantic_settings"
            ),
            "python -c 'import api.app'": lambda: python("import api.app"),
            "API: from start to the first answer": lambda: resident.append(_first_answer(environment)),
        },
        rounds,
    )
    fastapi = taken["python -c 'import fastapi'"]
    done = subprocess.run(
        [sys.executable, "-c", ABSENT], check=True, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    imported = done.stdout.strip()
    return Report(
        "startup",
        "how long until the API answers?",
        [
            Table(
                "Start of a process, everything compiled and cached",
                ("", "seconds", "× import fastapi"),
                [(name, figure(seconds), ratio(seconds.over(fastapi))) for name, seconds in taken.items()],
            ),
            Table(
                "What it holds",
                ("", ""),
                [
                    ("resident memory after the first answer, MB", number(Figures(tuple(resident)).median)),
                    (f"of {', '.join(HEAVY)} it imports", imported or "none"),
                ],
            ),
        ],
        [
            f"{rounds} starts of each, in turns. The answer is that of `/api/v1/health/live`; no database is needed for it."
        ],
    )


def _first_answer(environment: dict[str, str]) -> float:
    """Start the API and wait for its first answer; returns its resident memory then, in MB."""
    port = services.free_port()
    service = services.api(Path(os.devnull), port, "/api/v1")
    with subprocess.Popen(
        service.command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            while not _answers(port):
                if process.poll() is not None:
                    raise RuntimeError("the API ended before it answered")
                time.sleep(0.005)
            return memory(process.pid)
        finally:
            process.kill()  # quicker than asking, and nothing is lost


def _answers(port: int) -> bool:
    """Whether the port answers the question for life with 200."""
    try:
        with socket.create_connection((services.LOOPBACK, port), timeout=5) as connection:
            connection.sendall(b"GET /api/v1/health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except ConnectionError:
        return False
