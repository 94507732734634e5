"""Somebody talks with an agent, approves a call, and the conversation becomes an automation that needs no model.

make up DETACH=1
.venv/bin/python -m examples.chat_thread

The model is a script that the example serves itself, in the protocol of OpenAI, and so is the shop.
"""

import os
import re
import sys
from pathlib import Path
from typing import Any

from examples.agent_to_automation.__main__ import ORDERS, SQL, shop
from examples.vendor_steps import ADVICE, OUT
from vai import Client, VaiError
from vai.cli.commands.chat import Chat
from vai.cli.commands.crystallize import report
from vai.cli.settings import find_settings
from vai_testkit.servers.models.script import Asked, Call, Turn
from vai_testkit.servers.models.server import KEY, ModelServer, serving_models

QUESTIONS = ("How many orders are in the category garden?", "Tell the shop.")
SLUG = "models-of-the-chat"


def answer(asked: Asked) -> Turn:
    """What a good model would say: a query for the first message, a call for the second one."""
    question, done = asked.texts[-1], bool(asked.results)
    if question.endswith(QUESTIONS[0]):
        if not done:
            return Turn("I count them.", (Call("query_datasets", {"sql": SQL}),))
        return Turn(f"There are {_number(asked.results[0].text)} orders in the category garden.")
    body = {"category": "garden", "orders": _number(question)}
    return Turn("The shop knows it.") if done else Turn("I tell the shop.", (Call("tell_the_shop", {"body": body}),))


def _number(text: str) -> int:
    found = re.search(r'\\?"orders\\?": (\d+)', text)
    return int(found[1]) if found else -1


def yes(prompt: str) -> str:
    """Approves, as a person would at the prompt."""
    OUT.print(f"{prompt}y", markup=False)
    return "y"


def connect(client: Client, models: ModelServer) -> None:
    """The connection of the model, new or as it is there."""
    known: dict[str, Any] = {"config": {"base_url": f"{models.url}/v1"}, "credentials": {"api_key": KEY}}
    for found in client.connections.iterate(SLUG):
        client.connections.update(found.id, **known)
        return
    client.connections.create("openai_compatible", "Model of the chat", slug=SLUG, **known)


def example(client: Client, models: ModelServer, shop_url: str, told: list[Any]) -> bool:
    """Whether everything came as it should. Raises VaiError."""
    definition = {"source": "sample", "resources": ["orders"], "rows": 10_000}
    client.runs.wait(client.runs.create("dlt_extract", definition).id)
    connect(client, models)
    tell = {"kind": "http_request", "name": "tell_the_shop", "fixed": {"method": "POST", "url": shop_url}}
    own = {"model": f"{SLUG}/scripted-1", "tools": [tell | {"maySet": ["body"], "approval": True}]}
    thread = client.threads.create(datasets=[ORDERS], own=own)
    talk = Chat(client, thread, OUT, yes)
    for question in QUESTIONS:
        OUT.print(f"\n> {question}", markup=False)
        said = talk.say(question)
        if said.answer is None or said.answer.status != "completed":
            return False
    OUT.print()
    made = client.threads.crystallize(thread.id, dry_run=True)
    for line in report(made):
        OUT.print(line)
    steps = [step["key"] for step in made.body["steps"]]
    return steps == ["query_datasets", "tell_the_shop"] and len(told) == 1 and not made.report["needsModel"]


def main() -> int:
    """The exit code: 0 completed, 1 not, 2 could not be carried out."""
    try:
        settings = find_settings(os.environ, Path.cwd())
        with Client(settings.api_url, settings.api_key) as client, serving_models() as models, shop() as (api, told):
            models.says = answer
            return 0 if example(client, models, f"{api.url}/totals", told) else 1
    except VaiError as error:
        OUT.print(f"{error}\n{ADVICE}", markup=False)
        return 2


if __name__ == "__main__":
    sys.exit(main())
