"""The picture of docs/lifecycle.md: each status with its edges, drawn from the lifecycle's tables."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from vai_records.lifecycle.transitions import EDGES, Edge, Status

_WIDTH, _HEIGHT = 150, 40
_PLACES: dict[Status, tuple[int, int]] = {
    Status.PENDING: (100, 170),
    Status.AWAITING_APPROVAL: (330, 50),
    Status.RUNNING: (530, 170),
    Status.REJECTED: (960, 50),
    Status.COMPLETED: (960, 120),
    Status.FAILED: (960, 190),
    Status.CANCELLED: (960, 270),
}
"""The middle of each box, in pixels; a status that is new needs one."""

_HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1050 350" role="img" font-family="sans-serif">
<title>The statuses of a run, and what leads from one to the next</title>
<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">
<path d="M0 0 8 4 0 8z" fill="#5b6472"/></marker></defs>
<rect width="1050" height="350" rx="8" fill="#ffffff"/>
"""


def picture() -> str:
    """An SVG for pages that are white or dark: it brings its own ground, and neither script nor style."""
    pairs = groupby(sorted(EDGES, key=_ends), key=_ends)
    edges = (_edge(*pair, [f"{edge.cause} ({edge.owner})" for edge in of]) for pair, of in pairs)
    boxes = (_box(status, any(edge.source is status for edge in EDGES)) for status in Status)
    return _HEAD + "\n".join([*edges, *boxes, "</svg>", ""])


def _ends(edge: Edge) -> tuple[Status, Status]:
    return edge.source, edge.target


def _edge(source: Status, target: Status, causes: Iterable[str]) -> str:
    """A line of straight pieces from one box to another, with its causes at its longest piece."""
    (x, y), (to_x, to_y) = _PLACES[source], _PLACES[target]
    left = to_x - _WIDTH // 2
    if (source, target) == (Status.PENDING, Status.CANCELLED):  # below all others, and into the box from there
        below = to_y + 50
        way, middle = f"M{x} {y + _HEIGHT // 2} V{below} H{to_x} V{to_y + _HEIGHT // 2}", ((x + to_x) // 2, below)
    elif source is Status.PENDING and to_y != y:
        way, middle = f"M{x} {y - _HEIGHT // 2} V{to_y} H{left}", (x + 10, (y - _HEIGHT // 2 + to_y) // 2)
    else:
        bend = x + _WIDTH // 2 + 30
        way, middle = f"M{x + _WIDTH // 2} {y} H{bend} V{to_y} H{left}", ((bend + left) // 2, to_y)
    if target is Status.RUNNING and to_y != y:
        middle = (bend, (y + to_y) // 2)
    line = f'<path d="{way}" fill="none" stroke="#5b6472" marker-end="url(#tip)"/>'
    return "\n".join([line, *_words(middle, list(causes))])


def _words(middle: tuple[int, int], lines: list[str]) -> Iterator[str]:
    x, y = middle
    for number, line in enumerate(lines):
        at = y + 4 + 15 * number - 15 * (len(lines) - 1) // 2
        yield (
            f'<text x="{x}" y="{at}" font-size="12" text-anchor="middle" fill="#3a4250" stroke="#ffffff" '
            f'stroke-width="4" paint-order="stroke">{line}</text>'
        )


def _box(status: Status, goes_on: bool) -> str:
    x, y = _PLACES[status]
    box = f'x="{x - _WIDTH // 2}" y="{y - _HEIGHT // 2}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"'
    ground = "#e8f0fe" if goes_on else "#eef1f4"
    word = f'<text x="{x}" y="{y + 5}" font-size="14" text-anchor="middle" fill="#111820">{status}</text>'
    return f'<rect {box} fill="{ground}" stroke="#5b6472"/>\n{word}'
