"""An automation, or one run of it, drawn as a graph: Mermaid or SVG."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response

from vai_api_gateway.gateway import gateway_of
from vai_api_gateway.http.accept import prefers
from vai_api_gateway.problems import Problem
from vai_common.batcher import Overloaded
from vai_common.queries import Row
from vai_drawing import Edge, Graph, Node
from vai_drawing.drawer import Busy
from vai_drawing.layout import TooLarge
from vai_drawing.mermaid import mermaid
from vai_records.automations.advance import shown_state

Json = dict[str, Any]
Format = Annotated[Literal["mermaid", "svg"] | None, Query(description="Left out: as `Accept` says, else Mermaid")]

_SVG = "image/svg+xml"
_MERMAID = "text/vnd.mermaid"
_EXAMPLE = 'flowchart TD\n  n0["extract<br/>dlt_extract"]\n  n1["tell<br/>http_request"]\n  n0 --> n1\n'
_HARMLESS = {"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff"}
_FAILED = ("failed", "cancelled", "rejected")
_RAN = ("completed", *_FAILED, "running")
_TOO_LARGE = "These steps and connections are too many for a drawing: ask for format=mermaid, or read the steps as JSON"

GRAPH: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The drawing",
        "content": {
            _MERMAID: {"schema": {"type": "string"}, "example": _EXAMPLE},
            _SVG: {"schema": {"type": "string"}, "example": "<svg>…</svg>"},
        },
    }
}


def graph_of(title: str, steps: Sequence[Json], states: Mapping[str, Row] | None = None) -> Graph:
    """The saved steps; with `states` (a row for each key) their state in one run."""
    nodes = [_node(step, None if states is None else states.get(step["key"])) for step in steps]
    edges = [
        Edge(one["step"], step["key"], port, _taken(states, one["step"], step, port))
        for step in steps
        for one in step["depends_on"]
        for port in one["ports"] or [None]
    ]
    return Graph(title, nodes, edges)


async def answer_graph(request: Request, make: Callable[[], Graph], format: str | None) -> Response:
    """Mermaid is text. SVG needs some computing, so another process draws it. Raises 422 if it is too large."""
    graph = await asyncio.to_thread(make)  # tens of thousands of connections are a second of work
    wants_svg = format == "svg" or (format is None and prefers(request.headers.get("accept", ""), _SVG, _MERMAID))
    if not wants_svg:
        return Response(await asyncio.to_thread(mermaid, graph), media_type=_MERMAID, headers=_HARMLESS)
    try:
        drawing = await gateway_of(request).drawer.svg(graph)
    except TooLarge:
        raise Problem(422, "too_large", _TOO_LARGE, ("query", "format")) from None
    except Busy:
        raise Overloaded from None
    return Response(drawing, media_type=_SVG, headers=_HARMLESS)


def _node(step: Json, row: Row | None) -> Node:
    note = None if step["condition"] == "on_success" else step["condition"].replace("_", " ")
    name = step["name"] or step["key"]
    if row is None:
        return Node(step["key"], name, step["kind"], note=note)
    state = shown_state(row["state"], row["run_status"])
    seconds = None
    if row["started_at"] is not None and row["completed_at"] is not None and state in _RAN:
        seconds = (row["completed_at"] - row["started_at"]).total_seconds()
    return Node(step["key"], name, step["kind"], state, seconds, note)


def _taken(states: Mapping[str, Row] | None, source: str, step: Json, port: str | None) -> bool | None:
    """Whether the run took this edge; None if that is not known yet.

    An edge from a skipped step is never taken. The port, or else the condition of the waiting step, says for which
    end of the source the edge is.
    """
    if states is None or source not in states or step["key"] not in states:
        return None
    before, after = states[source], states[step["key"]]
    if before["state"] in ("waiting", "running"):
        return None
    if before["state"] not in _RAN or after["state"] in ("passed_by", "skipped"):
        return False
    if port is not None:
        return bool((before["port"] or before["state"]) == port)
    if step["condition"] == "on_error":
        return before["state"] in _FAILED
    return bool(step["condition"] == "always" or before["state"] == "completed")
