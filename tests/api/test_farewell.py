"""A server that has said that it goes, and has not hung up yet, is gone: nobody waits for it, and the next one is asked."""

from __future__ import annotations

import asyncio

import pytest
from proxy import behind_a_proxy

from api import problems, versions
from api.problems import Problem


def test_who_asks_is_told_that_it_is_gone_and_then_answered_again(market: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "PAUSE", 0.0)

    async def asked() -> None:
        async with behind_a_proxy(market) as (database, proxy), asyncio.timeout(20):
            async with database.read():
                assert await database.watch.now() is not None
            await proxy.say_farewell()
            assert await database.watch.now() is None
            with pytest.raises(Problem) as refused:
                async with database.read():
                    pass
            assert refused.value.kind is problems.DATABASE_UNAVAILABLE
            async with database.read():
                assert await database.watch.now() is not None

    asyncio.run(asked())


def test_nobody_waits_for_versions_that_could_not_be_asked_for(market: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: versions.Watch) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(versions.Watch, "_ask", fail)

    async def asked() -> None:
        async with behind_a_proxy(market) as (database, _), asyncio.timeout(20):
            assert await database.watch.now() is None
            # Taken here: else it is said at some later moment, in the midst of whatever runs then.
            with pytest.raises(RuntimeError, match="a mistake of ours"):
                await database.watch._asking

    asyncio.run(asked())
