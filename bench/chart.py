"""Charts: bars side by side on a logarithmic scale, as SVG that reads on a light and on a dark page."""

from __future__ import annotations

from html import escape
from math import ceil, floor, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDTH, LEFT, TOP, BAR, GAP, LINE = 960, 170, 64, 15, 14, 20
COLOURS = ("#1a7f5a", "#4fb286", "#9ad8b8", "#8a8f98", "#c98b2b", "#b4532a", "#6f5bb5", "#3f6fb5")


def bars(title: str, unit: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """One group of bars below the other; each bar carries its figure."""
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    values = [value for group in groups.values() for value in group.values() if value > 0]
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    scale = (WIDTH - LEFT - 70) / max(1, high - low)
    parts = [f'<text x="12" y="24" class="title">{escape(title)}</text>', _legend(names)]
    top = TOP + LINE * ceil(len(names) / 4)
    at = top
    for label, group in groups.items():
        parts.append(f'<text x="{LEFT - 10}" y="{at + BAR * len(group) / 2 + 4}" class="label">{escape(label)}</text>')
        for name, value in group.items():
            length = max(1.0, (log10(value) - low) * scale) if value > 0 else 0
            colour = COLOURS[names.index(name) % len(COLOURS)]
            parts.append(f'<rect x="{LEFT}" y="{at}" width="{length:.1f}" height="{BAR - 2}" fill="{colour}"/>')
            parts.append(f'<text x="{LEFT + length + 5:.1f}" y="{at + BAR - 4}">{_figure(value)}</text>')
            at += BAR
        at += GAP
    grid = [_tick(LEFT + (power - low) * scale, power, top - 6, at, unit) for power in range(low, high + 1)]
    return _document(at + 30, grid + parts)


def _legend(names: list[str]) -> str:
    words = []
    for at, name in enumerate(names):
        x, y = 12 + (at % 4) * 235, 44 + LINE * (at // 4)
        colour = COLOURS[at % len(COLOURS)]
        words.append(f'<rect x="{x}" y="{y - 9}" width="11" height="11" fill="{colour}"/>')
        words.append(f'<text x="{x + 17}" y="{y + 1}">{escape(name)}</text>')
    return "".join(words)


def _tick(x: float, power: int, top: float, bottom: float, unit: str) -> str:
    line = f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" class="grid"/>'
    return line + f'<text x="{x:.1f}" y="{bottom + 16}" class="tick">{_figure(10.0**power)} {escape(unit)}</text>'


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _document(height: float, parts: list[str]) -> str:
    style = (
        "text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-size:15px;font-weight:600}"
        ".label{text-anchor:end}.tick{text-anchor:middle;fill:#6e7781}.grid{stroke:#d0d7de}"
        ".page{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.tick{fill:#8b949e}"
        ".grid{stroke:#30363d}.page{fill:#0d1117}}"
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img">'
    return f'{head}<style>{style}</style><rect class="page" width="100%" height="100%"/>{"".join(parts)}</svg>\n'
