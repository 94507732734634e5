"""The calls about API keys."""

from collections.abc import Sequence
from datetime import datetime

from vai.call import API, PAGE, Call, Page, get_call, given, nothing, offset_list, segment
from vai.models.people import ApiKey, CreatedApiKey, Role


def create(name: str, role: Role, *, expires_at: datetime | None = None) -> Call[CreatedApiKey]:
    """Make a key that acts for the caller, with at most the caller's role. `expires_at` needs a time zone."""
    body = given(name=name, role=role, expiresAt=expires_at and expires_at.isoformat())
    return Call("POST", f"{API}/api-keys", CreatedApiKey.read, body=body)


def get(key_id: str) -> Call[ApiKey]:
    """The key with this id, without the key itself."""
    return get_call(f"/api-keys/{segment(key_id)}", ApiKey.read)


def listing(
    q: str | None = None, *, status: str | Sequence[str] | None = None, limit: int = PAGE, offset: int = 0
) -> Call[Page[ApiKey]]:
    """One's own keys, an administrator's all; `q` is a part of a name, or how a key begins."""
    return offset_list("/api-keys", "apiKeys", ApiKey, given(q=q, status=status, limit=limit), offset)


def revoke(key_id: str) -> Call[None]:
    """Revoke the key at once, with the tokens that it asked for."""
    return Call("DELETE", f"{API}/api-keys/{segment(key_id)}", nothing)
