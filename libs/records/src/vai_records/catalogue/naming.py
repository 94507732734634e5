"""What refers to an action, a connection or an automation may say its id or its slug (decision 3).

Who gives something a name and no slug gets one that is made of the name, and is free.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final, Literal
from uuid import UUID

from vai_common.queries import Queries, Row

LONGEST_SLUG: Final = 255
_LONGEST_MADE = 240
"""Characters of a slug that is made of a name: a number may follow."""
_MARK = 6
"""Characters that tell names without Latin letters apart."""
_LETTERS = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i"})
"""Latin letters that are no letter with an accent."""

Table = Literal["actions", "agents", "automations", "connections"]

_IS_TAKEN = "SELECT EXISTS (SELECT FROM {table} WHERE org_id = $1 AND slug = $2 AND deleted_at IS NULL)"
_FREE_NUMBER = """
SELECT n FROM generate_series(2, 100000) AS n
WHERE NOT EXISTS (SELECT FROM {table} WHERE org_id = $1 AND slug = $2 || '-' || n AND deleted_at IS NULL) LIMIT 1
"""


def slug_of(name: str, otherwise: str) -> str:
    """A slug made from a name: `Stg Shöpify (new)` is `stg-shopify-new`.

    Where no letter of it is Latin and no digit is there, `otherwise` and six characters that stand for the name.
    """
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS)).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:_LONGEST_MADE].strip("-")
    return slug or f"{slug_of(otherwise, 'x')[:_LONGEST_MADE]}-{sha256(name.encode()).hexdigest()[:_MARK]}"


async def free_slug(conn: Queries, table: Table, org_id: UUID, slug: str) -> str:
    """The slug, with the first number behind it that is free where another of the organisation has it."""
    if not await conn.fetchval(_IS_TAKEN.format(table=table), org_id, slug):
        return slug
    return f"{slug}-{await conn.fetchval(_FREE_NUMBER.format(table=table), org_id, slug)}"


def id_in(name: str) -> UUID | None:
    """The id that a name is; None for a slug."""
    try:
        return UUID(name)
    except ValueError:
        return None


def ids_in(names: Iterable[str]) -> list[UUID]:
    return [found for name in names if (found := id_in(name)) is not None]


def by_name(names: Iterable[str], rows: Iterable[Row]) -> Mapping[str, Any]:
    """Of rows with `id` and `slug` those that the names mean, an id before a slug; a name of nothing is left out."""
    known: dict[Any, Any] = {}
    for row in rows:
        known |= {row["slug"]: row, row["id"]: row}
    found = ((name, known.get(id_in(name)) or known.get(name)) for name in names)
    return {name: row for name, row in found if row is not None}
