"""An agent explores a table, answers a question and tells a shop; its run becomes an automation that needs no model.

make up DETACH=1
.venv/bin/python -m examples.agent_to_automation

The model is a script that the example serves itself, in the protocol of OpenAI, and so is the shop.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from examples.vendor_steps import ADVICE, OUT, save
from vai import AsyncClient, AutomationRun, Run, VaiError
from vai.cli.commands.crystallize import report
from vai.cli.settings import find_settings
from vai.models.agents import Crystallized
from vai_common.clock import now
from vai_testkit.servers.json_api import Ask, FakeApi, Say, serving
from vai_testkit.servers.models.script import Asked, Call, Turn
from vai_testkit.servers.models.server import KEY, ModelServer, serving_models

ORDERS = "bronze.sample.orders"
QUESTION = "How many orders are in the category garden? Tell the shop."
SQL = f"SELECT category, count(*) AS orders FROM {ORDERS} WHERE category = 'garden' GROUP BY ALL"
SLUG = "analyst-example"


def answer(asked: Asked) -> Turn:
    """What a good model would say, step by step: it looks at the columns, asks, tells, and answers."""
    step = len(asked.calls)
    if step == 0:
        return Turn("I look at the columns first.", (Call("describe_datasets", {"datasets": [ORDERS]}),))
    if step == 1:
        return Turn("Now I count.", (Call("query_datasets", {"sql": SQL}),))
    found = re.search(r'"orders": (\d+)', asked.results[1].text)
    number = int(found[1]) if found else -1
    if step == 2:
        return Turn("I tell the shop.", (Call("tell_the_shop", {"body": {"category": "garden", "orders": number}}),))
    return Turn(f"There are {number} orders in the category garden, and the shop knows it.")


@contextmanager
def shop() -> Iterator[tuple[FakeApi, list[Any]]]:
    """A server that is told of totals, and what it was told."""
    told: list[Any] = []

    def take(ask: Ask) -> Say:
        told.append(ask.json)
        return Say({"ok": True})

    with serving() as api:
        api.default = take
        yield api, told


async def example(client: AsyncClient, models: ModelServer, shop_url: str) -> tuple[Run, Crystallized]:
    """The agent's run, and what has become of it. Raises VaiError."""
    definition = {"source": "sample", "resources": ["orders"], "rows": 10_000}
    await client.runs.wait((await client.runs.create("dlt_extract", definition)).id)
    config = {"base_url": f"{models.url}/v1"}
    connection = await save(client, "openai_compatible", "Model of the example", config, {"api_key": KEY})
    tell = {"kind": "http_request", "name": "tell_the_shop", "fixed": {"method": "POST", "url": shop_url}}
    agent = {
        "instructions": "Answer questions about orders with a query, and tell the shop.",
        "model": f"{connection.slug}/scripted-1",
        "datasets": [ORDERS],
        "tools": [tell | {"maySet": ["body"]}],
    }
    await _save_agent(client, agent)
    run = await client.runs.create("call_agent", {"agent": SLUG, "question": QUESTION})
    run = await client.runs.wait(run.id)
    if not run.succeeded:
        raise VaiError(f"the agent's run {run.id} is {run.status}: {run.error}")
    OUT.print(f"agent: {(run.result or {})['answer']}\n", markup=False)
    return run, await client.agents.crystallize(run.id, name="Orders of a category")


async def _save_agent(client: AsyncClient, agent: dict[str, Any]) -> None:
    async for found in client.agents.iterate(SLUG):
        await client.agents.update(found.id, agent)
        return
    await client.agents.create({"name": "Analyst of the example", "slug": SLUG, **agent})


async def by_schedule(client: AsyncClient, automation_id: str, inputs: dict[str, Any]) -> AutomationRun:
    """The run of the last full hour, as its schedule would have made it, with other defaults."""
    declared = {name: {"type": "string", "default": value} for name, value in inputs.items()}
    trigger = {"type": "schedule", "schedule": "@hourly"}
    await client.automations.update(automation_id, {"trigger": trigger, "inputs": declared})
    hour = now().replace(minute=0, second=0, microsecond=0)
    made = await client.automations.backfill(automation_id, hour, hour + timedelta(minutes=1))
    return await client.automation_runs.wait(str(made.times[0].run_id))


async def _main() -> int:
    settings = find_settings(os.environ, Path.cwd())
    async with AsyncClient(settings.api_url, settings.api_key) as client:
        with serving_models() as models, shop() as (api, told):
            models.says = answer
            _, made = await example(client, models, f"{api.url}/totals")
            for line in report(made):
                OUT.print(line)
            assert made.automation is not None
            asked = len(models.asked)
            run = await by_schedule(client, made.automation.id, {"category": "toys"})
            OUT.print(f"\nby schedule, for another category: {run.display_status}", markup=False)
            OUT.print(
                f"the shop was told {json.dumps(told)}; the model was asked {asked} times by the agent,", markup=False
            )
            OUT.print(f"and {len(models.asked) - asked} times by the automation", markup=False)
            done = run.succeeded and len(told) == 2 and told[1]["category"] == "toys" and len(models.asked) == asked
    return 0 if done else 1


def main() -> int:
    """The exit code: 0 completed, 1 not, 2 could not be carried out."""
    try:
        return asyncio.run(_main())
    except VaiError as error:
        OUT.print(f"{error}\n{ADVICE}", markup=False)
        return 2


if __name__ == "__main__":
    sys.exit(main())
