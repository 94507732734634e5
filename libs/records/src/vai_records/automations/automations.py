"""Automations: what is saved under a name (document 002)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from vai_common.queries import Connection, Queries, Row
from vai_records.automations import saved_definition, versions
from vai_records.automations.versions import NewVersion
from vai_records.catalogue.labels import OF_LABELS
from vai_records.catalogue.naming import by_name, id_in, ids_in
from vai_records.catalogue.unique import constraint_of
from vai_records.listing import totals
from vai_records.listing.bounded import bounded

Json = dict[str, Any]

SORTS = ("name", "created_at", "updated_at", "status")

_COLUMNS = """a.id, a.org_id, a.name, a.slug, a.description, a.status, a.error, a.version_id, a.trigger, a.webhook_path,
    a.webhook_secret, a.due_at, a.source_type, a.source_id, a.created_by, a.updated_by, a.created_at, a.updated_at,
    a.webhooks_ignored, a.webhook_ignored_at, a.labels, a.expose, v.definition, v.secrets"""
_LATEST = """LEFT JOIN LATERAL (
    SELECT id AS run_id, status AS run_status, outcome AS run_outcome, control AS run_control,
        triggered_by AS run_triggered_by, started_at AS run_started_at, completed_at AS run_completed_at,
        scheduled_for AS run_scheduled_for, begins_now AS run_begins_now
    FROM automation_runs WHERE automation_id = a.id ORDER BY id DESC LIMIT 1
) latest ON true"""
_FROM = f"""FROM automations a JOIN automation_versions v ON v.id = a.version_id {_LATEST}
WHERE a.org_id = $1 AND a.deleted_at IS NULL"""
_SHOWN = f"SELECT {_COLUMNS}, latest.* {_FROM}"
_BOUNDED = {
    "v.definition": """v.definition || '{"steps": [], "inputs": {}, "conditions": []}'::jsonb""",
    "a.trigger": "jsonb_build_object('type', a.trigger -> 'type')",
    "a.error": "jsonb_build_object('code', a.error -> 'code', 'message', left(a.error ->> 'message', 500))",
}
_LISTED_COLUMNS = ", ".join(
    bounded(place, _BOUNDED[place]) if place in _BOUNDED else place
    for place in map(str.strip, _COLUMNS.split(","))
    if place != "v.secrets"
)
BOUNDED = tuple(place.partition(".")[2] for place in _BOUNDED)
"""What a list may leave out."""

_LISTED = f"SELECT {_LISTED_COLUMNS}, latest.* {_FROM}"

_CREATE = """
INSERT INTO automations (id, org_id, name, slug, description, status, version_id, trigger, event_type, webhook_path,
    webhook_secret, due_at, labels, expose, source_type, source_id, created_by, updated_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17)
"""
_HIDE = """
UPDATE automations SET deleted_at = clock_timestamp(), updated_at = clock_timestamp(), due_at = NULL
WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL RETURNING slug
"""
_LIVE = "SELECT id FROM automation_runs WHERE automation_id = $1 AND status = 'running' LIMIT 1"
_BREAK = """
UPDATE automations SET status = 'error', error = $2, updated_at = clock_timestamp()
WHERE id = $1 AND status = 'active' AND deleted_at IS NULL
"""
_WARN = """
UPDATE automations SET error = $2, updated_at = clock_timestamp()
WHERE id = $1 AND status = 'active' AND deleted_at IS NULL
"""
_TO_START = """
SELECT id, version_id, status FROM automations
WHERE org_id = $1 AND deleted_at IS NULL AND (slug = $2 OR id = $3) ORDER BY (id = $3) IS TRUE DESC LIMIT 1
"""
_CALLS = """ARRAY(
    SELECT coalesce(s->'definition'->>'automation', x.definition->>'automation')
    FROM jsonb_array_elements(CASE jsonb_typeof(v.definition->'steps') WHEN 'array' THEN v.definition->'steps' END) AS s
    LEFT JOIN actions x ON x.id::text = s->>'action_id' AND x.org_id = a.org_id
    WHERE s->>'kind' = 'call_automation'
)"""
_CALLED = f"""
SELECT a.id, a.slug, {_CALLS} AS calls, jsonb_path_exists(v.definition,
    '$.inputs.* ? (@.type == "secret" && @.required == true)') AS needs_secret
FROM automations a JOIN automation_versions v ON v.id = a.version_id
WHERE a.org_id = $1 AND a.deleted_at IS NULL AND (a.slug = ANY($2::text[]) OR a.id = ANY($3::uuid[]))
"""
_CALLERS = f"""
SELECT a.slug FROM automations a JOIN automation_versions v ON v.id = a.version_id
WHERE a.org_id = $1 AND a.deleted_at IS NULL AND a.id <> $2
  AND v.definition @> '{{"steps": [{{"kind": "call_automation"}}]}}' AND {_CALLS} && $3::text[]
