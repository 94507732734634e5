"""An MCP server of the official SDK on loopback, with the tools that a test gives it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from mcp.server.lowlevel.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import CallToolResult, ListToolsResult, TextContent, Tool, ToolAnnotations

Json = dict[str, Any]
Does = Callable[[Json], Awaitable[CallToolResult]]

ANYTHING: Json = {"type": "object"}


@dataclass
class McpTools:
    """`key` is wanted as a bearer token, if it is set. `called`: the tools and arguments, in their order."""

    url: str = ""
    key: str | None = None
    called: list[tuple[str, Json]] = field(default_factory=list)
    refused: int = 0
    tools: dict[str, tuple[Tool, Does]] = field(default_factory=dict)

    def add(self, name: str, does: Any = None, schema: Json = ANYTHING, **more: Any) -> None:
        """A tool; `does` is its text, or a function of the arguments. `more`: description, output_schema, hints."""
        hints = more.pop("hints", None)
        annotations = ToolAnnotations(**hints) if hints else None
        tool = Tool(name=name, input_schema=schema, annotations=annotations, **more)
        self.tools[name] = (tool, does if callable(does) else _saying(str(does)))

    async def _list(self, _ctx: Any, _params: Any) -> ListToolsResult:
        return ListToolsResult(tools=[tool for tool, _ in self.tools.values()])

    async def _call(self, _ctx: Any, params: Any) -> CallToolResult:
        given = params.arguments or {}
        self.called.append((params.name, given))
        return await self.tools[params.name][1](given)


def said(text: str, *, failed: bool = False, structured: Any = None) -> CallToolResult:
    content = [TextContent(type="text", text=text)]
    return CallToolResult(content=list(content), is_error=failed, structured_content=structured)


def _saying(text: str) -> Does:
    async def does(_given: Json) -> CallToolResult:
        return said(text)

    return does


@asynccontextmanager
async def serving_mcp(*, stateless: bool = True) -> AsyncIterator[McpTools]:
    """A server until the block is left; `stateless=False` keeps sessions, as servers of older versions do."""
    tools = McpTools()
    server: Server[Any] = Server("shop", version="1", on_list_tools=tools._list, on_call_tool=tools._call)
    manager = StreamableHTTPSessionManager(server, stateless=stateless)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        if tools.key is not None and headers.get(b"authorization") != f"Bearer {tools.key}".encode():
            tools.refused += 1
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b"no"})
            return
        await manager.handle_request(scope, receive, send)

    listening = socket.create_server(("127.0.0.1", 0))
    tools.url = f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
    web = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=1))
    runs = asyncio.Event()

    async def serve() -> None:
        async with manager.run():  # entered and left in one task, unlike a fixture
            runs.set()
            await web.serve(sockets=[listening])

    serving = asyncio.create_task(serve())
    await runs.wait()
    try:
        yield tools
    finally:
        web.should_exit = True
        await serving
        listening.close()
