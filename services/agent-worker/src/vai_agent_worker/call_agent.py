"""The kind call_agent: an agent's run (document 000, "ActionKind Reference"; docs/agents.md; decision 48)."""

from typing import Any
from uuid import UUID

from vai_agent_worker.agents import mcp_servers
from vai_agent_worker.agents.earlier import room_of_earlier
from vai_agent_worker.agents.toolbox import Toolbox
from vai_agent_worker.agents.work import Work
from vai_common.errors import ErrorCode, Permanent
from vai_common.messages.bell import Bell
from vai_records.agents import agents, turns
from vai_records.agents.definition import AgentDefinition
from vai_records.definitions.call_agent import CallAgent as Definition
from vai_records.runs.orders import Customer
from vai_records.threads import history, messages
from vai_records.threads.history import Earlier
from vai_worker.models.clients import ModelClients
from vai_worker.owned import Owned

DEEPEST = 5
"""Agents' runs that may stand above one another."""

_CUSTOMER = """
SELECT r.created_by, o.max_running FROM runs r JOIN organisations o ON o.id = r.org_id WHERE r.id = $1
"""


class CallAgent:
    """Each claim goes on behind the last durable step; while calls run, the run is parked and holds no slot."""

    name = "call_agent"
    reads = Definition

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._models = ModelClients()

    async def close(self) -> None:
        """Close the connections to models."""
        await self._models.close()

    async def perform(self, run: Owned) -> dict[str, Any]:
        run.waits_for_quota = True
        definition = run.definition_as(Definition)
        known = await turns.begun(run.pool, run.id) or await _begin(run, definition)
        agent = AgentDefinition.model_validate(known["agent"]["definition"])
        for_whom = await run.pool.fetchrow(_CUSTOMER, run.id)
        assert for_whom is not None
        source = ("agent", "agent_run", str(run.id))
        customer = Customer(run.org_id, *source, for_whom["created_by"], for_whom["max_running"])
        told = known["agent"].get("mcp") or {}
        toolbox = await Toolbox.opened(run.pool, run.org_id, agent, run.keyring, told)
        work = Work(run, self._bell, definition, known["agent"]["slug"], agent, customer, toolbox, self._models)
        work.turns = await turns.read(run.pool, run.id)
        work.earlier = await _earlier(run, known["agent"].get("message_id"), agent)
        return await work.to_its_end()


async def _begin(run: Owned, definition: Definition) -> Any:
    """Keeps the agent as it is now for the whole run."""
    found = (await agents.named(run.pool, run.org_id, [definition.agent])).get(definition.agent)
    if found is None:
        text = f"There is no agent {definition.agent!r}: name one by its slug or its id."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "agent"})
    depth = await turns.depth_of(run.pool, run.id)
    if depth >= DEEPEST:
        text = f"{depth} agents have called each other in a row; {DEEPEST} is the most. Does one of them call itself?"
        raise Permanent(ErrorCode.DATA_ERROR, text, {"depth": depth})
    kept = {"slug": found.slug, "name": found.name, "definition": found.definition}
    message = await history.message_of(run.pool, run.id)
    if message is not None:
        narrowed = await history.narrowed(run.pool, message["thread_id"], found.definition)
        kept |= {"definition": narrowed, "message_id": str(message["id"])}
    if told := await mcp_servers.told(run, AgentDefinition.model_validate(kept["definition"])):
        kept["mcp"] = told
    async with run.guarded() as conn:
        await turns.begin(conn, run.id, run.org_id, found.id, kept, depth)
    return await turns.begun(run.pool, run.id)


async def _earlier(run: Owned, message_id: str | None, agent: AgentDefinition) -> list[Earlier]:
    """What stands before the message of a thread that the run answers. It is over and does not change any more."""
    message = None if message_id is None else await messages.named(run.pool, UUID(message_id))
    return [] if message is None else await history.before(run.pool, message, room_of_earlier(agent))
