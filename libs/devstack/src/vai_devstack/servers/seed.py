"""What a fresh database needs before somebody can use it: an organisation, a user, and an API key that acts for it."""

import hashlib
from uuid import UUID

import asyncpg

from vai_common.ids import uuid7

ORGANISATION = "local"
EMAIL = "admin@localhost"

_ORGANISATION = """
INSERT INTO organisations (id, slug, name) VALUES ($1, $2, 'Local')
ON CONFLICT (slug) DO UPDATE SET slug = excluded.slug RETURNING id
"""
_USER = """
INSERT INTO users (id, email, first_name, last_name) VALUES ($1, $2, 'Local', 'Admin')
ON CONFLICT (email) DO UPDATE SET email = excluded.email RETURNING id
"""
_MEMBER = """
INSERT INTO memberships (org_id, user_id, role, first_name, last_name) VALUES ($1, $2, 'admin', 'Local', 'Admin')
ON CONFLICT DO NOTHING
"""
_KEY = """
INSERT INTO api_keys (id, org_id, user_id, name, prefix, key_hash, role)
VALUES ($1, $2, $3, 'local stack', $4, $5, 'admin') ON CONFLICT (key_hash) DO NOTHING
"""


async def seed(database_url: str, org_id: UUID, api_key: str) -> UUID:
    """Make what is missing; returns the id of the organisation `local`, which is the given one in a fresh database."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            org: UUID = await connection.fetchval(_ORGANISATION, org_id, ORGANISATION)
            user: UUID = await connection.fetchval(_USER, uuid7(), EMAIL)
            await connection.execute(_MEMBER, org, user)
            prefix, hashed = api_key.rpartition("_")[0], hashlib.sha256(api_key.encode()).digest()
            await connection.execute(_KEY, uuid7(), org, user, prefix, hashed)
    finally:
        await connection.close()
    return org


async def ensure_database(database_url: str) -> None:
    """Make the database that the address names, in the cluster that it names."""
    server, _, name = database_url.rpartition("/")
    connection = await asyncpg.connect(f"{server}/postgres")
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
