"""Calls of MCP servers. They are no runs: each is a step of the agent's run, written before it is sent and behind it.

Whoever takes the run over finds a call that was begun and came to nothing: nobody knows whether it was carried out. It
is done again only where the server has said that this changes nothing (docs/mcp.md).
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from vai_agent_worker.agents.marking import data
from vai_agent_worker.agents.mcp_servers import opened
from vai_agent_worker.agents.toolbox import Toolbox
from vai_agent_worker.metrics import agent_calls
from vai_common.errors import ErrorCode, RunError
from vai_records.agents import turns as kept
from vai_records.agents.tools import NotAllowed
from vai_records.agents.turns import Turn
from vai_worker.mcp.tools import Came
from vai_worker.owned import Owned

Json = dict[str, Any]

CALL_SECONDS: Final = 120.0
"""For one call, all of it; less where the agent has less time left."""
_IN_DOUBT: Final = (
    "The worker was lost while this call was under way. It is not known whether it was carried out, so it is not "
    "repeated: look before you call it again."
)


async def called(
    run: Owned, toolbox: Toolbox, turn: Turn, calls: Sequence[Json], asked: Sequence[Any], seconds: float
) -> list[Json]:
    """The calls with what those of MCP servers came to; `asked`: the arguments of each as the model gave them."""
    calls = list(calls)
    rest = [place for place, call in enumerate(calls) if "mcp" in call and "came_to" not in call]
    if not rest:
        return calls
    write = partial(_write, run, turn.turn)
    for place in rest:
        if calls[place].get("begun") and not calls[place]["mcp"]["idempotent"]:
            calls[place] = _ended(calls[place], Came(_IN_DOUBT, failed=True, unsure=True))
            await _tell_doubt(run, turn, calls[place])
        else:
            calls[place] = {**calls[place], "begun": run.epoch}
    await write(calls)
    await run.steady()
    rest = [place for place in rest if "came_to" not in calls[place]]

    async def one(place: int) -> tuple[int, Came]:
        return place, await _came_to(run, toolbox, calls[place], asked[place], min(CALL_SECONDS, seconds))

    tasks = [asyncio.ensure_future(one(place)) for place in rest]
    try:
        for finished in asyncio.as_completed(tasks):
            place, came = await finished
            calls[place] = _ended(calls[place], came)
            await write(calls)
            if came.unsure:
                await _tell_doubt(run, turn, calls[place])
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return calls


async def _came_to(run: Owned, toolbox: Toolbox, call: Json, given: Any, seconds: float) -> Came:
    mark = call["mcp"]
    try:
        offer = toolbox.named(call["tool"])
        server = await opened(run, UUID(mark["connection_id"]))
        came = await server.call(mark["tool"], toolbox.sent(offer, given), seconds)
    except NotAllowed as refusal:
        return Came(f"Refused: {refusal}", failed=True)
    except RunError as error:
        return Came(error.message, failed=True)
    if came.refused_key:
        fault = {"code": ErrorCode.AUTH_ERROR.value, "message": came.value}
        await run.connection_failed(fault, of=UUID(mark["connection_id"]))
    return came


def _ended(call: Json, came: Came) -> Json:
    said = {"status": "failed", "error": came.value} if came.failed else {"status": "completed", "result": came.value}
    text = data(call["tool"], said)
    return {**call, "came_to": {"text": text, "failed": came.failed}, **({"unsure": True} if came.unsure else {})}


async def _write(run: Owned, turn: int, calls: list[Json]) -> None:
    async with run.guarded() as conn:
        await kept.marked(conn, run.id, turn, calls)


async def _tell_doubt(run: Owned, turn: Turn, call: Json) -> None:
    agent_calls.labels(outcome="in_doubt").inc()
    about = {"turn": turn.turn, "call_id": call["id"], "tool": call["tool"], "connection": call["mcp"]["connection"]}
    text = f"It is not known whether {call['tool']} of {about['connection']} was carried out; it is not repeated."
    await run.log("tool_in_doubt", text, about, "warning")
