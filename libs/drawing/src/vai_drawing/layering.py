"""Assigns nodes to layers, and finds the layers that each edge passes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from vai_drawing.ranking import ranked

MOST_PASSAGES = 2_000
"""Up to this number of passages, every edge has its own way. If there are more, edges to one target share a way."""

Pair = tuple[int, int]


@dataclass(frozen=True)
class Wire:
    """An edge between two nodes, by their numbers. Only wires of the same `look` may share a way."""

    source: int
    target: int
    labelled: bool = False
    look: object = None


@dataclass(frozen=True)
class Layers:
    """Vertices: first the nodes, in their order, then one for each layer that an edge passes (a passage).

    `rank` is the layer of each vertex. `chains` are the vertices of each edge, from its source on. A chain ends at the
    target, or, for the edges in `joins`, at a passage of another edge to the same target. `labels` maps an edge to the
    vertex at which its label is written.
    """

    rank: list[int]
    chains: list[list[int]] = field(default_factory=list)
    labels: dict[int, int] = field(default_factory=dict)
    joins: set[int] = field(default_factory=set)

    @property
    def links(self) -> list[Pair]:
        """Every pair of neighbours along the chains."""
        return [pair for chain in self.chains for pair in pairwise(chain)]


def layered(nodes: int, wires: Sequence[Wire]) -> Layers:
    """Make the layers of `nodes` nodes. A labelled edge passes a layer for labels directly after its source.

    Edges lead from earlier to later layers. In a cycle some edges lead back.
    """
    rank = _with_room_for_labels(ranked(nodes, [(wire.source, wire.target) for wire in wires]), wires)
    passages = sum(max(abs(rank[wire.source] - rank[wire.target]) - 1, 0) for wire in wires)
    return _Weaver(rank, shared=passages > MOST_PASSAGES).weave(wires)


class _Weaver:
    """Leads wires through the layers between their ends."""

    def __init__(self, rank: list[int], *, shared: bool) -> None:
        self._layers = Layers(rank)
        self._shared = shared
        # The passages that wires of one look to one target share: (target, look) → layer → vertex.
        self._ways: dict[tuple[int, object], dict[int, int]] = {}

    def weave(self, wires: Sequence[Wire]) -> Layers:
        rank = self._layers.rank
        chains: list[list[int]] = [[] for _ in wires]
        # Long wires first: the others join them.
        for number in sorted(range(len(wires)), key=lambda number: (rank[wires[number].source], number)):
            chains[number] = self._chain(number, wires[number])
        self._layers.chains.extend(chains)
        return self._layers

    def _chain(self, number: int, wire: Wire) -> list[int]:
        rank = self._layers.rank
        if rank[wire.source] > rank[wire.target]:  # leads back, from bottom to top, with its own way
            inner = [self._passage(layer) for layer in range(rank[wire.source] - 1, rank[wire.target], -1)]
            if wire.labelled and inner:
                self._layers.labels[number] = inner[-1]
            return [wire.source, *inner, wire.target]
        chain = [wire.source]
        way = self._ways.setdefault((wire.target, wire.look), {}) if self._shared else {}
        for layer in range(rank[wire.source] + 1, rank[wire.target]):
            if wire.labelled and number not in self._layers.labels:
                chain.append(self._passage(layer))
                self._layers.labels[number] = chain[-1]
                continue
            if layer in way:
                self._layers.joins.add(number)
                return [*chain, way[layer]]
            way[layer] = self._passage(layer)
            chain.append(way[layer])
        return [*chain, wire.target]

    def _passage(self, layer: int) -> int:
        self._layers.rank.append(layer)
        return len(self._layers.rank) - 1


def _with_room_for_labels(rank: list[int], wires: Sequence[Wire]) -> list[int]:
    """Add a layer for labels after every layer in which a labelled edge begins."""
    named = {min(rank[wire.source], rank[wire.target]) for wire in wires if wire.labelled}
    before = [0]
    for layer in range(max(rank, default=0) + 1):
        before.append(before[-1] + (layer in named))
    return [layer + before[layer] for layer in rank]
