"""The graph that is drawn for an automation or an automation run: its steps, and which of them wait for which.

`mermaid.py` and `svg.py` draw it; `drawer.py` draws SVG in a process of its own. Names, kinds and notes may have any
characters: the drawing modules escape them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Node:
    """A step. `state` is a key of `looks.LOOKS`, or None if no run is drawn. `note` is written in small letters beside
    the kind.
    """

    key: str
    name: str
    kind: str
    state: str | None = None
    seconds: float | None = None
    note: str | None = None


@dataclass(frozen=True)
class Edge:
    """`target` waits for `source` (keys of nodes), and for its `port` if one is given. `taken` is None if no run is
    drawn.
    """

    source: str
    target: str
    port: str | None = None
    taken: bool | None = None


@dataclass(frozen=True)
class Graph:
    """A graph without cycles. Keys are unique, and every edge joins two of them (else KeyError)."""

    title: str
    nodes: Sequence[Node]
    edges: Sequence[Edge]


def as_json(graph: Graph) -> dict[str, Any]:
    """The graph as JSON, for `as_graph`."""
    nodes, edges = ([vars(one) for one in some] for some in (graph.nodes, graph.edges))
    return {"title": graph.title, "nodes": nodes, "edges": edges}


def as_graph(value: dict[str, Any]) -> Graph:
    """The graph that `as_json` wrote."""
    nodes = [Node(**node) for node in value["nodes"]]
    return Graph(value["title"], nodes, [Edge(**edge) for edge in value["edges"]])
