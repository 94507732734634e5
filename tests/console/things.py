"""What pages of the console show: runs, an agent with a scripted model, a chat with it, a flashboard."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from examples.agent_to_automation.__main__ import ORDERS, shop
from examples.chat_thread.__main__ import QUESTIONS, answer
from tests.console import more_things
from tests.console.driver import SCRIPT, ended, furnish, make_run
from vai_devstack.stack import Stack
from vai_testkit.servers.models.script import Asked, Turn
from vai_testkit.servers.models.server import KEY, serving_models
from vai_testkit.stack import client_of

BOARD = "orders-of-the-shop"

MARKDOWN = f"""## Orders

| status | orders |
|---|---:|
| paid | 812 |

{SCRIPT} [a link](javascript:document.title='ran') ![a picture](https://example.com/x.png)
"""


RULE = {
    "name": f"Failures of the shop {SCRIPT}",
    "tells": ["failed", "late"],
    "lateSeconds": 3600,
    "channel": {"type": "webhook", "url": "http://127.0.0.1:9/alerts"},
}


def says(asked: Asked) -> Turn:
    """The script of the example; Markdown with scripts for whoever asks for Markdown, a query for a tile."""
    if (query := more_things.says(asked)) is not None:
        return query
    if "Markdown" in asked.texts[-1]:
        return Turn(MARKDOWN)
    return replace(answer(asked), between=0.01)


@contextlib.asynccontextmanager
async def talking(stack: Stack) -> AsyncIterator[str]:
    """An agent whose model is a script, as long as the block; its id. One of its tools needs approval."""
    with serving_models() as models, shop() as (server, _told):
        models.says = says
        known = {"config": {"base_url": f"{models.url}/v1"}, "credentials": {"api_key": KEY}}
        tell = {
            "kind": "http_request",
            "name": "tell_the_shop",
            "fixed": {"method": "POST", "url": f"{server.url}/totals"},
            "maySet": ["body"],
            "approval": True,
        }
        run = await make_run(stack, kind="dlt_extract", definition={"source": "sample", "resources": ["orders"]})
        await ended(stack, run["id"])
        provider = await _connection(stack, known)
        agent = {
            "name": "Order analyst",
            "instructions": "Answer questions about orders with a query.",
            "model": f"{provider}/scripted-1",
            "tools": [tell],
            "datasets": [ORDERS],
        }
        made = await _post(stack, "/api/v1/agents", agent)
        yield made["id"]


async def _connection(stack: Stack, known: dict[str, Any]) -> str:
    """The slug of a new connection; several in a session have numbers."""
    body = {"provider": "openai_compatible", "name": "Models that are a script", **known}
    return str((await _post(stack, "/api/v1/connections", body))["slug"])


async def board(stack: Stack, slug: str = BOARD) -> str:
    """A flashboard over the sample's orders, with its first version; its slug."""
    tiles = [
        {"key": "orders", "type": "number", "title": "Orders", "sql": f"SELECT count(*) FROM {ORDERS}"},
        {
            "key": "by_category",
            "type": "chart",
            "chart": "bar",
            "title": "By category",
            "sql": f"SELECT category, count(*) AS orders FROM {ORDERS} GROUP BY 1",
        },
    ]
    definition = {"slug": slug, "title": "Orders of the shop", "tiles": tiles}
    run = await ended(stack, (await make_run(stack, kind="create_flashboard", definition=definition))["id"])
    assert run["status"] == "completed", run["error"]
    return slug


@contextlib.asynccontextmanager
async def things(stack: Stack) -> AsyncIterator[dict[str, str]]:
    """What `PLACES` name, by those names; the chat can go on as long as the block."""
    ids = await furnish(stack)
    async with talking(stack) as agent:
        thread = await _post(stack, "/api/v1/chat/threads", {"agent": agent})
        for text in (QUESTIONS[0], "Show me Markdown."):
            said = await _post(stack, f"/api/v1/chat/threads/{thread['id']}/messages", {"text": text})
            await ended(stack, said["answer"]["runId"])
        rule = await _post(stack, "/api/v1/alert-rules", {**RULE, "filters": {"actions": [ids["action"]]}})
        await _post(stack, f"/api/v1/alert-rules/{rule['id']}/test", {})
        made = await more_things.automation(stack) | await more_things.boards(stack, agent)
        yield {
            **ids,
            **made,
            "rule": rule["id"],
            "agent": agent,
            "thread": thread["id"],
            "board": await board(stack),
        }


async def _post(stack: Stack, path: str, body: dict[str, Any]) -> dict[str, Any]:
    async with client_of(stack) as api:
        answer = await api.post(path, json=body, timeout=60)
        assert answer.status_code in (200, 201, 202), answer.text
        made: dict[str, Any] = answer.json()
        return made