ORDER BY a.slug LIMIT 10
"""


class Taken(Exception):
    """Another automation has this `slug`, or this `path` of a webhook; `what` says which."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class InUse(Exception):
    """The automation has a run that goes on; `run_id` is one of them."""

    def __init__(self, run_id: UUID) -> None:
        super().__init__(run_id)
        self.run_id = run_id


class Called(Exception):
    """Other automations call this one; `callers` are their slugs, ten at most."""

    def __init__(self, callers: list[str]) -> None:
        super().__init__(callers)
        self.callers = callers


@dataclass(frozen=True)
class Filters:
    """Which automations a list shows; what is empty filters nothing."""

    q: str = ""
    statuses: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    expose: bool | None = None

    def where(self) -> tuple[str, list[Any]]:
        """Conditions beside the organisation's, from $2 on."""
        pattern = "%" + self.q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        given = [
            ("(a.name ILIKE ${0} OR a.slug ILIKE ${0})", pattern if self.q else None),
            ("a.status = ANY(${0}::text[])", list(self.statuses) or None),
            ("a.trigger->>'type' = ANY(${0}::text[])", list(self.triggers) or None),
            (OF_LABELS, list(self.labels) or None),
            ("a.expose = ${0}", self.expose),
        ]
        asked = [(text, value) for text, value in given if value is not None]
        texts = [f" AND {text.format(place)}" for place, (text, _) in enumerate(asked, 2)]
        return "".join(texts), [value for _, value in asked]


@dataclass(frozen=True)
class Saved:
    """The columns of an automation that its author decides."""

    name: str
    slug: str
    description: str | None
    status: str
    trigger: Json
    event_type: str | None
    webhook_path: str | None
    webhook_secret: bytes | None
    due_at: Any
    labels: dict[str, str]
    expose: bool = False
    source_type: str = "manual"
    source_id: UUID | None = None


@dataclass(frozen=True)
class ToStart:
    """What an automation run takes from its automation."""

    id: UUID
    version_id: UUID
    status: str


async def create(conn: Connection, version: NewVersion, saved: Saved) -> None:
    """Saves an automation with its first version. Raises `Taken`."""
    s, who = saved, version.created_by
    values = (s.name, s.slug, s.description, s.status, version.id, s.trigger, s.event_type, s.webhook_path)
    try:
        async with conn.transaction():
            await _refuse_taken(conn, version.org_id, version.automation_id, s.slug, s.webhook_path)
            await versions.write(conn, version)
            more = (s.webhook_secret, s.due_at, s.labels, s.expose, s.source_type, s.source_id, who)
            await conn.execute(_CREATE, version.automation_id, version.org_id, *values, *more)
    except asyncpg.UniqueViolationError as error:
        raise _taken(error) from error


async def change(
    conn: Connection,
    org_id: UUID,
    automation_id: UUID,
    columns: Json,
    version: NewVersion | None,
    expected: datetime | None = None,
) -> bool:
    """Sets these columns, with a new version where there is one; False where there is no such automation.

    Also where it was changed after `expected`. Raises `Taken`.
    """
    given = columns | ({} if version is None else {"version_id": version.id})
    sets = ", ".join(f"{name} = ${place}" for place, name in enumerate(given, 3))
    text = f"UPDATE automations SET updated_at = clock_timestamp(), {sets} WHERE id = $1 AND org_id = $2"
    try:
        async with conn.transaction():
            await _refuse_taken(conn, org_id, automation_id, columns.get("slug"), columns.get("webhook_path"))
            if version is not None:
                await versions.write(conn, version)
            text = f"{text} AND deleted_at IS NULL"
            if expected is not None:
                text = f"{text} AND updated_at = ${len(given) + 3}"
            values = [*given.values(), *([] if expected is None else [expected])]
            return await conn.fetchval(f"{text} RETURNING id", automation_id, org_id, *values) is not None
    except asyncpg.UniqueViolationError as error:
        raise _taken(error) from error


async def get(conn: Queries, org_id: UUID, automation_id: UUID) -> Row | None:
    """Its row with the definition of its version and its latest run (`run_…`); None where there is none.

    One that cannot be read has no steps, and an error that says why.
    """
    return _readable(await conn.fetchrow(f"{_SHOWN} AND a.id = $2", org_id, automation_id))


async def by_slug(conn: Queries, org_id: UUID, slug: str) -> Row | None:
    """As `get`."""
    return _readable(await conn.fetchrow(f"{_SHOWN} AND a.slug = $2", org_id, slug))


