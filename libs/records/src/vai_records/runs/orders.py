"""Makes a new run from a request for one, with all checks (decisions 7 to 12, 14).

Both makers of runs use it: the gateway for people, the scheduler for the steps of automations.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import orjson

from vai_common.ids import uuid7
from vai_common.queries import Queries
from vai_common.telemetry import current_traceparent
from vai_records.agents import agents
from vai_records.automations import automations
from vai_records.automations.references import Filled, may_name
from vai_records.catalogue.actions import ToRun
from vai_records.connections import connections
from vai_records.connections.connections import Resolved, Unresolved
from vai_records.definitions.base import ConnectionReference, Definition
from vai_records.definitions.call_agent import CallAgent
from vai_records.definitions.call_automation import CallAutomation
from vai_records.definitions.create_flashboard import CreateFlashboard
from vai_records.definitions.explain_schema import ExplainSchema
from vai_records.definitions.generate_query import GenerateQuery
from vai_records.definitions.kinds import KINDS
from vai_records.models import usage
from vai_records.models.choice import ModelChoice, NoModel, choose
from vai_records.refused import Place, refused
from vai_records.runs.held_for import Limits, admit
from vai_records.runs.new_run import NewRun
from vai_records.runs.row import RunRow
from vai_records.secrets.keys import Keyring
from vai_records.validation import beside, checks
from vai_records.validation.marking import put_back
from vai_records.validation.masking import NOTHING_KEPT
from vai_records.variables import names

Json = dict[str, Any]
Reference = UUID | str | ConnectionReference


@dataclass(frozen=True)
class Customer:
    """For whom a run is made, and how it came to be (decision 10); `max_running` is the organisation's limit."""

    org_id: UUID
    method: str
    source_type: str | None
    source_id: str | None
    user_id: UUID | None = None
    max_running: int | None = None

    @property
    def cause(self) -> Json:
        """How a run of theirs comes to be, as fields of `NewRun`."""
        return {
            "trigger_method": self.method,
            "trigger_source_type": self.source_type,
            "trigger_source_id": self.source_id,
            "created_by": self.user_id,
        }


@dataclass(frozen=True)
class Order:
    """What to run: a definition as given, or an action's with overrides. `stored` are the action's secrets.

    `filled`: its references are replaced already, and nothing more is looked up. `only`: where the organisation's names
    are looked up; None: everywhere.
    """

    kind: str
    definition: Json
    loc: Place
    action: ToRun | None = None
    stored: Json | None = None
    connection_ref: str | ConnectionReference | None = None
    parent_run_id: UUID | None = None
    concurrency_key: str | None = None
    idempotency_key: str | None = None
    deferred: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    scheduled_for: datetime | None = None
    filled: Filled | None = None
    only: frozenset[tuple[str | int, ...]] | None = None

    @property
    def names(self) -> bool:
        """Whether it may name variables or secrets of the organisation."""
        return self.filled is None and (
            may_name(self.definition) or (self.stored is not None and may_name(self.stored))
        )

    @property
    def waits(self) -> bool:
        """Whether a time was given at which the run starts."""
        return self.scheduled_for is not None


@dataclass(frozen=True)
class Lookups:
    """What has been looked up, so that many runs together ask only once for the same connection or parent."""

    connections: dict[Reference, Resolved] = field(default_factory=dict)
    automations: set[str] = field(default_factory=set)
    parents: set[UUID] = field(default_factory=set)
    values: names.Values = field(default_factory=names.Values)


async def order_of_action(
    keyring: Keyring, org_id: UUID, action: ToRun, overrides: Json | None, *, deferred: bool
) -> Order:
    """`of_action`; outside of the event loop if the definition is large."""
    make = partial(of_action, keyring, org_id, action, overrides, deferred=deferred)
    return await beside.judged(org_id, (action.definition, overrides), make)


def of_action(keyring: Keyring, org_id: UUID, action: ToRun, overrides: Json | None, *, deferred: bool) -> Order:
    """The order for a saved action: its preset, its definition and the overrides, merged in this order."""
    stored = None if action.secrets is None else keyring.decrypt_json(action.secrets, org_id, action.id)
    base = checks.with_preset(action.template_id, checks.mended(action.kind, action.definition))
    given = checks.spelled(checks.tidy(action.kind, overrides or {}, ("definition",)))
    merged = checks.keep_approval(base, checks.merge_patch(checks.spelled(base), given))
    return Order(action.kind, merged, ("definition",), action=action, stored=stored, deferred=deferred)


def of_run(
    run: RunRow, stored: Json | None, overrides: Json | None, labels: dict[str, str], *, deferred: bool
) -> Order:
    """The order for what a run did, with overrides merged in; `stored` are its secrets.

    The variables and secrets that it was made with are looked up anew where they were named, and nowhere else: the rest
    of its definition may be what others said.
    """
    loc = ("body", "definitionOverrides")
    given = checks.spelled(checks.tidy(run["kind"], overrides or {}, loc))
    named = [(tuple(place), value) for place, value in (stored or {}).get("names", ())]
    did = put_back(run["definition"], named)
    asked = did if not run["requires_approval"] else {**did, "requires_approval": True}
    merged = checks.keep_approval(asked, checks.merge_patch(checks.spelled(checks.mended(run["kind"], did)), given))
    only = frozenset((*(place for place, _ in named), *_leaves(given)))
    return Order(run["kind"], merged, loc, stored=stored, deferred=deferred, labels=labels, only=only)


