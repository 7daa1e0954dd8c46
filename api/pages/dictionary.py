"""The data dictionary: what a dataset is, what its columns mean, where it has holes, which checks it is held to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.datasets import LISTED
from api.pages import heat, html, overview
from api.pages.asking import ask
from stock_assistant_pipelines.catalog import CATALOG

if TYPE_CHECKING:
    from datetime import date
    from typing import Any

    from fastapi import Request, Response

    from api.database import Database
    from api.pages.asking import Told
    from api.pages.overview import Seen

SHOWN = 60
"""Partitions that are not whole, listed at the most."""
KEYS = 8
"""Missing keys named of each."""


async def show(request: Request, database: Database, name: str, year: int | None) -> Response:
    """All that is known of a dataset."""
    told = await ask(request, f"/datasets/{name}")
    dataset = CATALOG[name]
    seen = await overview.see(database, [dataset], year, periods=None)
    drawn = seen.heats.get(name)
    open_ends = [cell.day for cell in drawn.cells if cell.kind not in overview.WHOLE] if drawn else []
    holes = await _reasons(request, name, open_ends[-SHOWN:])
    values: dict[str, Any] = {"one": told.document, "dataset": dataset, "seen": seen, "holes": holes}
    checks = [(check, _broken(seen, name, check)) for check in overview.checks(dataset)]
    return html.page(request, "dataset.html", [told.source], **values, total=len(open_ends), checks=checks)


async def _reasons(request: Request, name: str, days: list[date]) -> list[dict[str, Any]]:
    """What is known of these partitions, the newest first."""
    if not days:
        return []
    told: Told = await ask(
        request,
        f"/datasets/{name}/coverage",
        start=days[0].isoformat(),
        end=days[-1].isoformat(),
        keys=KEYS,
        limit=1000,
    )
    by_day = {row["partition"]: row for row in told.rows}
    absent = dict.fromkeys(LISTED) | {"status": heat.ABSENT}
    keys = [day.isoformat() for day in reversed(days)]
    return [by_day.get(key, {**absent, "partition": key}) for key in keys]


def _broken(seen: Seen, name: str, check: Any) -> Any:
    """What is booked of a check that blocks, where a partition breaks it."""
    called = " ".join(filter(None, (check.id, check.name)))
    blamed = getattr(check, "blames", None) or name
    return next((doubt for doubt in seen.doubts.get(blamed, ()) if doubt.check == called), None)
