"""What the routes of variables and of secrets share: they are found, set and deleted in the same way."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import answer, nothing, page
from vai_api_gateway.http.shapes import Json
from vai_api_gateway.problems import conflict, not_found
from vai_api_gateway.variables.shapes import row_json, use_json
from vai_common.ids import uuid7
from vai_records.refused import refused
from vai_records.variables import store
from vai_records.variables.store import MOST, SECRETS, New, Table

MOST_USES = 100

Search = Annotated[str | None, Query(max_length=100, description="A part of the name")]
Force = Annotated[bool, Query(description="Also where saved definitions name it: their next runs are refused")]


async def listed(
    request: Request, principal: Principal, table: Table, q: str | None, bounds: tuple[int, int]
) -> Response:
    gateway = gateway_of(request)
    rows, total = await store.page(gateway.pool, table, principal.org_id, q, bounds)
    people = [row["updated_by"] for row in rows]
    async with gateway.engine.connect() as conn:
        found = await page(conn, principal.org_id, table.name, list(map(row_json, rows)), people, (*bounds, total))
    return answer(found)


async def shown(request: Request, principal: Principal, table: Table, name: str) -> Response:
    return answer(await _whole(gateway_of(request), principal, table, name))


async def put(
    request: Request, principal: Principal, table: Table, name: str, given: tuple[object, str | None]
) -> Response:
    """201 for a new one, 200 for one that was there."""
    gateway, (value, description) = gateway_of(request), given
    async with gateway.pool.acquire() as conn, conn.transaction():
        await store.lock(conn, principal.org_id)
        before = await store.get(conn, table, principal.org_id, name)
        identity: UUID = uuid7() if before is None else before["id"]
        if table is SECRETS:
            if value is None and before is None:
                raise refused(("body", "value"), f"there is no secret {name!r} yet: give its value", "missing")
            if value is None:
                (value,) = [row["value"] for row in await store.values(conn, table, principal.org_id, [name])]
            else:
                value = gateway.keyring.encrypt(str(value).encode(), principal.org_id, identity)
        new = New(identity, principal.org_id, name, value, description, principal.user_id)
        if await store.put(conn, table, new) is None:
            raise conflict(f"the organisation has {MOST:,} {table.noun}s: delete some of them")
    found = await _whole(gateway, principal, table, name)
    if before is not None:
        return answer(found)
    return answer(found, 201, {"Location": f"/api/v1/{table.name}/{name}"})


async def delete(request: Request, principal: Principal, table: Table, name: str, *, force: bool) -> Response:
    gateway = gateway_of(request)
    async with gateway.pool.acquire() as conn, conn.transaction():
        await store.lock(conn, principal.org_id)
        uses = [] if force else await store.uses(conn, table, principal.org_id, name, 3)
        if uses and await store.get(conn, table, principal.org_id, name):
            named = ", ".join(f"{use['type']} {use['slug']}" for use in uses)
            raise conflict(f"it is named by {named}: take it out there, or delete it with force=true")
        if not await store.delete(conn, table, principal.org_id, name):
            raise not_found(table.noun)
    return nothing()


async def _whole(gateway: Gateway, principal: Principal, table: Table, name: str) -> Json:
    row = await store.get(gateway.pool, table, principal.org_id, name)
    if row is None:
        raise not_found(table.noun)
    uses = await store.uses(gateway.pool, table, principal.org_id, name, MOST_USES)
    return row_json(row) | {"usedBy": list(map(use_json, uses))}