def _leaves(given: Json) -> Iterator[tuple[str, ...]]:
    """The places that an override replaces."""
    for key, value in given.items():
        if isinstance(value, dict) and value:
            yield from ((key, *rest) for rest in _leaves(value))
        else:
            yield (key,)


async def make(
    conn: Queries, keyring: Keyring, customer: Customer, order: Order, lookups: Lookups | None = None
) -> NewRun:
    """The run as it will be inserted. Raises `Refused` with what is wrong with the order."""
    lookups = lookups or Lookups()
    if customer.source_type != "agent_run":
        checks.refuse_agent_only(order.kind, ("body", "kind"))
    has_names = order.names
    named = await _with_named_connection(conn, keyring, customer, order, lookups) if has_names else order
    found = await _resolved(conn, customer.org_id, named, lookups)
    # Fields beside the definition are not part of it. The snapshot holds all that the run works on.
    snapshot = checks.with_connection(order.definition, found.id if found else None)
    whole = checks.whole(order.kind, snapshot, order.stored, order.loc)
    if has_names:
        work, org_id = (order.kind, whole, order.loc), customer.org_id
        filled = await names.filled(conn, keyring, org_id, work, lookups.values, order.only)
        order, whole = replace(order, filled=filled), filled.definition
    model = await beside.judged(customer.org_id, whole, partial(checks.complete, order.kind, whole, order.loc))
    if isinstance(model, GenerateQuery) and model.question is not None:
        await _check_model(conn, customer.org_id, model.model, order.loc, "question")
    if isinstance(model, ExplainSchema) and model.needs_model:
        await _check_model(conn, customer.org_id, model.model, order.loc, "meanings")
    if isinstance(model, ExplainSchema) and model.needs_connection and found is None:
        raise refused((*order.loc, "tables"), "are those of a connection's database: name its connection")
    if isinstance(model, CreateFlashboard) and (place := model.place_of_question) is not None:
        await _check_model(conn, customer.org_id, model.model, order.loc, *place)
    if isinstance(model, CallAgent):
        await _check_agent(conn, customer.org_id, model.agent, order.loc)
    if isinstance(model, CallAutomation):
        await _check_called(conn, customer.org_id, model.automation, order.loc, lookups)
    if order.parent_run_id is not None:
        await _check_parent(conn, customer.org_id, order.parent_run_id, lookups)
    return _new_run(keyring, customer, order, (model, found))


async def _with_named_connection(
    conn: Queries, keyring: Keyring, customer: Customer, order: Order, lookups: Lookups
) -> Order:
    """The order with the connection that it names by a variable."""
    given = {key: order.definition[key] for key in checks.CONNECTION_KEYS if key in order.definition}
    if not may_name(given):
        return order
    work = (order.kind, given, order.loc)
    filled = await names.filled(conn, keyring, customer.org_id, work, lookups.values, order.only)
    return replace(order, definition={**order.definition, **filled.definition})


def _sealed(keyring: Keyring, org_id: UUID, run_id: UUID, secrets: Json | None, order: Order) -> bytes | None:
    """What is kept of a run encrypted: its write-only values, what it was named with, and the texts of secrets that are
    in these: also those which the run before had, whose definition this is.
    """
    names, texts = ((), ()) if order.filled is None else (order.filled.names, order.filled.secrets)
    if secrets is not None and order.stored is not None:
        texts = tuple(dict.fromkeys((*texts, *order.stored.get("secrets", ()))))
    if names or texts:
        secrets = {**(secrets or NOTHING_KEPT), "names": names, "secrets": texts}
    return None if secrets is None else keyring.encrypt_json(secrets, org_id, run_id)


def _new_run(keyring: Keyring, customer: Customer, order: Order, judged: tuple[Definition, Resolved | None]) -> NewRun:
    model, found = judged
    run_id = uuid7()
    masked, secrets = checks.split(order.kind, model.stored(), None, order.loc)
    sealed = _sealed(keyring, customer.org_id, run_id, secrets, order)
    limits = Limits(customer.max_running, found.max_running if found else None)
    held = admit(
        requires_approval=model.requires_approval,
        approved=False,
        deferred=order.deferred,
        limits=limits,
        later=order.waits,
    )
    return NewRun(
        id=run_id,
        org_id=customer.org_id,
        kind=order.kind,
        definition=masked,
        secrets=sealed,
        held_for=held,
        requires_approval=model.requires_approval,
        action_id=order.action.id if order.action else None,
        connection_id=found.id if found else None,
        parent_run_id=order.parent_run_id,
        concurrency_key=order.concurrency_key,
        idempotency_key=order.idempotency_key,
        fingerprint=fingerprint(order) if order.idempotency_key else None,
        **customer.cause,
        traceparent=current_traceparent(),
        may_rerun=model.on_lost == "rerun",
        approval_timeout_seconds=model.approval_timeout_seconds,
        labels={**(order.action.labels if order.action else {}), **order.labels} or None,
        scheduled_for=order.scheduled_for,
    )


