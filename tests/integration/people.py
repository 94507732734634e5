"""Organisations besides the stack's own: what one team may do must not touch another's."""

from uuid import UUID, uuid4

import asyncpg
import httpx2

from vai_common.db import dump_json, engine
from vai_devstack.stack import Stack
from vai_testkit.stack import client_of
from vai_testkit.team import Team, make_team

_SETTINGS = "UPDATE organisations SET settings = settings || $2::jsonb WHERE id = $1"


async def change_settings(stack: Stack, org_id: UUID | str, **settings: object) -> None:
    """As an administrator of the platform would, by SQL; gateways that remember the old ones are told."""
    conn = await asyncpg.connect(stack.database)
    try:
        await conn.execute(_SETTINGS, UUID(str(org_id)), dump_json(settings))
        await conn.execute("NOTIFY keys_changed")
    finally:
        await conn.close()


async def new_team(stack: Stack, **settings: object) -> Team:
    """An organisation of one's own, with a key for each role."""
    people = engine(stack.database, "api-gateway", 1)
    try:
        return await make_team(people, f"team-{uuid4().hex[:12]}", **settings)
    finally:
        await people.dispose()


def client_for(stack: Stack, team: Team) -> httpx2.AsyncClient:
    """A client of the gateway, as the team's admin."""
    return client_of(stack, team.headers()["X-API-Key"])
