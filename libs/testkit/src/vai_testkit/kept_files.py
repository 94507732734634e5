"""Files that a sync has brought, without a sync."""

import hashlib
from typing import Any
from uuid import UUID

from vai_common.ids import uuid7
from vai_records.lake import synced_files
from vai_records.lake.synced_files import NewSynced, folder_place


async def kept_file(
    pool: Any, org_id: UUID, data: bytes, path: str = "2026/a.pdf", *, artifact_id: UUID | None = None
) -> UUID:
    """The id of a file in the folder `shop/invoices`; whoever wants to read it puts it where its row says."""
    run_id, place = uuid7(), folder_place("shop/invoices")
    location = f"{org_id}/files/run={run_id}/e1-0"
    new = NewSynced(path, location, len(data), hashlib.sha256(data).hexdigest(), {}, "added")
    async with pool.acquire() as conn, conn.transaction():
        await synced_files.commit(conn, org_id, run_id, place, [new])
        known = "SELECT id FROM synced_files WHERE location = $1"
        made: UUID = artifact_id or await conn.fetchval(known, location)
        await conn.execute("UPDATE synced_files SET id = $1 WHERE location = $2", made, location)
    return made
