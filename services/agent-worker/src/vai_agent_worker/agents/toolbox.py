"""The tools of one agent: what its model is offered, and what a call of it would order.

Only what the agent lists is offered, and only that is ordered: the check is here and in `vai_records.agents.tools`, and
depends on nothing that a model, a page or a row says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson

from vai_agent_worker.agents.fields import schema_of
from vai_agent_worker.agents.mcp_servers import Served, kept
from vai_common import numbers
from vai_common.nesting import DEEPEST, is_deeper
from vai_common.queries import Queries
from vai_records.agents import agents
from vai_records.agents.agents import Known
from vai_records.agents.definition import DESCRIBE, QUERY, AgentDefinition, Tool
from vai_records.agents.tools import NotAllowed, check_call, searched
from vai_records.automations import automations
from vai_records.automations.references import may_name
from vai_records.catalogue import actions
from vai_records.catalogue.actions import ToRun
from vai_records.refused import Refused
from vai_records.runs import orders
from vai_records.runs.orders import Order
from vai_records.secrets.keys import Keyring, SecretError
from vai_records.validation.masking import as_it_is
from vai_worker.models.outputs import fault_in

Json = dict[str, Any]

MOST_ARGUMENTS = 262_144
"""Bytes of the arguments of one call."""

_AUTOMATION = "SELECT description, definition FROM automations a JOIN automation_versions v ON v.id = a.version_id"


@dataclass(frozen=True)
class Offer:
    """One tool as a model sees it; `kind` is that of the runs it makes. Calls of `mcp` are none: a server does them."""

    name: str
    description: str
    kind: str
    schema: Json
    tool: Tool | None = None
    action: ToRun | None = None
    mcp: Served | None = None


@dataclass(frozen=True)
class Toolbox:
    """`offers` by their names."""

    org_id: UUID
    agent: AgentDefinition
    keyring: Keyring
    offers: Mapping[str, Offer]

    @classmethod
    async def opened(
        cls, conn: Queries, org_id: UUID, agent: AgentDefinition, keyring: Keyring, told: Mapping[str, Json]
    ) -> "Toolbox":
        """What the agent lists and is still there. `told`: what its MCP servers said when the run began."""
        named = [tool.action for tool in agent.tools if tool.action]
        saved = await actions.named(conn, org_id, named) if named else {}
        callable_agents = [tool.agent for tool in agent.tools if tool.agent]
        known = await agents.named(conn, org_id, callable_agents) if callable_agents else {}
        offers = [offer for tool in agent.tools if (offer := await _offer(conn, org_id, tool, saved, known))]
        offers += [_offer_of_mcp(tool, served) for tool in agent.tools if (served := kept(tool, told))]
        if agent.datasets:
            offers += _offers_of_datasets(agent)
        return cls(org_id, agent, keyring, {offer.name: offer for offer in offers})

    @property
    def characters(self) -> int:
        """How much of a conversation the offers take."""
        return sum(len(orjson.dumps(offer.schema)) + len(offer.description) for offer in self.offers.values())

    def named(self, name: str) -> Offer:
        """Raises `NotAllowed` for a tool that is not there."""
        offer = self.offers.get(name)
        if offer is None:
            known = ", ".join(sorted(self.offers)) or "none"
            raise NotAllowed(f"there is no tool {name[:100]!r}; there are: {known}")
        return offer

    async def order(self, offer: Offer, given: Any) -> Order:
        """What a call orders. Raises `NotAllowed` with what the model should do instead."""
        arguments = _read(given)
        if fault := fault_in(arguments, offer.schema):
            raise NotAllowed(f"the arguments do not fit: {fault}")
        if may_name(arguments):
            raise NotAllowed("$/vars/… and $/secrets/… are for what people save: give the value itself")
        arguments = {key: as_it_is(value, (key,)) for key, value in arguments.items() if value is not None}
        try:
            order = await self._ordered(offer, arguments)
        except Refused as error:
            raise NotAllowed(error.message) from None
        except SecretError:
            raise NotAllowed("what the tool keeps secret cannot be read; a person must look at it") from None
        check_call(order.kind, order.definition, list(arguments), self.agent)
        return order

    def sent(self, offer: Offer, given: Any) -> Json:
        """The arguments of a call of an MCP server, with what is fixed. Raises `NotAllowed` as `order` does."""
        assert offer.mcp is not None
        assert offer.tool is not None
        arguments, fixed = _read(given), offer.tool.fixed
        if stray := sorted(fixed.keys() & arguments.keys()):
            raise NotAllowed(f"{stray[0]} cannot be set by a model")
        whole = {**arguments, **fixed}
        if fault := fault_in(whole, offer.mcp.tool.checked):
            raise NotAllowed(f"the arguments do not fit: {fault}")
        return whole

    async def _ordered(self, offer: Offer, arguments: Json) -> Order:
        if offer.action is not None:
            if offer.action.status != "active":
                raise NotAllowed(f"the action {offer.action.slug} is disabled")
            order = await orders.order_of_action(self.keyring, self.org_id, offer.action, arguments, deferred=False)
        else:
            order = Order(offer.kind, {**_fixed(offer, self.agent), **arguments}, ())
        more = self._bounds(offer, arguments)
        return replace(order, definition={**order.definition, **more}, loc=())

    def _bounds(self, offer: Offer, arguments: Json) -> Json:
        """What the platform sets, whatever the model has said."""
        more: Json = {}
        if offer.tool is not None and offer.tool.approval:
            more["requires_approval"] = True
        if offer.kind == "http_request" and "url" in arguments:
            more["follow_redirects"] = False  # a redirect would choose the domain
        if offer.kind == "agent_search" and "include_domains" not in arguments:
            more["include_domains"] = searched(self.agent.allowed_domains)
        if offer.kind == "agent_fetch_page":
            more["allowed_domains"] = self.agent.allowed_domains
        if offer.kind == "explain_schema" and offer.tool is None:
            more["meanings"] = False  # the agent's own model reads it
        if offer.kind == "generate_query" and offer.tool is None:
            more["datasets"] = self.agent.datasets
        return more


def _read(given: Any) -> Json:
    """The arguments as an object. Raises `NotAllowed`."""
    value = given
    if isinstance(given, str):
        if len(given) > MOST_ARGUMENTS:
            raise NotAllowed(f"the arguments have {len(given):,} characters; {MOST_ARGUMENTS:,} is the most")
        try:
            value = orjson.loads(given) if given.strip() else {}
        except orjson.JSONDecodeError as error:
            raise NotAllowed(f"the arguments are no JSON ({error})") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise NotAllowed("the arguments are no JSON object")
    if is_deeper(value, DEEPEST):
        raise NotAllowed(f"the arguments are nested deeper than {DEEPEST} levels")
    if (odd := numbers.find(given) if isinstance(given, str) else numbers.odd_in(value)) is not None:
        place = ".".join(map(str, odd[0]))
        raise NotAllowed(f"{place}: {numbers.shown(odd[1])} is no number of 64 bits: write it as a string")
    if b"\\u0000" in orjson.dumps(value):
        raise NotAllowed("no text may hold the character U+0000")
    return value


def _fixed(offer: Offer, agent: AgentDefinition) -> Json:
    tool = offer.tool
    if tool is None:
        return {}
    if tool.automation is not None:
        return {"automation": tool.automation}
    if tool.agent is not None:
        return {"agent": tool.agent}
    return dict(tool.fixed)


async def _offer(
    conn: Queries, org_id: UUID, tool: Tool, saved: Mapping[str, ToRun], known: Mapping[str, Known]
) -> Offer | None:
    if tool.action is not None:
        action = saved.get(tool.action)
        if action is None:
            return None
        schema = schema_of(action.kind, tool.may_set, tuple(action.definition))
        told = tool.description or f"Runs the saved action {action.slug} ({action.kind})."
        return Offer(tool.called, told, action.kind, schema, tool, action)
    if tool.automation is not None:
        return await _offer_of_automation(conn, org_id, tool, tool.automation)
    if tool.mcp is not None:
        return None
    if tool.agent is not None:
        other = known.get(tool.agent)
        if other is None:
            return None
        told = tool.description or f"Asks the agent {other.name}. {other.description or ''}".strip()
        return Offer(tool.called, told, "call_agent", schema_of("call_agent", ("question", "inputs")), tool)
    kind = str(tool.kind)
    schema = schema_of(kind, tool.may_set, tuple(tool.fixed))
    return Offer(tool.called, tool.description or f"Runs {kind}.", kind, schema, tool)


def _offer_of_mcp(tool: Tool, served: Served) -> Offer:
    told = tool.description or served.tool.description or f"The tool {served.tool.name} of {served.connection}."
    return Offer(tool.called, told, "mcp", served.tool.without(tool.fixed), tool, mcp=served)


async def _offer_of_automation(conn: Queries, org_id: UUID, tool: Tool, name: str) -> Offer | None:
    found = await automations.to_start(conn, org_id, name)
    if found is None:
        return None
    row = await conn.fetchrow(f"{_AUTOMATION} WHERE a.id = $1", found.id)
    inputs = (row["definition"] if row else {}).get("inputs") or {}
    told = tool.description or (row["description"] if row else None) or f"Runs the automation {name} to its end."
    if inputs:
        told = f"{told} Its inputs: {orjson.dumps(inputs).decode()[:4_000]}"
    return Offer(tool.called, told, "call_automation", schema_of("call_automation", ("inputs",)), tool)


def _offers_of_datasets(agent: AgentDefinition) -> list[Offer]:
    names = ", ".join(agent.datasets)
    query = schema_of("generate_query", ("sql", "max_rows")) | {"required": ["sql"]}
    return [
        Offer(QUERY, f"Runs one read-only query. Tables: {names}.", "generate_query", query),
        Offer(DESCRIBE, f"Shows what tables hold. Tables: {names}.", "explain_schema",
              schema_of("explain_schema", ("datasets", "samples"))),
    ]  # fmt: skip
