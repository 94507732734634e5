"""The calls about backfills that were made; `calls.automations.backfill` makes one."""

from typing import Any

from vai.call import API, PAGE, Call, Page, get_call, given, segment
from vai.errors import UnexpectedAnswer
from vai.models.answers import User
from vai.models.automations import MadeBackfill


def listing(automation_id: str, *, limit: int = PAGE, cursor: str | None = None) -> Call[Page[MadeBackfill]]:
    """Requests that made up for past times of an automation, newest first, and how far each has come."""

    def read(data: Any) -> Page[MadeBackfill]:
        try:
            items, following = [MadeBackfill.read(each) for each in data["backfills"]], data["nextCursor"]
            users = {name: User.read(user) for name, user in data["users"].items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise UnexpectedAnswer(f"this is not a list of backfills: {error!r}") from error
        rest = None if following is None else listing(automation_id, limit=limit, cursor=following)
        return Page(items, rest, None, users)

    query = given(limit=limit, cursor=cursor)
    return Call("GET", f"{API}{_path(automation_id)}", read, query=query, repeatable=True)


def get(automation_id: str, backfill_id: str) -> Call[MadeBackfill]:
    """How many of its automation runs wait, run and have ended."""
    return get_call(f"{_path(automation_id)}/{segment(backfill_id)}", MadeBackfill.read)


def cancel(automation_id: str, backfill_id: str) -> Call[MadeBackfill]:
    """Cancel all of its automation runs that have not ended. Conflict where all have."""
    path = f"{API}{_path(automation_id)}/{segment(backfill_id)}/cancel"
    return Call("POST", path, MadeBackfill.read, repeatable=True)


def _path(automation_id: str) -> str:
    return f"/automations/{segment(automation_id)}/backfills"
