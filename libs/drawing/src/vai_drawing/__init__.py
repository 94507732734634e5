"""What is drawn of an automation, or of one run of it: its steps, and which of them wait for which.

`mermaid.py` and `svg.py` draw it, `drawer.py` does so in a process of its own.
Names, kinds and notes may hold anything: those who draw make them harmless.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Node:
    """A step. `state` is a key of `looks.LOOKS`, or None where no run is drawn; `note` stands small beside the kind."""

    key: str
    name: str
    kind: str
    state: str | None = None
    seconds: float | None = None
    note: str | None = None


@dataclass(frozen=True)
class Edge:
    """`target` waits for `source` (keys of nodes), for its `port` where there is one; `taken` is None before a run."""

    source: str
    target: str
    port: str | None = None
    taken: bool | None = None


@dataclass(frozen=True)
class Graph:
    """A graph without cycles; each key is there once, and every edge joins two of them (else KeyError)."""

    title: str
    nodes: Sequence[Node]
    edges: Sequence[Edge]


def as_json(graph: Graph) -> dict[str, Any]:
    """The graph as JSON; `as_graph` reads it again."""
    nodes, edges = ([vars(one) for one in some] for some in (graph.nodes, graph.edges))
    return {"title": graph.title, "nodes": nodes, "edges": edges}


def as_graph(value: dict[str, Any]) -> Graph:
    """The graph that `as_json` wrote."""
    nodes = [Node(**node) for node in value["nodes"]]
    return Graph(value["title"], nodes, [Edge(**edge) for edge in value["edges"]])
