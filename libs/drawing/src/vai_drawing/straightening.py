"""Removes unnecessary bends from edges, without making any distance too small."""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import inf

_PASSES = 4  # one frees room for the next


class Straightening:
    """Move vertices within the room that their neighbours in the layer leave. Changes `centres` in place."""

    def __init__(
        self,
        rows: Sequence[Sequence[int]],
        apart: Sequence[Sequence[float]],
        chains: Sequence[Sequence[int]],
        centres: list[float],
    ) -> None:
        self._rows = rows
        self._apart = apart
        self._chains = sorted(chains, key=len, reverse=True)
        self._centres = centres
        self._slots = {vertex: (layer, slot) for layer, row in enumerate(rows) for slot, vertex in enumerate(row)}

    def straighten(self) -> None:
        leaving = Counter(chain[0] for chain in self._chains)
        coming = Counter(chain[-1] for chain in self._chains)
        alone = [chain for chain in self._chains if leaving[chain[0]] == coming[chain[-1]] == 1]
        alone.sort(key=lambda chain: self._slots[chain[0]])
        for turn in range(_PASSES):
            for chain in alone:
                self._line_up(chain[0], chain[-1])
            for chain in reversed(self._chains) if turn % 2 else self._chains:
                for run, low, high in self._runs(chain[1:-1]):
                    self._move(chain, run, low, high)

    def _line_up(self, source: int, target: int) -> None:
        """Two nodes that are each other's only neighbour on that side: move the second one below the first, or the
        first one above the second.
        """
        for moved, to in ((target, self._centres[source]), (source, self._centres[target])):
            low, high = self._room(moved)
            if low <= to <= high:
                self._centres[moved] = to
                return

    def _room(self, vertex: int) -> tuple[float, float]:
        layer, slot = self._slots[vertex]
        row, apart = self._rows[layer], self._apart[layer]
        low = self._centres[row[slot - 1]] + apart[slot - 1] if slot else -inf
        high = self._centres[row[slot + 1]] - apart[slot] if slot + 1 < len(row) else inf
        return low, high

    def _runs(self, inner: Sequence[int]) -> Iterator[tuple[list[int], float, float]]:
        """Cut a chain into parts, each as long as a straight line is possible for it, with the range in which this line
        may lie.
        """
        run: list[int] = []
        low, high = -inf, inf
        for vertex in inner:
            from_, to = self._room(vertex)
            if run and max(low, from_) > min(high, to):
                yield run, low, high
                run, low, high = [], -inf, inf
            run.append(vertex)
            low, high = max(low, from_), min(high, to)
        if run:
            yield run, low, high

    def _move(self, chain: Sequence[int], run: list[int], low: float, high: float) -> None:
        """Below its source or above its target where it can be, else as near as it can to where it was."""
        wishes = [self._centres[chain[-1]]] * (run[-1] == chain[-2]) + [self._centres[chain[0]]] * (run[0] == chain[1])
        mean = sum(self._centres[vertex] for vertex in run) / len(run)
        line = next((wish for wish in wishes if low <= wish <= high), min(max(mean, low), high))
        for vertex in run:
            self._centres[vertex] = line
