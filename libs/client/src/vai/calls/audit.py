"""The calls about the audit log: who did what."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from vai.call import PAGE, Call, Page, get_call, instant
from vai.errors import UnexpectedAnswer
from vai.models.audit import AuditEntry


def listing(
    *,
    actor_id: str | None = None,
    api_key_id: str | None = None,
    action: str | None = None,
    target_type: str | Sequence[str] | None = None,
    target_id: str | None = None,
    outcome: str | Sequence[str] | None = None,
    address: str | None = None,
    request_id: str | None = None,
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    limit: int = PAGE,
    cursor: str | None = None,
) -> Call[Page[AuditEntry]]:
    """Entries, newest first, for administrators. `action` is as in `update.automation`."""
    query: dict[str, Any] = {
        "actor_id": actor_id,
        "api_key_id": api_key_id,
        "action": action,
        "target_type": target_type,
        "target_id": target_id,
        "outcome": outcome,
        "address": address,
        "request_id": request_id,
        "since": instant(since),
        "until": instant(until),
        "limit": limit,
    }
    return _page(query, cursor)


def _page(query: dict[str, Any], cursor: str | None) -> Call[Page[AuditEntry]]:
    def read(data: Any) -> Page[AuditEntry]:
        try:
            entries, following = [AuditEntry.read(each) for each in data["entries"]], data["nextCursor"]
        except (KeyError, TypeError) as error:
            raise UnexpectedAnswer(f"this is not a page of the audit log: {error!r}") from error
        return Page(entries, _page(query, following) if following else None)

    return get_call("/audit", read, **query, cursor=cursor)
