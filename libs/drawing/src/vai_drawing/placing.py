"""Computes places from layers: the thickness of each layer, its distance from the next one, and the way of every
edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from vai_drawing.alignment import aligned
from vai_drawing.layering import Layers

LAYER_GAP = 44  # px

_LABEL_GAP, _MOST_GAP = 20, 160

Point = tuple[float, float]
Size = tuple[float, float]


@dataclass(frozen=True)
class Places:
    """For every vertex its centre across its layer, and where the layer begins and ends. In px, from 0 on.

    `down` says that layers follow each other from top to bottom, else they do from left to right.
    """

    down: bool
    centres: list[float]
    begins: list[float]
    ends: list[float]
    breadth: float
    length: float

    @property
    def size(self) -> Size:
        return self._turned(self.breadth, self.length)

    def centre(self, vertex: int) -> Point:
        return self._turned(self.centres[vertex], (self.begins[vertex] + self.ends[vertex]) / 2)

    def way(self, chain: Sequence[int]) -> list[Point]:
        """Two points for each step from layer to layer: where the edge leaves a vertex, and where it reaches the next
        one.
        """
        points: list[Point] = []
        for a, b in pairwise(chain):
            forward = self.begins[a] < self.begins[b]
            points.append(self._turned(self.centres[a], self.ends[a] if forward else self.begins[a]))
            points.append(self._turned(self.centres[b], self.begins[b] if forward else self.ends[b]))
        return points

    def _turned(self, across: float, along: float) -> Point:
        return (across, along) if self.down else (along, across)


def placed(layers: Layers, rows: Sequence[Sequence[int]], nodes: int, sizes: Sequence[Size], down: bool) -> Places:
    """`rows` are the layers in order, `sizes` width and height of all vertices; the first `nodes` are nodes."""
    breadths = [width if down else height for width, height in sizes]
    depths = [height if down else width for width, height in sizes]
    centres = aligned(rows, layers.chains, nodes, breadths)
    first = min((centre - breadth / 2 for centre, breadth in zip(centres, breadths, strict=True)), default=0)
    centres = [centre - first for centre in centres]
    gaps = _gaps(layers, centres, [min(row) >= nodes for row in rows])
    begins, ends, along = [0.0] * len(sizes), [0.0] * len(sizes), 0.0
    for row, gap in zip(rows, gaps, strict=True):
        along += gap
        depth = max(depths[vertex] for vertex in row)
        for vertex in row:
            begins[vertex], ends[vertex] = along, along + depth
        along += depth
    breadth = max((centre + size / 2 for centre, size in zip(centres, breadths, strict=True)), default=0)
    return Places(down, centres, begins, ends, breadth, along)


def _gaps(layers: Layers, centres: Sequence[float], labels: Sequence[bool]) -> list[float]:
    """The room before each layer: more where edges have a long way across, so that they do not run flat."""
    across = [0.0] * len(labels)
    for a, b in layers.links:
        lower = max(layers.rank[a], layers.rank[b])
        across[lower] = max(across[lower], abs(centres[a] - centres[b]))
    gaps = [0.0] * len(labels)
    for layer in range(1, len(labels)):
        least = _LABEL_GAP if labels[layer - 1] or labels[layer] else LAYER_GAP
        gaps[layer] = max(least, min(across[layer] / 5, _MOST_GAP))
    return gaps
