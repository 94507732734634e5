"""A call of the REST API as data: what to send, and how to read the answer. Nothing here touches a socket.

`actions.py`, `runs.py`, `automations.py` and their like make the calls; `client.py` and `async_client.py` send them.
Arguments that are None are not sent. Waiting times are in seconds.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

from .errors import UnexpectedAnswer
from .models.answers import Answer, Json, User

T = TypeVar("T")
A = TypeVar("A", bound=Answer)

API = "/api/v1"
LONGEST_WAIT = 60  # seconds; decision 12
PAGE = 100


class Unset(Enum):
    """The default of arguments for which None means "clear it": the value is left as it is."""

    UNSET = "not given"


UNSET: Final = Unset.UNSET


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request. `repeatable`: sending it twice has the same effect as sending it once.

    `patience` (seconds) is how much longer than usual the answer may take because the server was asked to hold it.
    `content` is sent unchanged, instead of `body`. `read` gets the parsed JSON of the answer, or the text if `text` is
    set.
    """

    method: str
    path: str
    read: Callable[[Any], T]
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Json | None = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    patience: float = 0.0
    repeatable: bool = False
    text: bool = False


@dataclass(frozen=True)
class Pause:
    """Nothing to send for this many seconds."""

    seconds: float


Conversation = Generator[Call[Any] | Pause, Any, T]
"""Several calls that give one result: each yielded call is sent, and its answer is sent back into the generator."""


@dataclass(frozen=True)
class Page(Generic[A]):
    """Some entries of a list, and the call that brings those after them (None on the last page)."""

    items: list[A]
    next: Call["Page[A]"] | None
    total: int | None = None
    users: Mapping[str, User] = field(default_factory=dict)


def given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None and value is not UNSET}


def segment(value: str) -> str:
    return quote(value, safe="")


def get_call(path: str, read: Callable[[Any], T], **query: Any) -> Call[T]:
    return Call("GET", API + path, read, query=given(**query), repeatable=True)


def nothing(_: Any) -> None:
    return None


def prefer(wait: float | None, respond_async: bool = False) -> dict[str, str]:
    """The `Prefer` header of RFC 7240 as decision 12 understands it."""
    if respond_async:
        return {"Prefer": "respond-async"}
    return {} if wait is None else {"Prefer": f"wait={held(wait)}"}


def held(wait: float | None) -> int:
    return max(0, min(LONGEST_WAIT, int(wait or 0)))


def instant(time: datetime | str | None) -> str | None:
    """A time as the API takes it; one without a zone is of this machine's."""
    return time.astimezone(UTC).isoformat() if isinstance(time, datetime) else time


def keyed(idempotency_key: str | None) -> dict[str, str]:
    """The header that makes it safe to send a call again: the same key starts nothing twice."""
    return {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}


def offset_list(
    path: str,
    key: str,
    item: type[A],
    query: Mapping[str, Any],
    offset: int = 0,
    seen: frozenset[str] = frozenset(),
    base: str = API,
) -> Call[Page[A]]:
    """A list by offset, or by cursor where the answer gives one.

    A row that moves to a later page during the reading would come twice; `seen` prevents that.
    """

    def read(data: Any) -> Page[A]:
        try:
            found, more, total = [item.read(each) for each in data[key]], data["hasNext"], data["total"]
            users = {name: User.read(user) for name, user in data.get("users", {}).items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise UnexpectedAnswer(f"this is not a list of {key}: {error!r}") from error
        ids = frozenset(each.raw[item.identity] for each in found)
        cursor = data.get("nextCursor")
        place = (query, offset + len(found)) if cursor is None else ({**query, "cursor": cursor}, 0)
        following = offset_list(path, key, item, *place, seen | ids, base) if more and found else None
        return Page([each for each in found if each.raw[item.identity] not in seen], following, total, users)

    return Call("GET", base + path, read, query=given(**query, offset=offset), repeatable=True)
