"""An MCP server of the official SDK is asked and called; those that are slow, cut, lie or say too much are told."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from vai_common.egress.addresses import PUBLIC, Policy
from vai_common.errors import ErrorCode, RunError
from vai_testkit.servers.mcp import McpTools, said, serving_mcp
from vai_testkit.servers.web import Reply, Seen, WebServer
from vai_worker.mcp.server import LARGEST_ANSWER, McpServer
from vai_worker.mcp.tools import fault_in_schema

Json = dict[str, Any]
HERE = Policy.parse("loopback")
SECRET = "the-secret-of-the-shop"


@pytest.fixture(params=[True, False], ids=["stateless", "sessions"])
async def shop(request: Any) -> AsyncIterator[McpTools]:
    async with serving_mcp(stateless=request.param) as tools:
        yield tools


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    async with WebServer.opened() as server:
        yield server


def at(url: str, policy: Policy = HERE, **credentials: Any) -> McpServer:
    return McpServer.of("shop", {"url": url}, credentials, policy)


async def test_its_tools_are_listed_and_called_with_its_key(shop: McpTools) -> None:
    schema = {"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]}

    async def stock(given: Json) -> Any:
        return said(f"{given['sku']}: 7, key {SECRET}", structured={"sku": given["sku"], "left": 7})

    shop.key = SECRET
    shop.add("stock", stock, schema, description="How many are left.", hints={"read_only_hint": True})
    shop.add("order", "ordered", hints={"idempotent_hint": False})
    shop.add("fail", lambda _: _failing())
    server = at(shop.url, token=SECRET)
    tools, faults = await server.tools(30)
    assert {tool.name: tool.idempotent for tool in tools} == {"stock": True, "order": False, "fail": False}
    assert tools[0].schema == schema
    assert faults == {}
    came = await server.call("stock", {"sku": "a"}, 30)
    assert (came.value, came.failed) == ({"sku": "a", "left": 7}, False)
    assert (await server.call("order", {}, 30)).value == "ordered"
    failed = await server.call("fail", {}, 30)
    assert (failed.value, failed.failed, failed.unsure) == ("no more: [secret]", True, False)
    assert shop.called == [("stock", {"sku": "a"}), ("order", {}), ("fail", {})]


async def _failing() -> Any:
    return said(f"no more: {SECRET}", failed=True)


async def test_a_key_that_is_refused_is_said_to_be(shop: McpTools) -> None:
    shop.key = "another"
    shop.add("stock", "7")
    with pytest.raises(RunError, match="refuses the credentials of shop") as refused:
        await at(shop.url, token=SECRET).tools(30)
    assert refused.value.code is ErrorCode.AUTH_ERROR
    came = await at(shop.url, token=SECRET).call("stock", {}, 30)
    assert (came.failed, came.refused_key, came.unsure) == (True, True, False)
    assert shop.called == []


async def test_a_server_that_does_not_answer_is_left_and_nothing_is_sent_twice(shop: McpTools) -> None:
    came_in, never = asyncio.Event(), asyncio.Event()

    async def slow(_given: Json) -> Any:
        came_in.set()
        await never.wait()

    shop.add("slow", slow)
    seconds = 1
    while not came_in.is_set():  # a slow machine has not sent it by then
        came, seconds = await at(shop.url).call("slow", {}, seconds), 4 * seconds
    assert (came.failed, came.unsure) == (True, True)
    assert "did not answer within" in came.value
    assert len(shop.called) == 1


async def test_an_answer_of_ten_megabytes_is_not_read(shop: McpTools) -> None:
    shop.add("all", "x" * 10_000_000)
    came = await at(shop.url).call("all", {}, 60)
    assert came.failed
    assert came.unsure
    assert len(came.value) < 2_000
    shop.add("much", "ok", description="y" * (2 * LARGEST_ANSWER))
    with pytest.raises(RunError):
        await at(shop.url).tools(60)


_LIES: list[tuple[Any, str | None]] = [
    ({"type": "object", "properties": {"a": {"type": "no-type"}}}, "no JSON Schema"),
    ({"type": "object", "properties": {"a": {"description": "z" * 30_000}}}, "bytes"),
    ({"type": "object", "required": "a"}, "no JSON Schema"),
    ({"type": "object", "properties": {"a": {"type": "string", "pattern": "(a+)+$"}}}, None),
    ({"type": "object", "$ref": "https://127.0.0.1/schema"}, None),
]


@pytest.mark.parametrize(("schema", "why"), _LIES)
async def test_a_schema_that_is_none_is_no_tool_and_one_that_leads_away_is_not_followed(
    schema: Json, why: str | None
) -> None:
    async with serving_mcp() as shop:
        shop.add("odd", "ok", schema)
        shop.add("good", "ok")
        tools, faults = await at(shop.url).tools(30)
    names = [tool.name for tool in tools]
    if why is None:
        assert names == ["odd", "good"]
        assert tools[0].checked == {"type": "object"}
    else:
        assert names == ["good"]
        assert why in faults["odd"]


@pytest.mark.parametrize("schema", [None, [], "object", {"type": "array"}, {"type": ["object"]}])
def test_a_schema_of_something_else_is_none(schema: Any) -> None:
    assert "none of an object" in str(fault_in_schema(schema))


async def test_what_it_says_its_results_are_like_is_not_believed_and_costs_nothing() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}

    async def does(_given: Json) -> Any:
        return said("ok", structured={"a": "a" * 40 + "!"})

    async with serving_mcp() as shop:
        shop.add("lies", does, output_schema=schema)
        async with asyncio.timeout(60):
            came = await at(shop.url).call("lies", {}, 30)
    assert came.value == {"a": "a" * 40 + "!"}


def _rpc(seen: Seen, result: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": json.loads(seen.body or b"{}").get("id"), "result": result}).encode()


def _of_old(call: Callable[[Seen], Reply]) -> Callable[[Seen], Reply]:
    """A server of an older version, whose calls end as `call` says."""

    def reply(seen: Seen) -> Reply:
        asked = json.loads(seen.body or b"{}")
        told = {"content-type": "application/json"}
        if asked.get("method") == "tools/call":
            return call(seen)
        if asked.get("method") == "initialize":
            about = {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "o", "version": "1"},
            }
            return Reply(body=_rpc(seen, about), headers=told)
        if "id" in asked:
            return Reply(404, b"no")
        return Reply(202)

    return reply


_JSON = {"content-type": "application/json"}
_BROKEN: dict[str, tuple[Callable[[Seen], Reply], bool]] = {
    "hangs up": (lambda _: Reply(hang_up=True), True),
    "no json": (lambda _: Reply(body=b"<html>", headers=_JSON), True),
    "html": (lambda _: Reply(body=b"<html>", headers={"content-type": "text/html"}), True),
    "another shape": (lambda seen: Reply(body=_rpc(seen, {"content": 7}), headers=_JSON), True),
    "500": (lambda _: Reply(500, b"no"), True),
    "400": (lambda _: Reply(400, b"no"), False),
    "401": (lambda _: Reply(401, b"no"), False),
    "429": (lambda _: Reply(429, b"no"), False),
    "stream cut": (
        lambda _: Reply(body=b"event: message\ndata: {", headers={"content-type": "text/event-stream"}),
        True,
    ),
    "packed": (lambda _: Reply(body=b"x", headers={"content-encoding": "gzip", **_JSON}), True),
    "away": (lambda _: Reply(307, headers={"location": "http://169.254.169.254/"}), False),
    "elsewhere": (lambda _: Reply(307, headers={"location": "http://127.0.0.1:1/mcp"}), False),
}


@pytest.mark.parametrize("kind", _BROKEN)
async def test_what_becomes_of_a_call_is_told_and_whether_it_was_carried_out(web: WebServer, kind: str) -> None:
    call, unsure = _BROKEN[kind]
    web.replies["/mcp"] = _of_old(call)
    async with asyncio.timeout(60):
        came = await at(f"{web.url}/mcp").call("order", {"n": 1}, 30)
    assert came.failed
    assert came.unsure == unsure, came
    calls = [seen for seen in web.seen if b"tools/call" in seen.body]
    assert len(calls) == 1


async def test_private_addresses_are_refused(web: WebServer) -> None:
    with pytest.raises(RunError, match="is refused") as refused:
        await at(f"{web.url}/mcp", PUBLIC).tools(30)
    assert refused.value.code is ErrorCode.CONNECTION_ERROR
    came = await at(f"{web.url}/mcp", PUBLIC).call("order", {}, 30)
    assert (came.failed, came.unsure) == (True, False)
    assert web.seen == []


@pytest.mark.parametrize("config", [{}, {"url": "shop"}, {"url": "ftp://shop.example"}])
def test_a_connection_without_an_address_says_what_to_set(config: Json) -> None:
    with pytest.raises(RunError, match=r"config\.url"):
        McpServer.of("shop", config, {}, PUBLIC)
