"""Draws lines over time as simple SVG."""

from collections.abc import Callable
from html import escape

from tools.deploy.live.prometheus import Line

WIDTH, HEIGHT = 460, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 8, 8, 20
_COLOURS = (
    "#1f77b4",
    "#ff7f0e",
    "#2ca02c",
    "#d62728",
    "#9467bd",
    "#8c564b",
    "#e377c2",
    "#7f7f7f",
    "#bcbd22",
    "#17becf",
)
_SCALES: dict[str, tuple[tuple[float, str], ...]] = {
    "s": ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs")),
    "bytes": ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B")),
    "Bps": ((2**30, "GiB/s"), (2**20, "MiB/s"), (2**10, "KiB/s"), (1, "B/s")),
    "percentunit": ((0.01, "%"),),
    "ops": ((1, "/s"),),
    "reqps": ((1, "/s"),),
}


def spoken(value: float, unit: str) -> str:
    """A value with its unit: 12.5 ms, 3.2 MiB, 40 %."""
    if value == 0:
        return "0"
    factor, word = next(
        (scale for scale in _SCALES.get(unit, ((1, ""),)) if abs(value) >= scale[0]), _SCALES.get(unit, ((1, ""),))[-1]
    )
    return f"{value / factor:,.3g} {word}".strip()


def legend(number: int, name: str, value: str) -> str:
    """The name of a line, in its colour, and its last value."""
    colour = _COLOURS[number % len(_COLOURS)]
    return f'<span class="l"><i style="background:{colour}"></i>{escape(name)} <b>{escape(value)}</b></span>'


def plot(lines: list[Line], unit: str, first: float, last: float, top: float | None = None) -> str:
    """One picture; `top` is the upper end of the scale where it is known."""
    highest = top or max((value for line in lines for _, value in line.points), default=0.0) * 1.08 or 1.0
    across: Callable[[float], float] = lambda at: (  # noqa: E731 - two scales, side by side
        _LEFT + (at - first) / max(last - first, 1) * (WIDTH - _LEFT - _RIGHT)
    )
    down: Callable[[float], float] = lambda value: (  # noqa: E731
        HEIGHT - _BOTTOM - min(value / highest, 1.05) * (HEIGHT - _TOP - _BOTTOM)
    )
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">']
    for share in (0, 0.5, 1):
        y = down(highest * share)
        parts.append(f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="g"/>')
        parts.append(f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" class="y">{spoken(highest * share, unit)}</text>')
    for share in (0, 0.5, 1):
        at = first + (last - first) * share
        place = ("start", "middle", "end")[int(share * 2)]
        parts.append(
            f'<text x="{across(at):.1f}" y="{HEIGHT - 5}" text-anchor="{place}">{(last - first) * share:.0f} s</text>'
        )
    for number, line in enumerate(lines):
        points = " ".join(f"{across(at):.1f},{down(value):.1f}" for at, value in line.points)
        parts.append(f'<polyline points="{points}" stroke="{_COLOURS[number % len(_COLOURS)]}"/>')
    return "".join(parts) + "</svg>"
