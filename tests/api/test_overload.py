"""Under more requests than can be answered some wait, briefly, and the rest is told so at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.engine import make_url

from api import problems
from api.database import Database
from api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def crowd(
    market: str, size: int, work: Callable[[Database], Awaitable[None]], *, running: int = 2, waiting: int = 3
) -> list[Problem]:
    """Let so many read at once, and tell who was refused."""
    database = Database(make_url(market), running, waiting)
    try:
        ends = await asyncio.gather(*(work(database) for _ in range(size)), return_exceptions=True)
    finally:
        await database.close()
    refused = [end for end in ends if end is not None]
    assert all(isinstance(end, Problem) for end in refused), refused
    return [end for end in refused if isinstance(end, Problem)]


def test_as_many_read_as_there_are_connections_some_wait_and_the_rest_is_refused_at_once(market: str) -> None:
    inside: list[int] = []
    most = 0

    async def work(database: Database) -> None:
        nonlocal most
        async with database.read():
            inside.append(1)
            most = max(most, len(inside))
            await asyncio.sleep(0.05)
            inside.pop()

    refused = asyncio.run(crowd(market, 9, work))
    assert most == 2
    assert len(refused) == 4
    assert {(problem.kind, problem.headers["Retry-After"]) for problem in refused} == {(problems.OVERLOADED, "1")}


def test_who_waited_in_vain_is_refused_and_takes_no_turn_away(market: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.database.POOL_SECONDS", 0.01)

    async def work(database: Database) -> None:
        async with database.read():
            await asyncio.sleep(0.2)

    async def twice(database: Database) -> None:
        await work(database)
        await work(database)

    assert len(asyncio.run(crowd(market, 3, twice, running=1))) == 2


def test_a_failure_gives_its_turn_back(market: str) -> None:
    async def work(database: Database) -> None:
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                async with database.read():
                    raise ZeroDivisionError
        async with database.read():
            pass

    assert asyncio.run(crowd(market, 1, work, running=1, waiting=0)) == []
