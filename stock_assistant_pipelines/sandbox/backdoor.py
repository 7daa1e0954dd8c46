"""`/_sandbox`: whether it lives, what was asked of it, what is to go wrong, and what time it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import orjson
from starlette.responses import Response
from starlette.routing import Route

from stock_assistant_pipelines.sandbox.clock import ClockError, parse_moment
from stock_assistant_pipelines.sandbox.faults import FaultError

if TYPE_CHECKING:
    from starlette.requests import Request

    from stock_assistant_pipelines.sandbox.faults import Faults
    from stock_assistant_pipelines.sandbox.service import Service


class Behind(Protocol):
    """What a back door leads to."""

    @property
    def faults(self) -> Faults[Any]:
        """What is to go wrong."""

    def report(self, last: int = 0) -> dict[str, Any]:
        """What was asked so far, with the last calls."""

    def forget(self) -> None:
        """Start the statistics anew."""

    def health(self) -> dict[str, Any]:
        """Who answers here."""


class BackDoor:
    """What tests, the demo and the curious may ask of a server and change about it. Errors are `{"error": "…"}`, 422."""

    def __init__(self, behind: Behind) -> None:
        self._behind = behind

    def routes(self) -> list[Route]:
        """The routes of the back door."""
        return [
            Route("/_sandbox/health", self.health, methods=["GET"]),
            Route("/_sandbox/stats", self.stats, methods=["GET"]),
            Route("/_sandbox/stats", self.forget, methods=["DELETE"]),
            Route("/_sandbox/faults", self.faults, methods=["GET"]),
            Route("/_sandbox/faults", self.inject, methods=["POST"]),
            Route("/_sandbox/faults", self.heal, methods=["DELETE"]),
        ]

    async def health(self, request: Request) -> Response:
        """Answer that the server lives, and who it is."""
        return _json({"status": "ok", **self._behind.health()})

    async def stats(self, request: Request) -> Response:
        """Report what was asked; `?log=N` adds the last N calls with their parameters."""
        text = request.query_params.get("log", "0")
        if not text.isdecimal():
            return _refused("log takes a number of calls")
        return _json(self._behind.report(int(text)))

    async def forget(self, request: Request) -> Response:
        """Start the statistics anew."""
        self._behind.forget()
        return _json(self._behind.report())

    async def faults(self, request: Request) -> Response:
        """List the faults in force, and all that there are."""
        faults = self._behind.faults
        return _json({"active": faults.report(), "kinds": faults.kind.KINDS})

    async def inject(self, request: Request) -> Response:
        """Put faults in force: `{"fault": "half:api=daily"}` or `{"faults": ["…", "…"]}`, all of them or none."""
        try:
            body = orjson.loads(await request.body())
            numbers = self._behind.faults.add(*body["faults"] if "faults" in body else [body["fault"]])
        except FaultError as error:
            return _refused(str(error))
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return _refused('send {"fault": "half:api=daily:times=1"}')
        return _json({"ids": numbers, "active": self._behind.faults.report()}, 201)

    async def heal(self, request: Request) -> Response:
        """End all faults; with `?id=N` only that one."""
        text = request.query_params.get("id")
        if text is not None and not text.isdecimal():
            return _refused("id takes the number of a fault")
        self._behind.faults.clear(int(text) if text is not None else None)
        return _json({"active": self._behind.faults.report()})


class ClockDoor(BackDoor):
    """The back door of a server that has a clock."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._clock = service.clock

    def routes(self) -> list[Route]:
        """The routes of the back door, and that of the clock."""
        return [*super().routes(), Route("/_sandbox/now", self.set_clock, methods=["PUT"])]

    async def set_clock(self, request: Request) -> Response:
        """Stop the clock at a moment, `{"now": "2025-12-18T18:00"}`; null lets it run again."""
        try:
            moment = orjson.loads(await request.body())["now"]
            self._clock.fixed = None if moment is None else parse_moment(str(moment))
        except ClockError as error:
            return _refused(str(error))
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return _refused('send {"now": "2025-12-18T18:00"}')
        return _json({"now": self._clock.now().isoformat()})


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def _refused(reason: str) -> Response:
    return _json({"error": reason}, 422)
