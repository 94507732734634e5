"""The order within layers: one in which few edges cross."""

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from itertools import pairwise
from random import Random

_SWEEPS = 100
_TRIES = 24
_MOST_VERTICES = 5_000  # of all tries


def ordered(rank: list[int], chains: list[list[int]]) -> list[list[int]]:
    """The best of some tries: where igraph begins decides in which local minimum it ends."""
    links = [link for chain in chains for link in pairwise(chain)]
    vertices = list(range(len(rank)))
    best, fewest = _order(rank, links, vertices), -1
    shuffle = Random(0).shuffle
    for _ in range(min(_TRIES, _MOST_VERTICES // max(len(rank), 1))):
        fewest = crossings(best, links) if fewest < 0 else fewest
        if not fewest:
            break
        shuffle(vertices)
        other = _order(rank, links, vertices)
        if (crossing := crossings(other, links)) < fewest:
            best, fewest = other, crossing
    return best


def _order(rank: list[int], links: list[tuple[int, int]], vertices: list[int]) -> list[list[int]]:
    """The layers in igraph's order; it is told the vertices in this one."""
    import igraph

    number = {vertex: told for told, vertex in enumerate(vertices)}
    graph = igraph.Graph(len(rank), [(number[a], number[b]) for a, b in links], directed=True)
    coords = graph.layout_sugiyama(layers=[rank[vertex] for vertex in vertices], maxiter=_SWEEPS).coords
    rows: list[list[int]] = [[] for _ in range(max(rank, default=-1) + 1)]
    for told in sorted(range(len(rank)), key=lambda told: (coords[told][0], told)):
        rows[rank[vertices[told]]].append(vertices[told])
    return rows


def crossings(rows: Sequence[Sequence[int]], links: Iterable[tuple[int, int]]) -> int:
    """How many pairs of links between the same layers cross."""
    slots = {vertex: (layer, slot) for layer, row in enumerate(rows) for slot, vertex in enumerate(row)}
    count, layer, seen = 0, -1, list[int]()
    for (upper, _), (_, slot) in sorted(sorted((slots[a], slots[b])) for a, b in links):
        if upper != layer:
            layer, seen = upper, []
        count += len(seen) - bisect_right(seen, slot)
        insort(seen, slot)
    return count
