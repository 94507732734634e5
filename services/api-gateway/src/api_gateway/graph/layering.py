"""From nodes and edges to layers: who stands in which, in which order, and where long edges pass through.

igraph does the hard parts: layers such that all edges together are short, orders such that few of them cross. Its
coordinates are not used: it gives a passing edge as much room as a node, and three nodes the room of ten
(`alignment.py` does better).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from api_gateway.graph.ordering import ordered


@dataclass(frozen=True)
class Layers:
    """Vertices: first the nodes, as they were counted, then one wherever an edge passes a layer.

    `rows` holds the vertices of each layer in order, `chains` those of each edge from its source to its target, and
    `labels` says which vertex is the place of an edge's label (edge → vertex).
    """

    rows: list[list[int]]
    chains: list[list[int]]
    labels: dict[int, int]


def layered(count: int, pairs: Sequence[tuple[int, int]], labelled: Sequence[bool]) -> Layers:
    """Layers of `count` nodes. A labelled edge passes a layer of labels right behind its source.

    Edges lead from earlier to later layers; should there be a cycle, some of its edges lead back.
    """
    rank = _ranks(count, pairs)
    rank = _spread(rank, pairs, labelled)
    chains: list[list[int]] = []
    labels: dict[int, int] = {}
    for number, (source, target) in enumerate(pairs):
        upper, lower = sorted((source, target), key=rank.__getitem__)
        inner = range(len(rank), len(rank) + max(rank[lower] - rank[upper] - 1, 0))
        rank.extend(range(rank[upper] + 1, rank[lower]))
        if labelled[number] and inner:
            labels[number] = inner[0]
        chains.append([source, *(inner if upper == source else reversed(inner)), target])
    return Layers(ordered(rank, chains), chains, labels)


def _ranks(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    import igraph  # here, since the gateway's memory counts

    layout = igraph.Graph(count, pairs, directed=True).layout_sugiyama(vgap=1, maxiter=1)
    return [round(y) for _, y in layout.coords[:count]]


def _spread(rank: list[int], pairs: Sequence[tuple[int, int]], labelled: Sequence[bool]) -> list[int]:
    """Makes room for a layer of labels behind every layer that a labelled edge begins in."""
    named = {min(rank[a], rank[b]) for (a, b), label in zip(pairs, labelled, strict=True) if label}
    before = [0]
    for layer in range(max(rank, default=0) + 1):
        before.append(before[-1] + (layer in named))
    return [layer + before[layer] for layer in rank]
