"""Chooses the layer of each node: after all nodes for which it waits, and close to its neighbours."""

from collections import deque
from collections.abc import Iterable, Sequence

_PASSES = 6

Pair = tuple[int, int]


def ranked(nodes: int, pairs: Iterable[Pair]) -> list[int]:
    """The layer of each node, from 0 on. Pairs lead to later layers, except that in a cycle some lead back."""
    forward = _without_cycles(nodes, sorted(set(pairs)))
    before: list[list[int]] = [[] for _ in range(nodes)]
    behind: list[list[int]] = [[] for _ in range(nodes)]
    for source, target in forward:
        behind[source].append(target)
        before[target].append(source)
    order = in_order(nodes, forward)
    rank = [0] * nodes
    for node in order:
        rank[node] = max((rank[other] + 1 for other in before[node]), default=0)
    for _ in range(_PASSES):
        if not _shorten(order, before, behind, rank):
            break
    first = min(rank, default=0)
    return [layer - first for layer in rank]


def in_order(nodes: int, pairs: Sequence[Pair]) -> list[int]:
    """The nodes in an order in which every pair leads forward. If several can be next, the smallest number comes first.

    Nodes in a cycle, and nodes after a cycle, are left out.
    """
    behind: list[list[int]] = [[] for _ in range(nodes)]
    waits = [0] * nodes
    for source, target in pairs:
        behind[source].append(target)
        waits[target] += 1
    ready = deque(node for node in range(nodes) if not waits[node])
    order: list[int] = []
    while ready:
        order.append(node := ready.popleft())
        for target in behind[node]:
            waits[target] -= 1
            if not waits[target]:
                ready.append(target)
    return order


def _shorten(order: Sequence[int], before: list[list[int]], behind: list[list[int]], rank: list[int]) -> bool:
    """Move nodes with more outgoing than incoming edges as far down as possible, which makes their edges shorter."""
    moved = False
    for node in reversed(order):
        if len(behind[node]) > len(before[node]):
            lowest = min(rank[other] for other in behind[node]) - 1
            moved |= lowest != rank[node]
            rank[node] = lowest
    return moved


def _without_cycles(nodes: int, pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs, with those reversed that close a cycle (found by a depth-first search from the first node on)."""
    behind: list[list[int]] = [[] for _ in range(nodes)]
    for source, target in pairs:
        behind[source].append(target)
    place = [0] * nodes  # 0: not seen, 1: on the present path, 2: done
    closing: set[Pair] = set()
    for start in range(nodes):
        if place[start]:
            continue
        place[start] = 1
        walk = [(start, iter(behind[start]))]
        while walk:
            node, targets = walk[-1]
            for target in targets:
                if place[target] == 1:
                    closing.add((node, target))
                elif not place[target]:
                    place[target] = 1
                    walk.append((target, iter(behind[target])))
                    break
            else:
                place[node] = 2
                walk.pop()
    turned = {(target, source) if (source, target) in closing else (source, target) for source, target in pairs}
    return sorted(pair for pair in turned if pair[0] != pair[1])
