"""Links that show one flashboard to whoever has them, until they end or are revoked (decision 55)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vai_common.ids import uuid7
from vai_common.queries import Queries, Row

MOST_SHARES = 200
"""Of one flashboard that are good at the same time."""

_COLUMNS = "id, flashboard_id, version, note, expires_at, revoked_at, created_by, created_at"
_CREATE = f"""
INSERT INTO flashboard_shares (id, flashboard_id, version, note, expires_at, created_by)
SELECT $1, $2, $3, $4, $5, $6 WHERE {MOST_SHARES} > (
    SELECT count(*) FROM flashboard_shares
    WHERE flashboard_id = $2 AND revoked_at IS NULL AND expires_at > clock_timestamp())
RETURNING {_COLUMNS}
"""
_LIST = f"SELECT {_COLUMNS} FROM flashboard_shares WHERE flashboard_id = $1 ORDER BY id DESC LIMIT $2 OFFSET $3"
_COUNT = "SELECT count(*) FROM flashboard_shares WHERE flashboard_id = $1"
_REVOKE = """
UPDATE flashboard_shares SET revoked_at = coalesce(revoked_at, clock_timestamp())
WHERE flashboard_id = $1 AND id = $2 RETURNING id
"""
_GOOD = """
SELECT b.id, b.org_id, b.slug, s.version FROM flashboard_shares s JOIN flashboards b ON b.id = s.flashboard_id
WHERE s.id = $1 AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp() AND b.deleted_at IS NULL
"""


@dataclass(frozen=True)
class NewShare:
    """What a link shows and until when; `version`: that one alone, else the one that is shown at the time."""

    expires_at: datetime
    version: int | None = None
    note: str = ""
    created_by: UUID | None = None


async def create(conn: Queries, board_id: UUID, share: NewShare) -> Row | None:
    """None: the flashboard has `MOST_SHARES` already."""
    said = (share.version, share.note, share.expires_at, share.created_by)
    return await conn.fetchrow(_CREATE, uuid7(), board_id, *said)


async def list_page(conn: Queries, board_id: UUID, limit: int, offset: int) -> tuple[list[Row], int]:
    """Newest first, also those that are over, and how many there are."""
    rows = list(await conn.fetch(_LIST, board_id, limit, offset))
    return rows, int(await conn.fetchval(_COUNT, board_id))


async def revoke(conn: Queries, board_id: UUID, share_id: UUID) -> bool:
    """May be repeated. False: there is no such link."""
    return await conn.fetchval(_REVOKE, board_id, share_id) is not None


async def good(conn: Queries, share_id: UUID) -> Row | None:
    """The flashboard that a link shows; None where the link has ended, was revoked, or shows what was deleted."""
    return await conn.fetchrow(_GOOD, share_id)