def _readable(row: Row | None) -> Row | None:
    if row is None:
        return None
    found = saved_definition.read(row["definition"])
    trigger = row["trigger"] if isinstance(row["trigger"], dict) and "type" in row["trigger"] else None
    if found.fault is None and trigger is not None:
        return {**row, "definition": found.definition}
    fault = found.fault or "its trigger cannot be read; give it another"
    status = "error" if row["status"] == "active" else row["status"]
    told = {"status": status, "error": row["error"] or saved_definition.error_of(fault)}
    return {**row, "definition": found.definition, "trigger": trigger or {"type": "manual"}, **told}


async def list_page(
    conn: Queries, org_id: UUID, filters: Filters, sort: tuple[str, str], bounds: tuple[int, int]
) -> tuple[list[Any], int]:
    """A page of rows as `get` answers them, and how many there are; `sort` is one of SORTS with asc or desc.

    Only of the automations of the page the versions and latest runs are looked up; what is large is left out, as
    `definition_cut`, `trigger_cut` and `error_cut` say.
    """
    where, values = filters.where()
    column, direction = ("id" if sort[0] == "created_at" else sort[0]), sort[1]
    limit, offset = bounds
    of_page = f"SELECT a.id FROM automations a WHERE a.org_id = $1 AND a.deleted_at IS NULL{where}"
    order = f"ORDER BY a.{column} {direction}, a.id {direction}"
    ids = f"{of_page} {order} LIMIT {limit:d} OFFSET {offset:d}"
    found = await conn.fetch(f"{_LISTED} AND a.id IN ({ids}) {order}", org_id, *values)
    rows = [_readable(row) for row in found]
    if len(rows) < limit and (rows or not offset):
        return rows, offset + len(rows)
    if filters == Filters():
        return rows, await totals.total(conn, org_id, "automations")
    count = f"SELECT count(*) FROM automations a WHERE a.org_id = $1 AND a.deleted_at IS NULL{where}"
    return rows, int(await conn.fetchval(count, org_id, *values))


async def delete(conn: Connection, org_id: UUID, automation_id: UUID) -> bool:
    """Hides an automation; its runs stay readable. False where there is none. Raises `InUse`, `Called`."""
    async with conn.transaction():
        slug = await conn.fetchval(_HIDE, automation_id, org_id)
        if slug is None:
            return False
        if found := await callers(conn, org_id, automation_id, [slug, str(automation_id)]):
            raise Called(found)
        live = await conn.fetchval(_LIVE, automation_id)
        if live is not None:
            raise InUse(live)
        return True


async def break_(conn: Queries, automation_id: UUID, error: Json) -> None:
    """active → error: what was saved does not work any more, and its triggers fire no longer (decision 37)."""
    await conn.execute(_BREAK, automation_id, error)


async def warn(conn: Queries, automation_id: UUID, error: Json) -> None:
    """Shows an error of an automation that stays active; who changes or resumes it takes it away."""
    await conn.execute(_WARN, automation_id, error)


async def to_start(conn: Queries, org_id: UUID, name: str) -> ToStart | None:
    """An automation by its id or its slug."""
    row = await conn.fetchrow(_TO_START, org_id, name, id_in(name))
    return None if row is None else ToStart(**row)


async def named(conn: Queries, org_id: UUID, names: list[str]) -> Mapping[str, Any]:
    """By the name that each is known by: `id`, `slug`, `calls` (the automations that its steps name, with NULLs), and
    `needs_secret` (whether it has an input that is given by hand alone).
    """
    return by_name(names, await conn.fetch(_CALLED, org_id, names, ids_in(names)))


async def callers(conn: Queries, org_id: UUID, automation_id: UUID, names: list[str]) -> list[str]:
    """The slugs of other automations whose steps call it by one of these names."""
    return [row["slug"] for row in await conn.fetch(_CALLERS, org_id, automation_id, names)]


_MET = """SELECT slug = $3 AS slug, webhook_path = $4 AS path FROM automations
WHERE org_id = $1 AND id <> $2 AND deleted_at IS NULL AND (slug = $3 OR webhook_path = $4) LIMIT 1"""


async def _refuse_taken(conn: Queries, org_id: UUID, automation_id: UUID, slug: str | None, path: str | None) -> None:
    """Asked before, so that a clash is no error in Postgres's log; two at the same moment meet in the index."""
    if slug is None and path is None:
        return
    met = await conn.fetchrow(_MET, org_id, automation_id, slug, path)
    if met is not None:
        raise Taken("slug" if met["slug"] else "path")


def _taken(error: asyncpg.UniqueViolationError) -> Exception:
    """What the error means; one that means neither stays what it is."""
    what = {"automations_webhook": "path", "automations_slug": "slug"}.get(constraint_of(error))
    return error if what is None else Taken(what)


async def name_of(conn: Queries, automation_id: UUID) -> str:
    """The name of an automation, hidden ones included: their runs stay readable."""
    found: str = await conn.fetchval("SELECT name FROM automations WHERE id = $1", automation_id)
    return found
