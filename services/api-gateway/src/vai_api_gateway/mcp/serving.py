"""What speaks the protocol: the official SDK, which is loaded with the first request (docs/mcp.md)."""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import ValidationError

from vai_api_gateway.auth.roles import asked_by
from vai_api_gateway.mcp import exposed
from vai_api_gateway.mcp.cancelling import GONE, LiveCalls, name_of
from vai_api_gateway.mcp.following import Following, has_failed
from vai_api_gateway.mcp.inner import Inner, Refusal
from vai_api_gateway.mcp.shortening import text_of
from vai_api_gateway.mcp.tools import GENERIC
from vai_api_gateway.metrics import mcp_calls
from vai_common.queries import Queries
from vai_common.validation_messages import told
from vai_records.people.people import Role

if TYPE_CHECKING:
    from fastapi import Request
    from mcp.server.context import ServerRequestContext
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from mcp.types import CallToolRequestParams, CallToolResult, ListToolsResult

Json = dict[str, Any]

_log = structlog.get_logger()

_INSTRUCTIONS = (
    "VAI runs units of work on connected services. What it has done is in runs; tables are in datasets. A tool that "
    "starts a run waits for its end; if the run goes on, call wait_for_run with its runId."
)
_UNKNOWN_TOOL = -32602
_TAKEN_BACK = -32800


class Mcp:
    """The server of one gateway. It keeps nothing between requests but the calls that go on."""

    def __init__(self, pool: Queries, stopping: asyncio.Event) -> None:
        self.calls = LiveCalls(pool)
        self._stopping = stopping
        self._loading: asyncio.Future[StreamableHTTPSessionManager] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def manager(self) -> "StreamableHTTPSessionManager":
        """What handles requests; the first one waits until it is loaded."""
        if self._loading is None:
            self._loading = asyncio.get_running_loop().create_future()
            self._spawn(self._run(self._loading))
        return await asyncio.shield(self._loading)

    async def _run(self, loading: "asyncio.Future[StreamableHTTPSessionManager]") -> None:
        """Until the gateway stops."""
        manager = await asyncio.to_thread(self._made)
        async with manager.run():
            loading.set_result(manager)
            await self._stopping.wait()

    def _made(self) -> "StreamableHTTPSessionManager":
        from mcp.server.lowlevel.server import Server
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        from vai_api_gateway.http.requests import LARGEST_BODY

        server: Server[Any] = Server(
            *("vai",),
            version="1",
            title="VAI",
            instructions=_INSTRUCTIONS,
            get_tool_input_schema=lambda _name: None,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
        )
        return StreamableHTTPSessionManager(server, stateless=True, max_request_body_size=LARGEST_BODY)

    async def _list_tools(self, ctx: "ServerRequestContext[Any, Request]", _params: Any) -> "ListToolsResult":
        from mcp.types import ListToolsResult, Tool, ToolAnnotations

        assert ctx.request is not None
        role = asked_by(ctx.request).role
        tools = [
            Tool(
                name=tool.name,
                description=tool.words,
                input_schema=tool.schema,
                annotations=ToolAnnotations(read_only_hint=not tool.changes, open_world_hint=tool.changes),
            )
            for tool in GENERIC.values()
            if role.covers(tool.role)
        ]
        if role.covers(Role.OPERATOR):
            acts = ToolAnnotations(read_only_hint=False, open_world_hint=True)
            tools += [
                Tool(name=one["name"], description=one["description"], input_schema=one["schema"], annotations=acts)
                for one in await exposed.offered(Inner(ctx.request))
            ]
        return ListToolsResult(tools=tools)

    async def _call_tool(
        self, ctx: "ServerRequestContext[Any, Request]", params: "CallToolRequestParams"
    ) -> "CallToolResult":
        from mcp.shared.exceptions import MCPError

        request = ctx.request
        assert request is not None
        following = Following(
            Inner(request),
            lambda seconds, words: ctx.session.report_progress(seconds, None, words),
            self._stopping,
            patient=bool(ctx.meta and ctx.meta.get("progress_token") is not None),
        )
        taken_back = False
        with self.calls.going_on(name_of(request, ctx.request_id)) as cancelled:
            work = asyncio.ensure_future(self._done(following, params.name, params.arguments or {}))
            back = asyncio.ensure_future(cancelled.wait())
            try:
                await asyncio.wait((work, back), return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    return await work
                taken_back = True
                raise MCPError(_TAKEN_BACK, "Request cancelled")
            except asyncio.CancelledError:
                taken_back = bool(request.scope.get(GONE))
                raise
            finally:
                back.cancel()
                work.cancel()
                if taken_back:
                    mcp_calls.labels(_label(params.name), "cancelled").inc()
                    self._spawn(following.take_back())

    async def _done(self, following: Following, name: str, given: Json) -> "CallToolResult":
        from mcp.shared.exceptions import MCPError
        from mcp.types import CallToolResult, TextContent

        tool = GENERIC.get(name)
        try:
            if tool is None:
                answer: Any = await exposed.called(following, name, given)
            else:
                answer = await tool.work(following, tool.takes.model_validate(given))
            failed = has_failed(answer)
        except ValidationError as error:
            answer, failed = _faults(error, GENERIC[name].takes), True
        except Refusal as error:
            answer, failed = {"status": error.status, "detail": error.told}, True
        if answer is None:
            raise MCPError(_UNKNOWN_TOOL, f"there is no tool {name[:100]!r}; tools/list says which there are")
        mcp_calls.labels(_label(name), "error" if failed else "ok").inc()
        return CallToolResult(content=[TextContent(type="text", text=text_of(answer))], is_error=failed)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("mcp_failed", error=f"{type(error).__name__}: {error}")
            if self._loading is not None and not self._loading.done():
                self._loading.set_exception(error)
                self._loading = None


def _faults(error: ValidationError, model: Any) -> Json:
    """As a route tells of a body that does not fit."""
    found = [
        {"loc": ["arguments", *one["loc"]], "msg": told(one["msg"], one["loc"], model)[:2_000], "type": one["type"]}
        for one in error.errors(include_url=False, include_input=False, include_context=False)[:50]
    ]
    return {"status": 422, "detail": found}


def _label(name: str) -> str:
    return name if name in GENERIC else "exposed"
