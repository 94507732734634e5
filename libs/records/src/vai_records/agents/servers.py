"""MCP servers that agents have tools of: connections of the provider `mcp` (docs/mcp.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vai_common.queries import Queries
from vai_records.agents.definition import AgentDefinition
from vai_records.catalogue.naming import by_name, ids_in
from vai_records.connections.providers import MCP
from vai_records.refused import Fault

_NAMED = """
SELECT id, slug, provider, status FROM connections
WHERE org_id = $1 AND deleted_at IS NULL AND (slug = ANY($2::text[]) OR id = ANY($3::uuid[]))
"""


@dataclass(frozen=True)
class Server:
    """The connection of a server."""

    id: UUID
    slug: str
    provider: str
    status: str

    @property
    def why_not(self) -> str | None:
        """Why nothing can be called there, whatever the server says."""
        if self.provider != MCP:
            return f"the connection {self.slug!r} is of {self.provider}: name one of the provider {MCP}"
        if self.status == "disabled":
            return f"the connection {self.slug!r} is disabled: enable it, or name another one"
        return None


async def named(conn: Queries, org_id: UUID, agent: AgentDefinition) -> Mapping[str, Server]:
    """By the names that the agent's tools give; what is not there is left out."""
    names = sorted({tool.mcp for tool in agent.tools if tool.mcp})
    rows: Any = await conn.fetch(_NAMED, org_id, names, ids_in(names)) if names else ()
    return {name: Server(**row) for name, row in by_name(names, rows).items()}


def faults_in(agent: AgentDefinition, known: Mapping[str, Server]) -> list[Fault]:
    """What is wrong with the servers of its tools. What tools a server has is asked when a run begins."""
    faults: list[Fault] = []
    for number, tool in enumerate(agent.tools):
        if tool.mcp is None:
            continue
        place, server = ("body", "tools", number, "mcp"), known.get(tool.mcp)
        if server is None:
            faults.append((place, f"there is no connection {tool.mcp!r}", "unknown_connection"))
        elif server.why_not is not None:
            faults.append((place, server.why_not, "value_error"))
    return faults
