"""How many rows a list without a filter has, without counting them: the sum of what each statement added.

Triggers write the amounts in the transaction that makes or hides the rows, so the sum is exact at any moment.
"""

from uuid import UUID

from sqlalchemy import Select, func, select

from vai_common.queries import Queries
from vai_records.schema.tables import list_totals

_TOTAL = "SELECT coalesce(sum(amount), 0)::bigint FROM list_totals WHERE org_id = $1 AND list = $2"

# What another folds at the same moment is left to it: its rows are locked until they are gone.
_FOLD = """
WITH many AS (SELECT org_id, list FROM list_totals GROUP BY org_id, list HAVING count(*) > $1),
picked AS MATERIALIZED (
    SELECT t.ctid, t.org_id, t.list, t.amount FROM list_totals t JOIN many USING (org_id, list)
    FOR UPDATE OF t SKIP LOCKED
),
gone AS (DELETE FROM list_totals t USING picked WHERE t.ctid = picked.ctid RETURNING t.org_id, t.list, t.amount)
INSERT INTO list_totals SELECT org_id, list, sum(amount) FROM gone GROUP BY org_id, list
"""

MOST_AMOUNTS = 100
"""Rows that an organisation's list may have before they are folded."""


async def total(conn: Queries, org_id: UUID, name: str) -> int:
    """The rows of `runs` or `actions` that are not hidden."""
    found: int = await conn.fetchval(_TOTAL, org_id, name)
    return found


def total_of(org_id: UUID, name: str) -> Select[tuple[int]]:
    """The same for SQLAlchemy."""
    mine = (list_totals.c.org_id == org_id) & (list_totals.c.list == name)
    return select(func.coalesce(func.sum(list_totals.c.amount), 0)).where(mine)


async def fold(conn: Queries, most: int = MOST_AMOUNTS) -> None:
    """Make one amount of many; two at once do each other no harm."""
    await conn.execute(_FOLD, most)
