"""An automation, or one run of it, as a graph: what is drawn, and in which format it is answered."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response

from api_gateway.graph import Edge, Graph, Node
from api_gateway.graph.mermaid import mermaid
from api_gateway.graph.svg import svg

Json = dict[str, Any]
Format = Annotated[Literal["mermaid", "svg"] | None, Query(description="Left out: as `Accept` says, else Mermaid")]

_SVG = "image/svg+xml"
_MERMAID = "text/vnd.mermaid"
_EXAMPLE = 'flowchart TD\n  n0["extract<br/>dlt_extract"]\n  n1["tell<br/>http_request"]\n  n0 --> n1\n'
_HARMLESS = {"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff"}
_RAN = ("completed", "failed", "cancelled", "rejected", "running")

GRAPH: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The drawing",
        "content": {
            _MERMAID: {"schema": {"type": "string"}, "example": _EXAMPLE},
            _SVG: {"schema": {"type": "string"}, "example": "<svg>…</svg>"},
        },
    }
}


def graph_of(title: str, steps: Sequence[Json], states: Mapping[str, Any] | None = None) -> Graph:
    """The steps as saved; with `states` (a row for each key) as they stand in one run."""
    nodes = [_node(step, None if states is None else states.get(step["key"])) for step in steps]
    edges = [
        Edge(one["step"], step["key"], port, _taken(states, one["step"], step["key"], port))
        for step in steps
        for one in step["depends_on"]
        for port in one["ports"] or [None]
    ]
    return Graph(title, nodes, edges)


async def answer_graph(request: Request, graph: Graph, format: str | None) -> Response:
    """SVG takes a moment of computing, so it is drawn beside the loop."""
    wants_svg = format == "svg" or (format is None and _SVG in request.headers.get("accept", ""))
    if not wants_svg:
        return Response(mermaid(graph), media_type=_MERMAID, headers=_HARMLESS)
    return Response(await asyncio.to_thread(svg, graph), media_type=_SVG, headers=_HARMLESS)


def _node(step: Json, row: Any) -> Node:
    note = None if step["condition"] == "on_success" else step["condition"].replace("_", " ")
    name = step["name"] or step["key"]
    if row is None:
        return Node(step["key"], name, step["kind"], note=note)
    state = "skipped" if row["state"] == "passed_by" else row["state"]
    seconds = None
    if row["started_at"] is not None and row["completed_at"] is not None and state in _RAN:
        seconds = (row["completed_at"] - row["started_at"]).total_seconds()
    return Node(step["key"], name, step["kind"], state, seconds, note)


def _taken(states: Mapping[str, Any] | None, source: str, target: str, port: str | None) -> bool | None:
    """Whether the run went this way; None where nothing is known of it yet."""
    if states is None or source not in states or target not in states:
        return None
    before, after = states[source], states[target]
    if before["state"] in ("waiting", "running"):
        return None
    if port is not None and (before["port"] or before["state"]) != port:
        return False
    return after["state"] in _RAN
