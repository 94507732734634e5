"""The columns that follow from an automation's trigger: its next time, its events, its webhook's path."""

import base64
import os
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from vai_api_gateway.gateway import Gateway
from vai_common.queries import Pool
from vai_records.automations import automations
from vai_records.automations.schedule import next_after, times_after
from vai_records.automations.triggers import EventTrigger, ScheduleTrigger, Trigger, WebhookTrigger
from vai_records.catalogue import actions
from vai_records.connections import connections
from vai_records.connections.connections import Unresolved
from vai_records.refused import Place, refused

Json = dict[str, Any]

_AT = ("body", "trigger")
_MOST_NAMED = 100


async def trigger_columns(
    gateway: Gateway,
    org_id: UUID,
    automation_id: UUID,
    trigger: Trigger,
    enabled: bool,
    kept: bytes | None = None,
) -> tuple[Json, str | None]:
    """The columns, and a secret that was made here; `kept` is the sealed one that the automation has.

    Raises `Refused`.
    """
    columns: Json = {"event_type": None, "webhook_path": None, "webhook_secret": None, "due_at": None}
    columns["trigger"], secret = trigger.stored(), None
    if isinstance(trigger, ScheduleTrigger):
        due = next_after(trigger.schedule, trigger.timezone, await _now(gateway))
        if due is None:
            raise refused((*_AT, "schedule"), "this schedule never fires in the next years; change it")
        columns["due_at"] = due if enabled else None
    elif isinstance(trigger, EventTrigger):
        columns["event_type"] = trigger.event_type
        columns["trigger"]["filters"] = await _with_ids(gateway, org_id, trigger.filters)
    elif isinstance(trigger, WebhookTrigger):
        columns["webhook_path"] = trigger.path
        columns["webhook_secret"], secret = _secret(gateway, org_id, automation_id, trigger, kept)
    return columns, secret


def _secret(
    gateway: Gateway, org_id: UUID, automation_id: UUID, trigger: WebhookTrigger, kept: bytes | None
) -> tuple[bytes, str | None]:
    if isinstance(trigger.secret, dict):
        if kept is None:
            raise refused((*_AT, "secret"), "no secret is kept for this automation: give one, or leave the key out")
        return kept, None
    if trigger.secret is None and kept is not None:
        return kept, None
    made = None if trigger.secret is not None else "whsec_" + base64.b64encode(os.urandom(24)).decode()
    text = trigger.secret or made or ""
    return gateway.keyring.encrypt(text.encode(), org_id, automation_id), made


async def due_after_now(gateway: Gateway, trigger: Json) -> datetime | None:
    """When a trigger that is stored fires next; None for what is no schedule."""
    return next(iter(await next_times(gateway, trigger, 1)), None)


async def next_times(gateway: Gateway, trigger: Json, most: int) -> list[datetime]:
    """The first times at which a trigger that is stored fires; none for what is no schedule."""
    if trigger["type"] != "schedule":
        return []
    return list(islice(times_after(trigger["schedule"], trigger["timezone"], await _now(gateway)), most))


async def _now(gateway: Gateway) -> datetime:
    """By the database's clock, as in the schedulers: a gateway with a wrong clock must not shift a schedule."""
    found: datetime = await gateway.pool.fetchval("SELECT clock_timestamp()")
    return found


async def _with_ids(gateway: Gateway, org_id: UUID, filters: Json) -> Json:
    """Replace slugs in filters by ids, since events hold ids."""
    found = dict(filters)
    for name, look_up in _NAMED.items():
        if name in found:
            at = (*_AT, "filters", name)
            given = found[name] if isinstance(found[name], list) else [found[name]]
            if len(given) > _MOST_NAMED or not all(isinstance(one, str) for one in given):
                raise refused(at, f"give ids or slugs, {_MOST_NAMED} at most")
            ids = [str(one) for one in await look_up(gateway.pool, org_id, given, at)]
            found[name] = ids if isinstance(found[name], list) else ids[0]
    return found


async def _actions(pool: Pool, org_id: UUID, names: list[str], at: Place) -> list[UUID]:
    known = await actions.named(pool, org_id, names)
    return [_there(known, name, at, "action").id for name in names]


async def _automations(pool: Pool, org_id: UUID, names: list[str], at: Place) -> list[UUID]:
    known = await automations.named(pool, org_id, names)
    return [_there(known, name, at, "automation")["id"] for name in names]


async def _connections(pool: Pool, org_id: UUID, names: list[str], at: Place) -> list[UUID]:
    try:
        return [(await connections.resolve(pool, org_id, name)).id for name in names]
    except Unresolved as error:
        raise refused(at, str(error), "unknown_connection") from error


def _there(known: Mapping[str, Any], name: str, at: Place, what: str) -> Any:
    if name not in known:
        raise refused(at, f"there is no {what} {name!r}", f"unknown_{what}")
    return known[name]


_NAMED = {"actionId": _actions, "connectionId": _connections, "automationId": _automations}
"""Filters that take an id or a slug."""
