"""Orders the vertices within layers: as the steps were written, changed if fewer edges cross then."""

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from random import Random

from vai_drawing.layering import Layers

_SWEEPS = 12
_MOST_TRIES = 12
_MOST_LINKS = 24_000
"""The bound of work for all tries together. The first try is always made."""
_MOST_SWAPPED = 3_000
"""Up to this number of links, neighbours are also swapped one by one."""

Rows = list[list[int]]
Links = list[list[int]]


def ordered(layers: Layers, nodes: int) -> Rows:
    """The vertices of each layer in the order with the fewest crossings that was found. If two are equal, the earlier
    try counts.

    Tries begin with the order of the nodes' numbers (passages beside their source, or their target), then by chance.
    """
    links = layers.links
    best, fewest = _rows(layers.rank, _keys(layers, nodes, at_source=True)), 0
    if not links:
        return best
    fewest = crossings(best, links)
    neighbours = _neighbours(layers.rank, links)
    chance = Random(0)
    tries = max(1, min(_MOST_TRIES, _MOST_LINKS // len(links)))
    for number in range(tries):
        if not fewest:
            break
        keys = _keys(layers, nodes, at_source=number == 0)
        if number > 1:
            chance.shuffle(keys)
        rows, crossing = _Sweeping(_rows(layers.rank, keys), *neighbours, links).best()
        if crossing < fewest:
            best, fewest = rows, crossing
    return best


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


def _keys(layers: Layers, nodes: int, *, at_source: bool) -> list[float]:
    """The first sort key of each vertex: a node's number; a passage is placed beside one end of its edge."""
    keys: list[float] = [*range(nodes), *([0.0] * (len(layers.rank) - nodes))]
    for chain in layers.chains:
        end = chain[0] if at_source or chain[-1] >= nodes else chain[-1]
        for vertex in chain[1:]:
            if vertex >= nodes and not keys[vertex]:
                keys[vertex] = end + 0.5
    return keys


def _rows(rank: Sequence[int], keys: Sequence[float]) -> Rows:
    rows: Rows = [[] for _ in range(max(rank, default=-1) + 1)]
    for vertex in sorted(range(len(rank)), key=lambda vertex: (keys[vertex], vertex)):
        rows[rank[vertex]].append(vertex)
    return rows


def _neighbours(rank: Sequence[int], links: Iterable[tuple[int, int]]) -> tuple[Links, Links]:
    before: Links = [[] for _ in rank]
    behind: Links = [[] for _ in rank]
    for a, b in links:
        upper, lower = (a, b) if rank[a] < rank[b] else (b, a)
        behind[upper].append(lower)
        before[lower].append(upper)
    return before, behind


class _Sweeping:
    """One try: layer by layer, down and up, each vertex moves to the mean of its neighbours' places."""

    def __init__(self, rows: Rows, before: Links, behind: Links, links: Sequence[tuple[int, int]]) -> None:
        self._rows = rows
        self._before = before
        self._behind = behind
        self._links = links
        self._slot = {vertex: slot for row in rows for slot, vertex in enumerate(row)}

    def best(self) -> tuple[Rows, int]:
        best, fewest = [list(row) for row in self._rows], crossings(self._rows, self._links)
        for sweep in range(_SWEEPS):
            self._sweep(down=sweep % 2 == 0)
            if len(self._links) <= _MOST_SWAPPED:
                self._swap_neighbours()
            crossing = crossings(self._rows, self._links)
            if crossing < fewest:
                best, fewest = [list(row) for row in self._rows], crossing
            if not fewest:
                break
        return best, fewest

    def _sweep(self, *, down: bool) -> None:
        sides = self._before if down else self._behind
        for row in self._rows if down else reversed(self._rows):
            self._settle(row, sorted(row, key=lambda vertex: self._mean(vertex, sides[vertex])))

    def _mean(self, vertex: int, others: Sequence[int]) -> float:
        return sum(self._slot[other] for other in others) / len(others) if others else self._slot[vertex]

    def _settle(self, row: list[int], order: Sequence[int]) -> None:
        row[:] = order
        for slot, vertex in enumerate(row):
            self._slot[vertex] = slot

    def _swap_neighbours(self) -> None:
        for row in self._rows:
            for slot in range(len(row) - 1):
                left, right = row[slot], row[slot + 1]
                if self._crossing(left, right) > self._crossing(right, left):
                    row[slot], row[slot + 1] = right, left
                    self._slot[left], self._slot[right] = slot + 1, slot

    def _crossing(self, left: int, right: int) -> int:
        """Crossings of the links of two vertices that stand in this order."""
        count = 0
        for sides in (self._before, self._behind):
            places = sorted(self._slot[other] for other in sides[left])
            count += sum(len(places) - bisect_right(places, self._slot[other]) for other in sides[right])
        return count
