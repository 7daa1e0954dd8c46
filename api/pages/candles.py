"""Candles: bars as a drawing. The figures are the API's own; drawn is where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from api.pages.parameters import Reach

WIDTH, RIGHT = 860, 796
"""Of the whole drawing, and where the candles end and the prices beside them begin."""
WIDEST = 24
"""Of a candle with its gap."""
TOP, PRICES, GAP, VOLUMES = 8, 250, 26, 64
"""Heights: above the prices, of the prices, between them and the volumes, of the volumes."""
BELOW = TOP + PRICES + 18
"""Where the days are written."""
GROUND = TOP + PRICES + GAP + VOLUMES
"""Where the volumes stand."""
LINES = 5
LABEL = 90
"""Room for the label of a day: those in between have none."""

GROUPS: dict[Reach, Callable[[date], object]] = {
    "3m": lambda day: day,
    "1y": lambda day: day,
    "5y": lambda day: day.isocalendar()[:2],
    "all": lambda day: (day.year, day.month),
}
"""Which days make one candle: each its own, a week's, a month's."""


FIGURES = ("open", "high", "low", "close", "pre_close", "vol", "pct_chg")


@dataclass(frozen=True, slots=True)
class Bar:
    """A candle's figures: of a day, or of several, named by the last of them."""

    day: date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    before: Decimal | None
    """The close before it."""
    vol: Decimal | None
    change: Decimal | None
    """Against the close before, in percent."""

    @property
    def up(self) -> bool:
        """Whether it closed above its open; at its open, whether not below the close before."""
        if self.close != self.open:
            return self.close > self.open
        return self.before is None or self.close >= self.before


@dataclass(frozen=True, slots=True)
class Candle:
    """A bar, drawn as one path: the wick, the body and the volume below them."""

    bar: Bar
    path: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart."""

    candles: tuple[Candle, ...]
    prices: tuple[tuple[float, str], ...]
    """Lines across: y, and the price."""
    days: tuple[tuple[float, date], ...]
    """Below: x, and the day."""
    width: int = WIDTH
    right: int = RIGHT
    below: int = BELOW
    height: int = GROUND + 4


def bars(rows: Iterable[dict[str, Any]], reach: Reach) -> list[Bar]:
    """The bars to draw of a stock's rows, oldest first. A day without a price, since its factor is unknown, has none."""
    daily = [_bar(row) for row in rows if all(row[name] is not None for name in FIGURES[:4])]
    together = GROUPS[reach]
    return [_joined(list(days)) for _, days in groupby(daily, key=lambda bar: together(bar.day))]


def _bar(row: dict[str, Any]) -> Bar:
    figures = (None if row[name] is None else Decimal(row[name]) for name in FIGURES)
    return Bar(date.fromisoformat(row["trade_date"]), *figures)  # type: ignore[arg-type]


def _joined(days: Sequence[Bar]) -> Bar:
    """The bar of several days."""
    if len(days) == 1:
        return days[0]
    close, before = days[-1].close, days[0].before
    return Bar(
        days[-1].day,
        days[0].open,
        max(day.high for day in days),
        min(day.low for day in days),
        close,
        before,
        sum((day.vol for day in days if day.vol is not None), Decimal()),
        (close / before - 1) * 100 if before else None,
    )


def draw(drawn: Sequence[Bar]) -> Drawing:
    """Draw these bars."""
    if not drawn:
        return Drawing((), (), ())
    lines = _lines(min(bar.low for bar in drawn), max(bar.high for bar in drawn))
    low, high = float(lines[0]), float(lines[-1])
    most = float(max((bar.vol or 0 for bar in drawn), default=0)) or 1.0
    step = min(RIGHT / len(drawn), WIDEST)
    start = RIGHT - step * len(drawn)

    def y(price: Decimal) -> float:
        return round(TOP + (high - float(price)) / (high - low) * PRICES, 1)

    candles = tuple(
        Candle(bar, _path(bar, start + (at + 0.5) * step, max(step * 0.7, 0.8), y, most))
        for at, bar in enumerate(drawn)
    )
    apart = max(1, round(LABEL / step))
    days = tuple((round(start + (at + 0.5) * step, 1), drawn[at].day) for at in range(len(drawn) - 1, -1, -apart))
    return Drawing(candles, tuple((y(line), f"{line.normalize():f}") for line in lines), days)


def _path(bar: Bar, middle: float, width: float, y: Callable[[Decimal], float], most: float) -> str:
    top, bottom = sorted((y(bar.open), y(bar.close)))
    x, left, wide = round(middle, 1), round(middle - width / 2, 1), round(width, 1)
    tall = round(bottom - top, 1)
    volume = round(float(bar.vol or 0) / most * VOLUMES, 1)
    wick = f"M{x} {y(bar.high)}V{top}M{x} {bottom}V{y(bar.low)}"
    return f"{wick}M{left} {top}h{wide}v{tall}h-{wide}zM{left} {GROUND}v-{volume}h{wide}v{volume}z"


def _lines(low: Decimal, high: Decimal) -> list[Decimal]:
    """Round prices, evenly apart, that hold all of them between the first and the last."""
    span = (high - low) or abs(high) or Decimal(1)
    power = Decimal(10) ** (span / LINES).adjusted()
    apart = next(power * step for step in (1, 2, 5, 10) if power * step * LINES >= span)
    first = low // apart * apart if low >= 0 else (low // apart - 1) * apart
    lines = [first]
    while lines[-1] < high or len(lines) < 2:
        lines.append(lines[-1] + apart)
    return lines
