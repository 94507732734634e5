"""Whether the keys that a service was given open what is stored: asked once, when it starts, and by the doctor."""

import asyncpg

from vai_common.db import AWAY
from vai_common.health import Health
from vai_common.queries import Pool
from vai_records.secrets.keys import Keyring, SecretError

_ENVELOPES = "SELECT id, org_id, credentials FROM connections WHERE credentials IS NOT NULL ORDER BY id DESC LIMIT 50"


async def fault(pool: Pool, keyring: Keyring | None) -> str | None:
    """What is wrong with the keys, and after the colon what to do; None where they open the newest credentials."""
    rows = await pool.fetch(_ENVELOPES)
    if keyring is None:
        if not rows:
            return None
        return "VAI_ENCRYPTION_KEYS is empty, and connections have credentials: give it the keys of the other services"
    try:
        for row in rows:
            keyring.decrypt(row["credentials"], row["org_id"], row["id"])
    except SecretError as error:
        what = str(error).partition(": ")[0].rstrip(".")
        return f"{what}: give VAI_ENCRYPTION_KEYS the key that wrote it, behind the first (docs/running.md)"
    return None


async def trust_keys(health: Health, pool: Pool, keyring: Keyring | None) -> bool:
    """Tells the service's readiness; whether they can be trusted. A database that is away says nothing of keys."""
    try:
        wrong = await fault(pool, keyring)
    except (*AWAY, asyncpg.PostgresError):
        wrong = None
    health.tell("keys", wrong)
    return wrong is None
