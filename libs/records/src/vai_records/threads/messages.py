"""The messages of a thread: a tree, of which each branch is read from its last message up.

Every read follows `parent_id` from a message that is named, so it costs what it gives, however long the thread is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from vai_common.queries import Queries, Row

MOST_VERSIONS = 100
"""Messages that are told of those with the same parent, the newest."""

_COLUMNS = "id, thread_id, parent_id, place, text, run_id, fingerprint, created_by, created_at"
_CREATE = """
INSERT INTO chat_messages
    (id, thread_id, org_id, parent_id, place, text, run_id, idempotency_key, fingerprint, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
_NAME_HEAD = """
UPDATE chat_threads SET head = $2, latest = $2, name = $3, updated_at = clock_timestamp() WHERE id = $1
"""
LINE = f"""
WITH RECURSIVE line AS (
    SELECT {_COLUMNS}, 1 AS step FROM chat_messages WHERE thread_id = $1 AND id = $2
    UNION ALL
    SELECT {", ".join(f"m.{name}" for name in _COLUMNS.split(", "))}, line.step + 1
    FROM line JOIN chat_messages m ON m.id = line.parent_id WHERE line.step < $3
)
SELECT l.*, r.status, r.phase, r.started_at, CASE WHEN pg_column_size(r.result) < {1 << 20} THEN r.result END AS result,
    r.error
FROM line l LEFT JOIN runs r ON r.id = l.run_id ORDER BY l.step
"""
_GET = f"SELECT {_COLUMNS} FROM chat_messages WHERE thread_id = $1 AND id = $2"
_OF_KEY = f"SELECT {_COLUMNS} FROM chat_messages WHERE thread_id = $1 AND idempotency_key = $2"
_NAMED = f"SELECT {_COLUMNS} FROM chat_messages WHERE id = $1"
_OF_RUNS = f"SELECT {_COLUMNS} FROM chat_messages WHERE run_id = ANY($1::uuid[]) LIMIT 1"
_LIVE = "SELECT r.id FROM chat_messages m JOIN runs r ON r.id = m.run_id WHERE m.id = $1 AND r.phase <> 'done'"
_BESIDE = f"""
SELECT wanted.parent_id, array(
    SELECT m.id FROM chat_messages m WHERE m.thread_id = $1 AND m.parent_id IS NOT DISTINCT FROM wanted.parent_id
    ORDER BY m.id DESC LIMIT {MOST_VERSIONS}) AS versions
FROM unnest($2::uuid[]) AS wanted (parent_id)
"""


@dataclass(frozen=True)
class NewMessage:
    """A message that is about to be posted. `place` is one more than its parent's."""

    id: UUID
    thread_id: UUID
    org_id: UUID
    parent_id: UUID | None
    place: int
    text: str
    run_id: UUID
    idempotency_key: str | None
    fingerprint: bytes | None
    who: UUID | None


async def create(conn: Queries, new: NewMessage, name: str) -> None:
    """The message, as the last one of the branch that is shown; `name` is what the thread is called from now on."""
    values = (new.parent_id, new.place, new.text, new.run_id, new.idempotency_key, new.fingerprint, new.who)
    await conn.execute(_CREATE, new.id, new.thread_id, new.org_id, *values)
    await conn.execute(_NAME_HEAD, new.thread_id, new.id, name)


async def get(conn: Queries, thread_id: UUID, message_id: UUID) -> Row | None:
    """Without its answer."""
    return await conn.fetchrow(_GET, thread_id, message_id)


async def named(conn: Queries, message_id: UUID) -> Row | None:
    """For the worker that answers it: of whichever thread."""
    return await conn.fetchrow(_NAMED, message_id)


async def of_key(conn: Queries, thread_id: UUID, key: str) -> Row | None:
    """The message that this idempotency key has made."""
    return await conn.fetchrow(_OF_KEY, thread_id, key)


async def of_runs(conn: Queries, run_ids: Sequence[UUID]) -> Row | None:
    """The message that one of these runs answers."""
    return await conn.fetchrow(_OF_RUNS, list(run_ids))


async def line(conn: Queries, thread_id: UUID, last: UUID, most: int) -> list[Row]:
    """A message and those that it stands on, the newest first, each with `status`, `phase`, `result` and `error` of its
    run; `result` is NULL where it is too large to be told."""
    return list(await conn.fetch(LINE, thread_id, last, most))


async def live_run(conn: Queries, message_id: UUID | None) -> UUID | None:
    """The run that still answers a message."""
    found: UUID | None = None if message_id is None else await conn.fetchval(_LIVE, message_id)
    return found


async def versions(conn: Queries, thread_id: UUID, parents: Sequence[UUID | None]) -> dict[UUID | None, list[UUID]]:
    """By their parent the messages that stand in one place, the oldest first."""
    rows = await conn.fetch(_BESIDE, thread_id, list(dict.fromkeys(parents)))
    return {row["parent_id"]: row["versions"][::-1] for row in rows}
