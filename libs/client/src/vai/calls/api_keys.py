"""The calls about API keys."""

from collections.abc import Sequence
from datetime import datetime

from vai.call import API, PAGE, Call, Page, get_call, given, nothing, offset_list, segment
from vai.models.people import ApiKey, CreatedApiKey, Role, Scope


def create(
    name: str,
    role: Role,
    *,
    expires_at: datetime | None = None,
    scopes: Sequence[str] | None = None,
    service_account_id: str | None = None,
) -> Call[CreatedApiKey]:
    """Make a key that acts for the caller, or for a service account, with at most their role; `scopes` narrow it.

    `expires_at` needs a time zone.
    """
    body = given(
        name=name,
        role=role,
        expiresAt=expires_at and expires_at.isoformat(),
        scopes=None if scopes is None else list(scopes),
        serviceAccountId=service_account_id,
    )
    return Call("POST", f"{API}/api-keys", CreatedApiKey.read, body=body)


def get(key_id: str) -> Call[ApiKey]:
    """What is known of the key with this id; the key itself is never shown again."""
    return get_call(f"/api-keys/{segment(key_id)}", ApiKey.read)


def listing(
    q: str | None = None,
    *,
    status: str | Sequence[str] | None = None,
    user_id: str | None = None,
    limit: int = PAGE,
    offset: int = 0,
) -> Call[Page[ApiKey]]:
    """One's own keys, an administrator's all; `q` is a part of a name, or how a key begins, `user_id` whose it is."""
    query = given(q=q, status=status, user_id=user_id, limit=limit)
    return offset_list("/api-keys", "apiKeys", ApiKey, query, offset)


def scopes() -> Call[list[Scope]]:
    """What a key may be narrowed to."""
    return get_call("/scopes", lambda answer: [Scope.read(one) for one in answer["scopes"]])


def rotate(
    key_id: str, *, overlap_minutes: int | None = None, expires_at: datetime | None = None
) -> Call[CreatedApiKey]:
    """Make a key with the name, role and scopes of this one, which ends after the overlap (an hour by default)."""
    body = given(overlapMinutes=overlap_minutes, expiresAt=expires_at and expires_at.isoformat())
    return Call("POST", f"{API}/api-keys/{segment(key_id)}/rotate", CreatedApiKey.read, body=body)


def revoke(key_id: str) -> Call[None]:
    """Revoke the key at once, with the tokens that it asked for."""
    return Call("DELETE", f"{API}/api-keys/{segment(key_id)}", nothing)
