"""Chat threads: found, renamed, hidden (docs/threads.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from vai_common.queries import Queries, Row

Json = dict[str, Any]

NEW = "New thread"
"""What a thread is called until its first message names it."""
LONGEST_NAME = 80
"""Characters of a name that is made of a message."""

_THERE = "t.org_id = $1 AND t.deleted_at IS NULL"
_SHOWN = f"""
SELECT t.id, t.org_id, t.name, t.datasets, t.head, t.latest, t.created_by, t.created_at, t.updated_at, t.agent_id,
    a.slug AS agent_slug, a.name AS agent_name, a.definition AS agent, a.thread_id IS NOT NULL AS is_own,
    a.deleted_at IS NOT NULL AS is_gone,
    CASE WHEN t.head IS NULL THEN 0 ELSE (SELECT m.place FROM chat_messages m WHERE m.id = t.head) END AS messages
FROM chat_threads t JOIN agents a ON a.id = t.agent_id
WHERE {_THERE}
"""
_CREATE = """
INSERT INTO chat_threads (id, org_id, name, agent_id, datasets, created_by) VALUES ($1, $2, $3, $4, $5, $6)
"""
_HIDE = "UPDATE chat_threads t SET deleted_at = clock_timestamp() WHERE " + _THERE + " AND t.id = $2 RETURNING t.latest"
_LOCK = f"SELECT t.name, t.head, t.latest FROM chat_threads t WHERE {_THERE} AND t.id = $2 FOR UPDATE"
_CHANGEABLE = frozenset(("name", "datasets", "head"))


@dataclass(frozen=True)
class NewThread:
    """What is saved of a thread."""

    id: UUID
    org_id: UUID
    name: str
    agent_id: UUID
    datasets: list[str]
    who: UUID | None


@dataclass(frozen=True)
class Filters:
    """Which threads a list shows; what is empty filters nothing."""

    q: str = ""
    agent_id: UUID | None = None
    created_by: UUID | None = None


async def create(conn: Queries, new: NewThread) -> None:
    await conn.execute(_CREATE, new.id, new.org_id, new.name, new.agent_id, new.datasets, new.who)


async def get(conn: Queries, org_id: UUID, thread_id: UUID) -> Row | None:
    """With its agent, and the number of messages of the branch that is shown."""
    return await conn.fetchrow(f"{_SHOWN} AND t.id = $2", org_id, thread_id)


async def list_page(
    conn: Queries, org_id: UUID, filters: Filters, behind: tuple[datetime, UUID] | None, limit: int
) -> list[Row]:
    """Those of the last messages first; `behind`: `updated_at` and id of the last one of the page before."""
    texts, values = list[str](), list[Any]([org_id])
    if filters.q:
        values.append("%" + filters.q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%")
        texts.append(f"AND t.name ILIKE ${len(values)}")
    for name, value in (("agent_id", filters.agent_id), ("created_by", filters.created_by)):
        if value is not None:
            values.append(value)
            texts.append(f"AND t.{name} = ${len(values)}")
    if behind is not None:
        values += behind
        texts.append(f"AND (t.updated_at, t.id) < (${len(values) - 1}, ${len(values)})")
    text = f"{_SHOWN} {' '.join(texts)} ORDER BY t.updated_at DESC, t.id DESC LIMIT {limit:d}"
    return list(await conn.fetch(text, *values))


async def change(conn: Queries, org_id: UUID, thread_id: UUID, columns: Mapping[str, Any]) -> bool:
    """Sets these columns; False: there is no such thread."""
    assert columns.keys() <= _CHANGEABLE
    sets = "".join(f", {name} = ${place}" for place, name in enumerate(columns, 3))
    text = f"UPDATE chat_threads t SET updated_at = clock_timestamp(){sets} WHERE {_THERE} AND t.id = $2 RETURNING t.id"
    return await conn.fetchval(text, org_id, thread_id, *columns.values()) is not None


async def lock(conn: Queries, org_id: UUID, thread_id: UUID) -> Row | None:
    """`name`, `head` and `latest`; nobody else posts or deletes before the transaction ends."""
    return await conn.fetchrow(_LOCK, org_id, thread_id)


async def hide(conn: Queries, org_id: UUID, thread_id: UUID) -> tuple[bool, UUID | None]:
    """Whether there was such a thread, and its latest message. Messages and runs stay."""
    row = await conn.fetchrow(_HIDE, org_id, thread_id)
    return row is not None, None if row is None else row["latest"]


def named_after(text: str) -> str:
    """The name of a thread: the first line of its first message."""
    line = " ".join(text.strip().splitlines()[0].split())
    return line if len(line) <= LONGEST_NAME else f"{line[: LONGEST_NAME - 1].rstrip()}…"
