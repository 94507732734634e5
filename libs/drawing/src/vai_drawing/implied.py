"""Finds edges that follow from others: if A leads to B and B to C, an edge from A to C adds nothing."""

from dataclasses import replace

from vai_drawing import Edge, Graph
from vai_drawing.ranking import in_order


def without_implied(graph: Graph) -> Graph:
    """The graph without the edges that a longer way implies. Edges with a port stay. A graph with a cycle stays as it
    is.
    """
    index = {node.key: number for number, node in enumerate(graph.nodes)}
    pairs = [(index[edge.source], index[edge.target]) for edge in graph.edges]
    behind: list[set[int]] = [set() for _ in index]
    for source, target in pairs:
        behind[source].add(target)
    order = in_order(len(index), sorted(set(pairs)))
    if len(order) < len(index):
        return graph
    # Sets of nodes as integers, one bit per node: those reached from a node, and those in two steps or more.
    reached = [0] * len(index)
    farther = [0] * len(index)
    for node in reversed(order):
        for target in behind[node]:
            farther[node] |= reached[target]
        reached[node] = farther[node] | sum(1 << target for target in behind[node])

    def is_needed(edge: Edge) -> bool:
        return edge.port is not None or not farther[index[edge.source]] >> index[edge.target] & 1

    return replace(graph, edges=[edge for edge in graph.edges if is_needed(edge)])
