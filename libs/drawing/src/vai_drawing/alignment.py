"""Places the vertices within their layers: close to their neighbours, in their order, and never too close to each
other.

For each layer: the ideal place of a vertex is the mean of its neighbours' places. The chosen places have the smallest
sum of squared distances from the ideal ones that keeps order and distances. This is an isotonic regression, computed in
one pass (pool adjacent violators).
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from vai_drawing.straightening import Straightening

NODE_GAP = 24  # px

_PASSING_GAP = 16
_SWEEPS = 24
_MOST_VISITS = 400_000
_UNJOINED = 0.01  # the weight of a vertex without a neighbour on that side: it hardly moves

_JOINING = 0.05

Links = list[list[tuple[int, float]]]


def aligned(
    rows: Sequence[Sequence[int]], chains: Sequence[Sequence[int]], nodes: int, breadths: Sequence[float]
) -> list[float]:
    """The centre of every vertex across the layers, in px. Vertices from number `nodes` on are passages of edges."""
    rank = {vertex: layer for layer, row in enumerate(rows) for vertex in row}
    before, behind = _links(chains, rank, nodes)
    both = [a + b for a, b in zip(before, behind, strict=True)]
    centres = [0.0] * len(rank)
    distances = [_distances(row, breadths, nodes) for row in rows]
    for row, apart in zip(rows, distances, strict=True):
        _settle(row, apart, [(0.0, 1.0)] * len(row), centres)
    sweeps = max(2, min(_SWEEPS, _MOST_VISITS // max(len(rank), 1)))
    for sweep in range(sweeps):
        links = both if sweep >= sweeps - 6 else behind if sweep % 2 else before
        for layer in reversed(range(len(rows))) if sweep % 2 else range(len(rows)):
            wishes = [_wish(vertex, links[vertex], centres) for vertex in rows[layer]]
            _settle(rows[layer], distances[layer], wishes, centres)
    Straightening(rows, distances, chains, centres).straighten()
    return centres


def _links(chains: Iterable[Sequence[int]], rank: dict[int, int], nodes: int) -> tuple[Links, Links]:
    """The neighbours in the layer before and in the one after, with weights. Parts of long edges have large weights, so
    that these edges become straight.
    """
    before: Links = [[] for _ in rank]
    behind: Links = [[] for _ in rank]
    for chain in chains:
        for a, b in pairwise(chain):
            joins = b == chain[-1] and b >= nodes  # it may come from far away: the edge that it joins stays straight
            weight = _JOINING if joins else (1.0, 2.0, 8.0)[(a >= nodes) + (b >= nodes)]
            upper, lower = (a, b) if rank[a] < rank[b] else (b, a)
            behind[upper].append((lower, weight))
            before[lower].append((upper, weight))
    return before, behind


def _distances(row: Sequence[int], breadths: Sequence[float], nodes: int) -> list[float]:
    """The smallest distance from each vertex to the next one."""
    return [
        (breadths[a] + breadths[b]) / 2 + (NODE_GAP if a < nodes and b < nodes else _PASSING_GAP)
        for a, b in pairwise(row)
    ]


def _wish(vertex: int, links: list[tuple[int, float]], centres: list[float]) -> tuple[float, float]:
    if not links:
        return centres[vertex], _UNJOINED
    weight = sum(weight for _, weight in links)
    return sum(centres[other] * weight for other, weight in links) / weight, weight


def _settle(
    row: Sequence[int], apart: Sequence[float], wishes: Sequence[tuple[float, float]], centres: list[float]
) -> None:
    offsets = [0.0]
    for distance in apart:
        offsets.append(offsets[-1] + distance)
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many vertices stand side by side without a gap
    for offset, (wish, weight) in zip(offsets, wishes, strict=False):
        block = (wish - offset, weight, 1)
        while blocks and blocks[-1][0] >= block[0]:
            mean, heavy, many = blocks.pop()
            total = heavy + block[1]
            block = ((mean * heavy + block[0] * block[1]) / total, total, many + block[2])
        blocks.append(block)
    placed = (mean for mean, _, many in blocks for _ in range(many))
    for vertex, offset, mean in zip(row, offsets, placed, strict=False):
        centres[vertex] = mean + offset
