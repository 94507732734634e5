"""From what a request asks to the run that is about to be made (decisions 7 to 12, 14)."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from fastapi import Request

from api_gateway import definitions
from api_gateway.auth import Principal
from api_gateway.gateway import Gateway
from api_gateway.problems import Place, invalid
from api_gateway.shapes import RunBody
from common.ids import uuid7
from common.telemetry import current_traceparent
from records import connections
from records.actions import ToRun
from records.admission import Limits, admit
from records.connections import Resolved, Unresolved
from records.definitions.base import ConnectionReference, Definition
from records.new_run import NewRun

Json = dict[str, Any]
Reference = UUID | str | ConnectionReference

_COMMAND_LINE = "vai-cli/"
"""How the User-Agent of our command line begins."""


@dataclass(frozen=True)
class Order:
    """What is to be run: a definition as given, or an action's with overrides; `stored` are the action's secrets."""

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


@dataclass(frozen=True)
class Known:
    """What has been looked up: a batch needs not ask for the same connection or parent again."""

    connections: dict[Reference, Resolved] = field(default_factory=dict)
    parents: set[UUID] = field(default_factory=set)


def trigger_method(principal: Principal, request: Request) -> str:
    """By what the request came (decision 10)."""
    if principal.by_cookie:
        return "ui"
    return "cli" if request.headers.get("user-agent", "").startswith(_COMMAND_LINE) else "api"


def of_action(
    gateway: Gateway, principal: Principal, action: ToRun, overrides: Json | None, *, deferred: bool
) -> Order:
    """The order for a saved action: its preset, its definition and the overrides, merged in this order."""
    stored = None
    if action.secrets is not None:
        stored = gateway.keyring.decrypt_json(action.secrets, principal.org_id, action.id)
    base = definitions.with_preset(action.template_id, action.definition)
    merged = definitions.merge_patch(base, overrides or {})
    if definitions.wants_approval(base):
        merged["requires_approval"] = True
    return Order(action.kind, merged, ("definition",), action=action, stored=stored, deferred=deferred)


def of_body(body: RunBody, *, deferred: bool = False) -> Order:
    """The order that a request of its own gives."""
    return Order(
        kind=body.kind,
        definition=body.definition or {},
        loc=("body", "definition"),
        connection_ref=body.connection_ref,
        parent_run_id=body.parent_action_run_id,
        concurrency_key=body.concurrency_key,
        idempotency_key=body.idempotency_key,
        deferred=deferred,
    )


async def make(gateway: Gateway, principal: Principal, order: Order, method: str, known: Known | None = None) -> NewRun:
    """The run as it will be inserted. Raises `Problem` 422 that says what is wrong with the order."""
    known = known or Known()
    found = await _resolved(gateway, principal.org_id, order, known)
    # What stands beside the definition is not part of it; the snapshot says what the run works on.
    snapshot = definitions.with_connection(order.definition, found.id if found else None)
    whole = definitions.whole(order.kind, snapshot, order.stored, order.loc)
    model = definitions.complete(order.kind, whole, order.loc)
    if order.parent_run_id is not None:
        await _check_parent(gateway, principal.org_id, order.parent_run_id, known)
    return _new_run(gateway, principal, order, method, whole, (model, found))


def _new_run(
    gateway: Gateway,
    principal: Principal,
    order: Order,
    method: str,
    whole: Json,
    judged: tuple[Definition, Resolved | None],
) -> NewRun:
    model, found = judged
    run_id = uuid7()
    masked, secrets = definitions.split(order.kind, whole, None, order.loc)
    sealed = None if secrets is None else gateway.keyring.encrypt_json(secrets, principal.org_id, run_id)
    limits = Limits(principal.settings.get("max_running"), found.max_running if found else None)
    held = admit(requires_approval=model.requires_approval, approved=False, deferred=order.deferred, limits=limits)
    return NewRun(
        id=run_id,
        org_id=principal.org_id,
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
        trigger_method=method,
        trigger_source_type=principal.source_type,
        trigger_source_id=principal.source_id,
        created_by=principal.user_id,
        traceparent=current_traceparent(),
    )


def fingerprint(order: Order) -> bytes:
    """What a repeat with the same idempotency key must equal: kind and definition as given, in any order of keys."""
    reference = order.connection_ref
    named = reference.model_dump(mode="json") if isinstance(reference, ConnectionReference) else reference
    said = orjson.dumps([order.kind, order.definition, named], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(said).digest()


def _references(order: Order) -> Iterator[tuple[Place, Reference]]:
    """Every connection that the order names, and where."""
    for key in definitions.CONNECTION_KEYS:
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
            raise invalid(loc, "name the connection by id, slug or provider") from error
    raise invalid(loc, "name the connection by an id, a slug, or an object with one of id, slug or provider")


async def _resolved(gateway: Gateway, org_id: UUID, order: Order, known: Known) -> Resolved | None:
    references = list(_references(order))
    if not references:
        return None
    found: dict[UUID, Resolved] = {}
    for loc, reference in references:
        resolved = known.connections.get(reference) or await _resolve(gateway, org_id, loc, reference)
        known.connections[reference] = found[resolved.id] = resolved
    if len(found) > 1:
        names = " and ".join(".".join(map(str, loc)) for loc, _ in references)
        raise invalid(references[0][0], f"{names} name different connections; name one", "two_connections")
    return next(iter(found.values()))


async def _resolve(gateway: Gateway, org_id: UUID, loc: Place, reference: Reference) -> Resolved:
    try:
        return await connections.resolve(gateway.pool, org_id, reference)
    except Unresolved as error:
        raise invalid(loc, str(error), "unknown_connection") from error


async def _check_parent(gateway: Gateway, org_id: UUID, parent_run_id: UUID, known: Known) -> None:
    if parent_run_id in known.parents:
        return
    there = "SELECT 1 FROM runs WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL"
    if await gateway.pool.fetchval(there, parent_run_id, org_id) is None:
        raise invalid(("body", "parentActionRunId"), "no such run", "unknown_run")
    known.parents.add(parent_run_id)
