"""An organisation with a user and keys, ready to be used."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from vai_records.people import api_keys, people
from vai_records.people.people import Role


@dataclass
class Team:
    """An organisation, its administrator, and a key of theirs for each role."""

    org_id: UUID
    user_id: UUID
    keys: dict[Role, api_keys.NewKey] = field(default_factory=dict)

    def headers(self, role: Role = Role.ADMIN) -> dict[str, str]:
        return {"X-API-Key": self.keys[role].secret}


async def make_team(engine: AsyncEngine, slug: str, **settings: Any) -> Team:
    """`settings` are the organisation's."""
    async with engine.begin() as conn:
        org_id = await people.create_organisation(conn, slug, slug.title(), settings)
        user_id = await people.create_user(conn, f"ada@{slug}.example", "Ada", "Lovelace")
        await people.add_member(conn, org_id, user_id, Role.ADMIN)
        keys = {role: await api_keys.create_key(conn, org_id, user_id, role, role) for role in Role}
    return Team(org_id, user_id, keys)
