"""Scopes: what an API key is narrowed to, within its role. A key without scopes may do all that its role may.

A scope is `area:verb`. Those of `NAMED` may also name one thing by its id: `actions:execute:<id>`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from vai_records.people.people import Role

MOST: Final = 50
"""Scopes of one key."""


@dataclass(frozen=True)
class Scope:
    """`role` is the least that any of its operations needs."""

    role: Role
    about: str


_V, _O, _A = Role.VIEWER, Role.OPERATOR, Role.ADMIN

SCOPES: Final[Mapping[str, Scope]] = {
    "actions:execute": Scope(_O, "Run saved actions, just as they are saved; `actions:execute:SLUG` only this one."),
    "actions:read": Scope(_V, "See saved actions."),
    "actions:write": Scope(_O, "Make, change and delete actions."),
    "agents:read": Scope(_V, "See agents."),
    "agents:write": Scope(_O, "Make, change and delete agents."),
    "alerts:read": Scope(_V, "See alert rules and what they sent."),
    "alerts:write": Scope(_O, "Make, change, test and delete alert rules; send alerts again."),
    "artifacts:read": Scope(_V, "See and download files that runs keep."),
    "artifacts:write": Scope(_O, "Share such files by links."),
    "audit:read": Scope(_A, "Read the audit log."),
    "automations:execute": Scope(_O, "Trigger automations; `automations:execute:SLUG` only this one."),
    "automations:read": Scope(_V, "See automations, their versions and graphs; check definitions."),
    "automations:write": Scope(_O, "Make, change, pause and delete automations."),
    "catalogue:read": Scope(_V, "See kinds, sources, templates and models."),
    "connections:read": Scope(_V, "See connections, without their credentials."),
    "connections:write": Scope(_O, "Make, change, test and delete connections."),
    "datasets:read": Scope(_V, "See datasets, and read and download their rows."),
    "events:write": Scope(_A, "Have events sent again."),
    "flashboards:read": Scope(_V, "See and export flashboards."),
    "flashboards:write": Scope(_O, "Refresh, share and delete flashboards."),
    "keys:read": Scope(_V, "See API keys, without the keys themselves."),
    "keys:write": Scope(_V, "Make keys that may do no more, and revoke keys."),
    "organisation:read": Scope(_V, "See the organisation and its settings."),
    "organisation:write": Scope(_A, "Change the organisation's name and settings."),
    "runs:approve": Scope(_O, "Approve and reject runs."),
    "runs:read": Scope(_V, "See runs of actions, automations and agents, their logs and results."),
    "runs:write": Scope(_O, "Start runs of any definition; cancel, pause, retry and delete runs."),
    "secrets:read": Scope(_V, "See the names of secrets."),
    "secrets:write": Scope(_A, "Set and delete secrets."),
    "system:read": Scope(_A, "See processes, queues and the database."),
    "threads:read": Scope(_V, "Read chat threads."),
    "threads:write": Scope(_O, "Start threads and write messages, which agents answer."),
    "users:read": Scope(_V, "See people and service accounts."),
    "variables:read": Scope(_V, "See variables and their values."),
    "variables:write": Scope(_A, "Set and delete variables."),
}

NAMED: Final = {"actions:execute": "actions", "automations:execute": "automations"}
"""Scopes that may name one thing, and the table where it is."""


_MAY_NAME = f"{' and '.join(NAMED)} may name one thing"


class BadScope(ValueError):
    """This is no scope, or the key's role is not enough for it."""


def split(scope: str) -> tuple[str, str | None]:
    """A scope of `SCOPES`, and what it names. Raises `BadScope`."""
    area, _, rest = scope.partition(":")
    verb, colon, name = rest.partition(":")
    base = f"{area}:{verb}"
    if base not in SCOPES or (colon and (base not in NAMED or not name)):
        raise BadScope(f"{scope[:100]!r} is no scope; GET /api/v1/scopes lists them, {_MAY_NAME}")
    return base, name or None


def check_role(scope: str, role: Role) -> None:
    """Raises `BadScope` where the role does not reach to anything in the scope."""
    needed = SCOPES[split(scope)[0]].role
    if not role.covers(needed):
        raise BadScope(f"{scope} is for keys with the role {needed} or more; this one's is {role}")


def has(scopes: Collection[str], needed: str, name: str | None = None) -> bool:
    """Whether `needed` is among `scopes`, for everything or for what is named so."""
    return needed in scopes or (name is not None and f"{needed}:{name}" in scopes)


async def named_id(conn: AsyncConnection, org_id: UUID, table: str, name: str) -> UUID | None:
    """The id of what the organisation calls so, by slug or id, in a table of `NAMED`."""
    wanted = f"""
        SELECT id FROM {table} WHERE org_id = :org AND deleted_at IS NULL AND :name IN (slug, CAST(id AS text))
        ORDER BY CAST(id AS text) = :name DESC LIMIT 1
    """
    found: UUID | None = (await conn.execute(text(wanted), {"org": org_id, "name": name.lower()})).scalar_one_or_none()
    return found


def wider(scopes: Sequence[str], own: Collection[str]) -> list[str]:
    """The scopes that reach further than `own`."""
    return [scope for scope in scopes if not has(own, *split(scope))]
