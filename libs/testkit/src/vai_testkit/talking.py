"""The official client on a gateway that is served."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent

NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}
MODES = ["auto", "legacy"]
"""Versions of the protocol from 2026 on, and those before."""


@asynccontextmanager
async def talking(url: str, headers: dict[str, str], mode: str = "auto") -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


async def told(client: Client, tool: str, **given: Any) -> Any:
    """What a tool tells, which must be no error."""
    answer = await client.call_tool(tool, given)
    assert not answer.is_error, answer.content
    return _read(answer)


async def refused(client: Client, tool: str, **given: Any) -> Any:
    answer = await client.call_tool(tool, given)
    assert answer.is_error, answer.content
    return _read(answer)


def _read(answer: CallToolResult) -> Any:
    (content,) = answer.content
    assert isinstance(content, TextContent)
    return json.loads(content.text)


class Reports:
    """What a call has reported, and when the first one came."""

    def __init__(self) -> None:
        self.said: list[tuple[float, str | None]] = []
        self.first = asyncio.Event()

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        self.said.append((progress, message))
        self.first.set()
