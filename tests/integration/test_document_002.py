"""Every JSON block of document 002 is saved by the REST API and run on the whole stack (decision 46)."""

import httpx2
import pytest

from tests.integration.automations import AUTOMATION_RUNS, AUTOMATIONS, Json, ended, states, triggered
from tests.integration.runs import decide
from tests.spec.automations import BLOCKS, Block, bodies
from vai_testkit.servers.web import Reply, WebServer
from vai_testkit.wait import wait_for

pytestmark = pytest.mark.any_broker

SKIPPED = {"on_error": ["handle_extraction_error"], "port-based routing": ["handle_empty"]}
"""By block: the steps that do not run when all goes well."""


async def made(api: httpx2.AsyncClient, block: Block) -> Json:
    for path, things in (("actions", block.actions), ("connections", block.connections)):
        for thing in things:
            answer = await api.post(f"/api/v1/{path}", json=thing)
            assert answer.status_code in (201, 409), answer.text
    answer = await api.post(AUTOMATIONS, json=block.body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def put_away(api: httpx2.AsyncClient, automation: Json) -> None:
    """Its triggers shall start nothing in the tests that follow; what they have started may still go on."""
    address = f"{AUTOMATIONS}/{automation['id']}"
    assert (await api.post(f"{address}/pause")).status_code == 200

    async def is_deleted() -> bool:
        return (await api.delete(address)).status_code == 204

    await wait_for(is_deleted, 30, every=0.1, what=f"{automation['slug']} is deleted")


async def approve_until_ended(api: httpx2.AsyncClient, run_id: str) -> None:
    async def is_over() -> bool:
        run = (await api.get(f"{AUTOMATION_RUNS}/{run_id}")).json()
        for one in run["actionRuns"]:
            if one["status"] == "awaiting_approval":
                await decide(api, one["runId"], "approve")
        return bool(run["status"] != "running")

    await wait_for(is_over, 60, every=0.1, what=f"automation run {run_id} is over")


@pytest.mark.parametrize("name", BLOCKS)
async def test_the_block_is_saved_and_runs_to_its_end(api: httpx2.AsyncClient, web: WebServer, name: str) -> None:
    web.replies["/"] = Reply(body=b'{"connection_id": "shopify"}', headers={"content-type": "application/json"})
    block = next(one for one in bodies(f"{web.url}/") if one.name == name)
    automation = await made(api, block)
    run = await triggered(api, automation, inputs=block.inputs, event=block.event)
    await approve_until_ended(api, run["runId"])
    run = await ended(api, run["runId"])
    assert (run["displayStatus"], run["error"]) == ("completed", None), run
    assert [key for key, state in states(run).items() if state != "completed"] == SKIPPED.get(name, [])
    await put_away(api, automation)