def fingerprint(order: Order) -> bytes:
    """A hash of kind and definition as given. A repeat with the same idempotency key must have the same.

    `deferred` and a later time are added only where they are given: older versions compute the same for all others.
    """
    reference = order.connection_ref
    named = reference.model_dump(mode="json") if isinstance(reference, ConnectionReference) else reference
    more = ["deferred"] if order.deferred else []
    later = [] if order.scheduled_for is None else [order.scheduled_for.astimezone(UTC)]
    said = orjson.dumps([order.kind, order.definition, named, *more, *later], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(said).digest()


def _references(order: Order) -> Iterator[tuple[Place, Reference]]:
    """Every connection that the order names, and the field that names it."""
    for key in checks.CONNECTION_KEYS:
        if (given := order.definition.get(key)) is not None:
            yield (*order.loc, key), _reference(given, (*order.loc, key))
    if order.connection_ref is not None:
        yield ("body", "connectionRef"), order.connection_ref
    if order.action is not None and order.action.connection_id is not None:
        yield ("connectionId",), order.action.connection_id


def _reference(given: Any, loc: Place) -> Reference:
    if isinstance(given, str):
        return given
    if isinstance(given, dict) and len(given) == 1:
        try:
            return ConnectionReference.model_validate(given)
        except ValueError as error:
            raise refused(loc, "name the connection by id, slug or provider") from error
    raise refused(loc, "name the connection by an id, a slug, or an object with one of id, slug or provider")


async def _resolved(conn: Queries, org_id: UUID, order: Order, lookups: Lookups) -> Resolved | None:
    references = list(_references(order))
    provider = KINDS[order.kind].provider if order.kind in KINDS else None
    if not references and provider is not None:
        references = [((*order.loc, "connection"), ConnectionReference(provider=provider))]
    if not references:
        return None
    found: dict[UUID, Resolved] = {}
    for loc, reference in references:
        resolved = lookups.connections.get(reference) or await _resolve(conn, org_id, loc, reference)
        lookups.connections[reference] = found[resolved.id] = resolved
    if len(found) > 1:
        names = " and ".join(".".join(map(str, loc)) for loc, _ in references)
        raise refused(references[0][0], f"{names} name different connections; name one", "two_connections")
    return next(iter(found.values()))


async def _resolve(conn: Queries, org_id: UUID, loc: Place, reference: Reference) -> Resolved:
    try:
        return await connections.resolve(conn, org_id, reference)
    except Unresolved as error:
        raise refused(loc, str(error), "unknown_connection") from error


async def _check_model(conn: Queries, org_id: UUID, wanted: str | None, loc: Place, *field: str | int) -> None:
    """A question that no model can answer, or none today, is refused at once, with what is to be set."""
    place = (*loc, *(("model",) if wanted else field))
    try:
        choice = await choose(conn, org_id, wanted)
    except NoModel as error:
        raise refused(place, str(error), "no_model") from error
    await _check_day(conn, org_id, choice, place)


async def _check_day(conn: Queries, org_id: UUID, choice: ModelChoice, place: Place) -> None:
    left = await usage.left_today(conn, org_id, choice.settings)
    if left.nothing:
        raise usage.Spent([(place, usage.all_used(left), "day_used_up")])


async def _check_agent(conn: Queries, org_id: UUID, name: str, loc: Place) -> None:
    """Refused at once: an agent that is not there, and one for which there is no model, or none today."""
    found = (await agents.named(conn, org_id, [name])).get(name)
    if found is None:
        raise refused((*loc, "agent"), f"there is no agent {name!r}; name one by its slug or its id", "unknown_agent")
    try:
        choice = await choose(conn, org_id, found.definition.get("model"))
    except NoModel as error:
        raise refused((*loc, "agent"), f"the agent {found.slug!r} cannot work: {error}", "no_model") from error
    await _check_day(conn, org_id, choice, (*loc, "agent"))


async def _check_called(conn: Queries, org_id: UUID, name: str, loc: Place, lookups: Lookups) -> None:
    if name in lookups.automations:
        return
    if await automations.to_start(conn, org_id, name) is None:
        message = f"there is no automation {name!r}; name one by its id or its slug"
        raise refused((*loc, "automation"), message, "unknown_automation")
    lookups.automations.add(name)


async def _check_parent(conn: Queries, org_id: UUID, parent_run_id: UUID, lookups: Lookups) -> None:
    if parent_run_id in lookups.parents:
        return
    there = "SELECT 1 FROM runs WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL"
    if await conn.fetchval(there, parent_run_id, org_id) is None:
        raise refused(("body", "parentActionRunId"), "there is no such run", "unknown_run")
    lookups.parents.add(parent_run_id)
