"""`/_sandbox`: whether it lives, what was asked of it, what is to go wrong, and what time it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response
from starlette.routing import Route

from stock_assistant_pipelines.sandbox.clock import ClockError, parse_moment
from stock_assistant_pipelines.sandbox.faults import KINDS, FaultError

if TYPE_CHECKING:
    from starlette.requests import Request

    from stock_assistant_pipelines.sandbox.service import Service


class BackDoor:
    """What tests, the demo and the curious may ask of one service and change about it. Errors are `{"error": "…"}`, 422."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[Route]:
        """The routes of the back door."""
        return [
            Route("/_sandbox/health", self.health, methods=["GET"]),
            Route("/_sandbox/stats", self.stats, methods=["GET"]),
            Route("/_sandbox/stats", self.forget, methods=["DELETE"]),
            Route("/_sandbox/faults", self.faults, methods=["GET"]),
            Route("/_sandbox/faults", self.inject, methods=["POST"]),
            Route("/_sandbox/faults", self.heal, methods=["DELETE"]),
            Route("/_sandbox/now", self.set_clock, methods=["PUT"]),
        ]

    async def health(self, request: Request) -> Response:
        """Answer that the service lives, from which source, and what time it believes it is."""
        service = self._service
        return _json({"status": "ok", "source": service.source.label, "now": service.clock.now().isoformat()})

    async def stats(self, request: Request) -> Response:
        """Report what was asked; `?log=N` adds the last N calls with their parameters."""
        text = request.query_params.get("log", "0")
        if not text.isdecimal():
            return _refused("log takes a number of calls")
        return _json(self._service.report(int(text)))

    async def forget(self, request: Request) -> Response:
        """Start the statistics anew."""
        self._service.forget()
        return _json(self._service.report())

    async def faults(self, request: Request) -> Response:
        """List the faults in force, and all that there are."""
        return _json({"active": self._service.faults.report(), "kinds": KINDS})

    async def inject(self, request: Request) -> Response:
        """Put faults in force: `{"fault": "half:api=daily"}` or `{"faults": ["…", "…"]}`, all of them or none."""
        try:
            body = orjson.loads(await request.body())
            numbers = self._service.faults.add(*body["faults"] if "faults" in body else [body["fault"]])
        except FaultError as error:
            return _refused(str(error))
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return _refused('send {"fault": "half:api=daily:times=1"}')
        return _json({"ids": numbers, "active": self._service.faults.report()}, 201)

    async def heal(self, request: Request) -> Response:
        """End all faults; with `?id=N` only that one."""
        text = request.query_params.get("id")
        if text is not None and not text.isdecimal():
            return _refused("id takes the number of a fault")
        self._service.faults.clear(int(text) if text is not None else None)
        return _json({"active": self._service.faults.report()})

    async def set_clock(self, request: Request) -> Response:
        """Stop the clock at a moment, `{"now": "2025-12-18T18:00"}`; null lets it run again."""
        try:
            moment = orjson.loads(await request.body())["now"]
            self._service.clock.fixed = None if moment is None else parse_moment(str(moment))
        except ClockError as error:
            return _refused(str(error))
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return _refused('send {"now": "2025-12-18T18:00"}')
        return _json({"now": self._service.clock.now().isoformat()})


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def _refused(reason: str) -> Response:
    return _json({"error": reason}, 422)
