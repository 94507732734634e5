"""The tools of MCP servers that an agent lists: asked for once, when its run begins, and kept for the whole run."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from vai_common.errors import ErrorCode, Permanent, RunError
from vai_records.agents import servers
from vai_records.agents.definition import AgentDefinition, Tool
from vai_records.agents.servers import Server
from vai_worker.mcp.server import McpServer
from vai_worker.mcp.tools import McpTool
from vai_worker.owned import Owned

Json = dict[str, Any]

LIST_SECONDS: Final = 30.0
"""For all that a server says of its tools."""


@dataclass(frozen=True)
class Served:
    """A tool of a server, and its connection: id and slug."""

    connection_id: str
    connection: str
    tool: McpTool

    def mark(self) -> Json:
        """How a call of it is written."""
        return {
            "connection": self.connection,
            "connection_id": self.connection_id,
            "tool": self.tool.name,
            "idempotent": self.tool.idempotent,
        }


async def told(run: Owned, agent: AgentDefinition) -> Json:
    """What the servers say of the tools that the agent lists, by the names of the connections.

    A tool that a server does not have is left out, and the log says so. Raises `RunError` for a server that cannot be
    asked.
    """
    named = sorted({tool.mcp for tool in agent.tools if tool.mcp})
    if not named:
        return {}
    known = await servers.named(run.pool, run.org_id, agent)
    await run.steady()
    answers = await asyncio.gather(*(_asked(run, name, known.get(name), agent) for name in named))
    found: Json = {}
    for name, answer in zip(named, answers, strict=True):
        if isinstance(answer, RunError):
            raise answer
        found[name] = answer
    return found


def kept(tool: Tool, told: Mapping[str, Json]) -> Served | None:
    """What was kept of a tool; None: its server does not have it."""
    server = told.get(tool.mcp or "")
    if server is None:
        return None
    for one in server["tools"]:
        if one["name"] == tool.tool:
            return Served(server["connection_id"], server["connection"], McpTool(**one))
    return None


async def opened(run: Owned, connection_id: Any) -> McpServer:
    """The server of a connection. Raises `RunError`."""
    connection = await run.connection_of(connection_id)
    return McpServer.of(connection.slug, connection.config, connection.credentials, run.addresses)


async def _asked(run: Owned, name: str, server: Server | None, agent: AgentDefinition) -> Json | RunError:
    """An error is returned, so that each server comes to its end."""
    try:
        if server is None or server.why_not is not None:
            why = server.why_not if server else f"there is no connection {name!r}: save one of the provider mcp"
            return Permanent(ErrorCode.DATA_ERROR, f"Of the agent's tools: {why}.", {"connection": name})
        tools, faults = await (await opened(run, server.id)).tools(LIST_SECONDS)
    except RunError as error:
        if error.code is ErrorCode.AUTH_ERROR and server is not None:
            await run.connection_failed(error.as_json(), of=server.id)
        return error
    listed = {tool.tool for tool in agent.tools if tool.mcp == name}
    for missing in sorted(listed - {tool.name for tool in tools}, key=str):
        why = faults.get(str(missing), "the server has no such tool")
        about = {"connection": server.slug, "tool": missing}
        await run.log("tool_missing", f"{missing} of {server.slug} is left out: {why}"[:500], about, "warning")
    used = [tool.as_json() for tool in tools if tool.name in listed]
    return {"connection_id": str(server.id), "connection": server.slug, "tools": used}
