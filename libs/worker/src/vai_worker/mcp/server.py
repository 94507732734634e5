"""One MCP server over streamable HTTP: its tools, and one call of one of them, guarded and bounded (rules 24 and 25).

Each conversation is one of its own: nothing is kept between calls. The official SDK speaks the protocol, in the
versions from 2026 on and those before. It follows redirects within the server's own origin, and no others.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx2

from vai_common.egress.addresses import Policy
from vai_common.egress.httpx2_guard import guarded_client
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_records.connections.credentials import HttpCredentials, Unusable, base_url, http_credentials, secret_texts
from vai_records.secrets.hiding import Hidden
from vai_worker.mcp.tools import LONGEST_WORDS, Came, McpTool, fault_in_schema
from vai_worker.models.outputs import storable

if TYPE_CHECKING:
    from mcp.client.client import Client
    from mcp.types import CallToolResult, Tool

Json = dict[str, Any]

LARGEST_ANSWER: Final = 1 << 20
"""Bytes of one answer of a server, its list of tools among them."""
MOST_TOOLS: Final = 1_000
MOST_PAGES: Final = 20
_SILENCE_SECONDS: Final = 600.0
_BYE_SECONDS: Final = 2.0
_HEADER_MISMATCH: Final = -32_020


@dataclass
class _Heard:
    """What a conversation has come to. `sent`: the call itself has gone out; `status`: the last that was refused."""

    sent: bool = False
    status: int | None = None


@dataclass(frozen=True)
class McpServer:
    """A server as a connection names it."""

    slug: str
    url: str = field(repr=False)
    shown: HttpCredentials = field(repr=False)
    policy: Policy
    hidden: Hidden = field(repr=False)

    @classmethod
    def of(cls, slug: str, config: Mapping[str, Any], credentials: Mapping[str, Any], policy: Policy) -> "McpServer":
        """Raises `Permanent` for a connection that names no address, or has credentials that HTTP cannot use."""
        url = base_url(config)
        if url is None:
            text = f"The connection {slug} has no address: set config.url to that of the MCP server."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"connection": slug})
        try:
            shown = http_credentials(credentials, config)
            whole = str(httpx2.URL(url).copy_merge_params(shown.query)) if shown.query else url
        except (Unusable, httpx2.InvalidURL) as error:
            text = f"The connection {slug} cannot be used: {error}."
            raise Permanent(ErrorCode.AUTH_ERROR, text, {"connection": slug}) from error
        return cls(slug, whole, shown, policy, Hidden(secret_texts(credentials)))

    @property
    def host(self) -> str:
        return httpx2.URL(self.url).host

    async def tools(self, seconds: float) -> tuple[list[McpTool], dict[str, str]]:
        """What the server has, and of tools that cannot be used why. `seconds` for all of it. Raises `RunError`."""
        heard = _Heard()
        try:
            async with asyncio.timeout(seconds), self._talking(heard) as client:
                found = [tool async for tool in _listed(client)]
        except Exception as error:
            raise self._fault(error, heard, seconds) from error
        faults = await asyncio.to_thread(lambda: {tool.name: fault_in_schema(tool.input_schema) for tool in found})
        tools = [self._kept(tool) for tool in found if faults[tool.name] is None]
        return tools, {name: why for name, why in faults.items() if why is not None}

    async def call(self, tool: str, arguments: Json, seconds: float) -> Came:
        """One call. What goes wrong is told in `Came`, for whoever called reads it; nothing is sent twice."""
        heard = _Heard()
        try:
            async with asyncio.timeout(seconds), self._talking(heard) as client:
                answer = await _called(client, tool, arguments, heard)
        except Exception as error:
            fault = self._fault(error, heard, seconds)
            text = fault.message
            if unsure := heard.sent and not _is_refusal(error, heard):
                text += " It is not known whether the call was carried out: look before you call it again."
            return Came(text, failed=True, unsure=unsure, refused_key=fault.code is ErrorCode.AUTH_ERROR)
        return Came(self.hidden.out_of(storable(_value_of(answer))), failed=answer.is_error)

    @asynccontextmanager
    async def _talking(self, heard: _Heard) -> AsyncIterator["Client"]:
        from mcp.client.client import Client
        from mcp.client.streamable_http import streamable_http_client
        from mcp.types import Implementation

        async def hurry(request: httpx2.Request) -> None:
            if request.method == "DELETE":  # the end of a session; nobody waits for it
                request.extensions["timeout"] = httpx2.Timeout(_BYE_SECONDS).as_dict()

        async def note(response: httpx2.Response) -> None:
            # A server of an older version refuses to say what versions it has, and may refuse to be listened to.
            if response.request.method == "POST":
                heard.status = response.status_code if response.status_code >= 300 else None

        async with guarded_client(self.policy, read_timeout=_SILENCE_SECONDS, most_bytes=LARGEST_ANSWER) as http:
            http.headers.update(self.shown.headers)
            http.event_hooks = {"request": [hurry], "response": [note]}
            transport = streamable_http_client(self.url, http_client=http, max_sse_event_size=LARGEST_ANSWER)
            about = Implementation(name="vai", version="1")
            async with Client(transport, cache=None, client_info=about) as client:
                yield client

    def _kept(self, tool: "Tool") -> McpTool:
        hints = tool.annotations
        words = str(self.hidden.text(tool.description or ""))[:LONGEST_WORDS]
        return McpTool(
            tool.name,
            storable(words),
            storable(tool.input_schema),
            hints is not None and bool(hints.idempotent_hint or hints.read_only_hint),
        )

    def _fault(self, error: Exception, heard: _Heard, seconds: float) -> RunError:
        """The error of a conversation that came to nothing."""
        details = {"connection": self.slug, "host": self.host}
        for one in _each(error):
            if isinstance(one, RunError):  # an address that is refused, a host that is unknown
                return self.hidden.error(one)
        if heard.status in (401, 403):
            text = f"{self.host} refuses the credentials of {self.slug} ({heard.status}): correct them."
            return Permanent(ErrorCode.AUTH_ERROR, text, details)
        if isinstance(error, TimeoutError):
            text = f"The MCP server {self.slug} ({self.host}) did not answer within {seconds:,.0f} s."
            return Retryable(ErrorCode.CONNECTION_ERROR, text, details)
        said = "; ".join(dict.fromkeys(f"{one}"[:500] or type(one).__name__ for one in _each(error)))
        status = f" ({heard.status})" if heard.status else ""
        text = f"The MCP server {self.slug} ({self.host}) cannot be talked to{status}: {said}"
        code = ErrorCode.RATE_LIMITED if heard.status == 429 else ErrorCode.CONNECTION_ERROR
        final = heard.status is not None and 300 <= heard.status < 500 and heard.status != 429
        return self.hidden.error((Permanent if final else Retryable)(code, text[:1_500], details))


def _each(error: BaseException) -> Iterator[BaseException]:
    """The errors that a group is made of."""
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _each(one)
    else:
        yield error


def _is_refusal(error: Exception, heard: _Heard) -> bool:
    """Whether the server has said that it did not take the call: then it was not carried out."""
    from mcp.shared.exceptions import MCPError
    from mcp.types import INVALID_PARAMS, METHOD_NOT_FOUND

    if heard.status is not None and heard.status < 500:
        return True
    codes = (INVALID_PARAMS, METHOD_NOT_FOUND, _HEADER_MISMATCH)
    return any(isinstance(one, MCPError) and one.error.code in codes for one in _each(error))


async def _listed(client: "Client") -> AsyncIterator["Tool"]:
    cursor: str | None = None
    number = 0
    for _ in range(MOST_PAGES):
        page = await client.list_tools(cursor=cursor, cache_mode="refresh")
        for tool in page.tools:
            number += 1
            if number > MOST_TOOLS:
                return
            yield tool
        cursor = page.next_cursor
        if cursor is None:
            return


async def _called(client: "Client", tool: str, arguments: Json, heard: _Heard) -> "CallToolResult":
    """The answer as it comes: it is not held against the server's own schema, which may take for ever."""
    from mcp.shared.exceptions import MCPError
    from mcp.types import CallToolRequest, CallToolRequestParams, CallToolResult

    request = CallToolRequest(params=CallToolRequestParams(name=tool, arguments=arguments))
    heard.sent = True
    try:
        return await client.session.send_request(request, CallToolResult)
    except MCPError as error:
        if error.error.code != _HEADER_MISMATCH:
            raise
    async for _ in _listed(client):  # the SDK learns which arguments go into headers; the server had refused the call
        pass
    return await client.session.send_request(request, CallToolResult)


def _value_of(answer: "CallToolResult") -> Any:
    """What an answer says: its structured content, or else its texts; of pictures only that they are there."""
    if answer.structured_content is not None:
        return answer.structured_content
    texts = []
    for block in answer.content:
        told = block.model_dump(mode="json", exclude_none=True)
        inner = told.get("resource") or {}
        text = told.get("text") or inner.get("text")
        kind, where = told.get("mimeType") or told.get("mime_type") or "", told.get("uri") or inner.get("uri") or ""
        texts.append(str(text) if text is not None else f"({' '.join(filter(None, (told['type'], kind, str(where))))})")
    return "\n".join(texts)
