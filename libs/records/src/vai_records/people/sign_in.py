"""Signing in with a password: the account behind an email, and how often somebody tried.

Tries are counted in Postgres, so that all gateways count together. A try is counted before the password is checked, so
that many tries at the same time are limited, too.
"""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from vai_common.queries import Queries

WINDOW_SECONDS = 900

MOST_OF_ADDRESS = 60
"""Tries from one address within the window, for all accounts together."""

MOST_OF_PAIR = 8
"""Tries from one address for one email."""

MOST_OF_EMAIL = 100
"""Tries for one email from all addresses. High, since an attacker who reaches it locks the person out for a while."""

_TAKE = f"""
INSERT INTO sign_in_attempts AS a (subject, tries) VALUES ($1, 1)
ON CONFLICT (subject) DO UPDATE SET
    tries = CASE WHEN a.since < clock_timestamp() - interval '{WINDOW_SECONDS} s' THEN 1 ELSE a.tries + 1 END,
    since = CASE WHEN a.since < clock_timestamp() - interval '{WINDOW_SECONDS} s' THEN clock_timestamp()
        ELSE a.since END
RETURNING tries, extract(epoch FROM since - clock_timestamp())::float8 + {WINDOW_SECONDS} AS seconds_left
"""
_GIVE_BACK = "UPDATE sign_in_attempts SET tries = tries - 1 WHERE subject = $1 AND tries > 0"
_FORGET = "DELETE FROM sign_in_attempts WHERE subject = $1"
_TIDY = f"DELETE FROM sign_in_attempts WHERE since < clock_timestamp() - interval '{WINDOW_SECONDS} s'"

_ACCOUNTS = """
SELECT m.org_id, m.user_id, m.role, m.password_hash, m.token_version
FROM memberships m JOIN organisations o ON o.id = m.org_id
WHERE m.email = $1 AND m.removed_at IS NULL AND m.password_hash IS NOT NULL
  AND ($2::text IS NULL OR o.slug = $2 OR o.id::text = $2)
ORDER BY m.accepted_at NULLS LAST, m.created_at, m.org_id LIMIT $3
"""
_SET_HASH = "UPDATE memberships SET password_hash = $3 WHERE org_id = $1 AND user_id = $2 AND password_hash = $4"


@dataclass(frozen=True)
class Account:
    """A member as sign-in needs them."""

    org_id: UUID
    user_id: UUID
    role: str
    password_hash: str
    token_version: int


async def take(conn: Queries, address: str, email: str) -> float | None:
    """Count a try. Return the seconds to wait if it is one too many, else None.

    The limit per address is checked first. A try that it refuses does not count against the account, so one attacker
    cannot lock a user out.
    """
    for subject, most in _limits(address, email):
        [row] = await conn.fetch(_TAKE, subject)
        if row["tries"] > most:
            return max(float(row["seconds_left"]), 1.0)
    return None


async def succeeded(conn: Queries, address: str, email: str) -> None:
    """The password was right: do not count the try, and forget earlier ones of this person from this address."""
    (of_address, _), (of_pair, _), (of_email, _) = _limits(address, email)
    await conn.execute(_FORGET, of_pair)
    for subject in (of_address, of_email):
        await conn.execute(_GIVE_BACK, subject)


async def tidy(conn: Queries) -> None:
    """Delete counts whose window is over."""
    await conn.execute(_TIDY)


async def accounts(conn: Queries, email: str, organisation: str | None, most: int) -> list[Account]:
    """The accounts of this email that have a password; of one organisation (slug or id), or of all.

    Those that their person accepted come first, the oldest before the others: so an organisation that adds somebody,
    and sets a password for them, can neither hide nor use what they have elsewhere.
    """
    return [Account(**row) for row in await conn.fetch(_ACCOUNTS, email, organisation, most)]


async def store_hash(conn: Queries, found: Account, hashed: str) -> None:
    """Replace the stored hash by another one of the same password."""
    await conn.execute(_SET_HASH, found.org_id, found.user_id, hashed, found.password_hash)


def _limits(address: str, email: str) -> tuple[tuple[bytes, int], ...]:
    return (
        (_subject("address", address), MOST_OF_ADDRESS),
        (_subject("pair", address, email), MOST_OF_PAIR),
        (_subject("email", email), MOST_OF_EMAIL),
    )


def _subject(*parts: str) -> bytes:
    """Hashed: the table holds no addresses of people."""
    return hashlib.sha256("\0".join(parts).encode()).digest()
