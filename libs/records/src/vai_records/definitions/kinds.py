"""The catalogue of the fifteen kinds (document 000, "ActionKind Reference"; services: README.md)."""

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    SYNC = "SYNC"
    ASYNC_QUEUE = "ASYNC_QUEUE"


@dataclass(frozen=True)
class Kind:
    """One kind of work: who runs it and how. `available` is false for what this version cannot run yet.

    `provider`: of a kind that needs a connection; where none is named, the organisation's default of it is used.
    """

    name: str
    mode: Mode
    service: str
    category: str
    description: str
    available: bool = False
    provider: str | None = None


_ALL = (
    Kind("dlt_extract", Mode.ASYNC_QUEUE, "extract-worker", "Data Syncs", "Extract data from a source to bronze", True),
    Kind("file_sync", Mode.ASYNC_QUEUE, "extract-worker", "Data Syncs", "Sync files from or to remote storage", True),
    Kind("duckdb_transform", Mode.ASYNC_QUEUE, "transform-worker", "Transformations", "Transform data with SQL", True),
    Kind("http_request", Mode.SYNC, "agent-worker", "Integrations", "Make an HTTP request", True),
    Kind("web_search", Mode.SYNC, "agent-worker", "Research", "Search the web", True, "tavily"),
    Kind("fetch_page", Mode.SYNC, "agent-worker", "Research", "Extract the readable content of a page", True),
    Kind("call_agent", Mode.ASYNC_QUEUE, "agent-worker", "AI Operations", "Delegate work to an agent", True),
    Kind(
        "generate_query",
        Mode.SYNC,
        "transform-worker",
        "AI Operations",
        "Write and run a query over connected data",
        True,
    ),
    Kind("explain_schema", Mode.SYNC, "transform-worker", "AI Operations", "Explain tables and columns", True),
    Kind(
        "agent_search", Mode.SYNC, "agent-worker", "Research", "Search the web for an agent (read-only)", True, "tavily"
    ),
    Kind("agent_fetch_page", Mode.SYNC, "agent-worker", "Research", "Fetch a page for an agent (read-only)", True),
    Kind(
        "create_flashboard",
        Mode.ASYNC_QUEUE,
        "transform-worker",
        "Output",
        "Make a page of numbers, charts and tables",
        True,
    ),
    Kind("approval_gate", Mode.SYNC, "scheduler", "Control Flow", "Wait for a human's approval", True),
    Kind("conditional_branch", Mode.SYNC, "scheduler", "Control Flow", "Evaluate conditions and route", True),
    Kind(
        "call_automation",
        Mode.ASYNC_QUEUE,
        "scheduler",
        "Control Flow",
        "Run another automation as a sub-workflow",
        True,
    ),
)

AGENT_ONLY: dict[str, str] = {"agent_search": "web_search", "agent_fetch_page": "fetch_page"}
"""Kinds that only a run of an agent may have made, and those that do the same for everybody."""

KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
