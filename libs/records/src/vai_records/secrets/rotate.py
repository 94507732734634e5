"""Encrypts again, with the first key, what older keys have encrypted: `make rotate-keys`.

Without make: `python -m vai_records.secrets.rotate`.

Safe while everything runs: an envelope is replaced only if it is still the one that was read, what somebody saves
meanwhile stays, and both open with the keys that the services have. Stopped half-way, it is simply run again.
Ended runs are included: a retry takes its secrets from the run that it retries (decision 19).
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from vai_common.db import AWAY, open_pool
from vai_common.queries import Pool, Row
from vai_records.secrets.keys import Keyring, SecretError

PLACES = {
    "connections": "credentials",
    "access_tokens": "token",
    "actions": "secrets",
    "runs": "secrets",
    "automations": "webhook_secret",
    "automation_versions": "secrets",
    "automation_runs": "sealed",
    "alert_rules": "secrets",
    "secrets": "sealed",
}
"""Table → column of everything that is stored encrypted."""

_BATCH = 500
_NONE = UUID(int=0)

_READ = """
SELECT id, org_id, {column} AS envelope FROM {table}
WHERE id > $1 AND {column} IS NOT NULL AND substr({column}, 1, length($2::bytea)) <> $2
ORDER BY id LIMIT $3
"""
_REPLACE = """
WITH picked AS MATERIALIZED (
    SELECT x.id, t.new FROM {table} x JOIN unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS t(id, old, new)
        ON t.id = x.id AND t.old = x.{column}
    ORDER BY x.id FOR UPDATE OF x
)
UPDATE {table} x SET {column} = picked.new FROM picked WHERE x.id = picked.id
RETURNING x.id
"""


@dataclass
class Rotated:
    """What was done in one table: rows replaced, rows that somebody changed meanwhile, and those that do not open."""

    replaced: int = 0
    overtaken: int = 0
    closed: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Rotated") -> None:
        self.replaced += other.replaced
        self.overtaken += other.overtaken
        self.closed.update(other.closed)


async def rotate(pool: Pool, ring: Keyring, batch: int = _BATCH) -> dict[str, Rotated]:
    """Goes through every table until a pass finds nothing that it could replace; table → what was done.

    Each batch is a transaction of its own. Services that still encrypt with an older first key are caught up with.
    """
    done = {table: Rotated() for table in PLACES}
    for table in PLACES:
        while True:
            passed = await _pass(pool, ring, table, batch)
            done[table].replaced += passed.replaced
            done[table].overtaken += passed.overtaken
            done[table].closed = passed.closed
            if passed.replaced + passed.overtaken == 0:
                break
    return done


async def _pass(pool: Pool, ring: Keyring, table: str, batch: int) -> Rotated:
    """Once over a table, in the order of ids."""
    names = {"table": table, "column": PLACES[table]}
    read, replace = _READ.format(**names), _REPLACE.format(**names)
    passed, after = Rotated(), _NONE
    while rows := await pool.fetch(read, after, ring.head, batch):
        passed.add(await _replace(pool, ring, replace, rows))
        after = rows[-1]["id"]
    return passed


async def _replace(pool: Pool, ring: Keyring, statement: str, rows: Sequence[Row]) -> Rotated:
    part, new = Rotated(), {}
    for row in rows:
        try:
            plain = ring.decrypt(row["envelope"], row["org_id"], row["id"])
            new[row["id"]] = ring.encrypt(plain, row["org_id"], row["id"])
        except SecretError as error:
            part.closed[str(error)] += 1
    old = [row["envelope"] for row in rows if row["id"] in new]
    if new:
        part.replaced = len(await pool.fetch(statement, list(new), old, list(new.values())))
        part.overtaken = len(new) - part.replaced
    return part


async def _main(url: str, keys: str) -> int:
    ring = Keyring(keys)
    pool = await open_pool(url, "rotate-keys", 1)
    try:
        done = await rotate(pool, ring)
    finally:
        await pool.close()
    for table, rotated in done.items():
        sys.stdout.write(f"{table}: {rotated.replaced} encrypted again with {ring.first!r}\n")
        for why, rows in rotated.closed.items():
            sys.stdout.write(f"{table}: {rows} left as they are. {why}\n")
    if any(rotated.closed for rotated in done.values()):
        return 1
    sys.stdout.write(f"Everything is encrypted with {ring.first!r}: the older keys can go.\n")
    return 0


def main() -> int:
    """Exit code 0 when everything is encrypted with the first key, 1 when something was left, 2 without settings."""
    url = os.environ.get("VAI_DATABASE_URL") or os.environ.get("VAI_DATABASE_DIRECT_URL")
    if not url or not os.environ.get("VAI_ENCRYPTION_KEYS"):
        sys.stderr.write("VAI_DATABASE_URL and VAI_ENCRYPTION_KEYS must be set, as for the services.\n")
        return 2
    try:
        return asyncio.run(_main(url, os.environ["VAI_ENCRYPTION_KEYS"]))
    except SecretError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (asyncpg.PostgresError, *AWAY) as error:
        told = f"{type(error).__name__}: {error}"
        sys.stderr.write(
            f"Not finished: {told}. See VAI_DATABASE_URL and its schema (`make doctor`), then run it again.\n"
        )
        return 1


if __name__ == "__main__":
    sys.exit(main())
