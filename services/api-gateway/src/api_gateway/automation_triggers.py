"""The columns that an automation's trigger fills: when it is due, what it waits for, where its webhook is."""

import base64
import os
from typing import Any
from uuid import UUID

from api_gateway.gateway import Gateway
from common import clock
from records import actions, connections
from records.automations import automations
from records.automations.schedule import next_after
from records.automations.triggers import EventTrigger, ScheduleTrigger, Trigger, WebhookTrigger
from records.connections import Unresolved
from records.refused import refused

Json = dict[str, Any]

_AT = ("body", "trigger")


async def trigger_columns(
    gateway: Gateway,
    org_id: UUID,
    automation_id: UUID,
    trigger: Trigger,
    enabled: bool,
    kept: tuple[bytes | None, str | None] = (None, None),
) -> tuple[Json, str | None]:
    """The columns, and a secret that was made here. `kept` are the secret and path that the automation has.

    Raises `Refused`.
    """
    columns: Json = {"event_type": None, "webhook_path": None, "webhook_secret": None, "due_at": None}
    columns["trigger"], secret = trigger.stored(), None
    if isinstance(trigger, ScheduleTrigger):
        due = next_after(trigger.schedule, trigger.timezone, clock.now())
        if due is None:
            raise refused((*_AT, "schedule"), "no time of this schedule is in sight")
        columns["due_at"] = due if enabled else None
    elif isinstance(trigger, EventTrigger):
        columns["event_type"] = trigger.event_type
        columns["trigger"]["filters"] = await _with_ids(gateway, org_id, trigger.filters)
    elif isinstance(trigger, WebhookTrigger):
        columns["webhook_path"] = trigger.path
        columns["webhook_secret"], secret = _secret(gateway, org_id, automation_id, trigger, kept[0])
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


async def _with_ids(gateway: Gateway, org_id: UUID, filters: Json) -> Json:
    """What a filter names by a slug is kept by its id, which is what events say."""
    found = dict(filters)
    for name, look_up in (("actionId", _action), ("connectionId", _connection), ("automationId", _automation)):
        if name in found:
            given = found[name] if isinstance(found[name], list) else [found[name]]
            found[name] = [str(await look_up(gateway, org_id, one)) for one in given]
    return found


async def _action(gateway: Gateway, org_id: UUID, name: Any) -> UUID:
    known = await actions.named(gateway.pool, org_id, [str(name)])
    if str(name) not in known:
        raise refused((*_AT, "filters", "actionId"), f"there is no action {name!r}", "unknown_action")
    return known[str(name)].id


async def _connection(gateway: Gateway, org_id: UUID, name: Any) -> UUID:
    try:
        return (await connections.resolve(gateway.pool, org_id, str(name))).id
    except Unresolved as error:
        raise refused((*_AT, "filters", "connectionId"), str(error), "unknown_connection") from error


async def _automation(gateway: Gateway, org_id: UUID, name: Any) -> UUID:
    known = await automations.to_start(gateway.pool, org_id, str(name))
    if known is None:
        raise refused((*_AT, "filters", "automationId"), f"there is no automation {name!r}", "unknown_automation")
    return known.id
