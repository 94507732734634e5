"""The calls about chat threads (docs/threads.md)."""

from collections.abc import Mapping, Sequence
from typing import Any

from vai.call import API, PAGE, UNSET, Call, Page, Unset, get_call, given, held, keyed, nothing, prefer, segment
from vai.errors import UnexpectedAnswer
from vai.models.agents import Crystallized
from vai.models.answers import Json, User
from vai.models.threads import Message, Thread


def create(
    agent: str | None = None,
    *,
    name: str | None = None,
    datasets: Sequence[str] | None = None,
    own: Json | None = None,
) -> Call[Thread]:
    """Begin a thread with a saved `agent` (slug or id), or with an `own` one: `model`, `tools`, `instructions`, ….

    With `datasets` it reads these tables alone.
    """
    body = (own or {}) | given(agent=agent, name=name, datasets=None if datasets is None else [*datasets])
    return Call("POST", f"{API}/chat/threads", Thread.read, body=body)


def get(thread_id: str) -> Call[Thread]:
    """The thread with this id."""
    return get_call(_path(thread_id), Thread.read)


def update(
    thread_id: str,
    *,
    name: str | Unset = UNSET,
    datasets: Sequence[str] | Unset = UNSET,
    head: str | Unset = UNSET,
    own: Json | None = None,
) -> Call[Thread]:
    """Rename it, attach tables, show the branch that ends in message `head`, or change its `own` model and tools."""
    tables = UNSET if isinstance(datasets, Unset) else [*datasets]
    body = (own or {}) | given(name=name, datasets=tables, head=head)
    return Call("PATCH", API + _path(thread_id), Thread.read, body=body)


def delete(thread_id: str) -> Call[None]:
    """Hide the thread and stop its answer; what its runs did stays on record."""
    return Call("DELETE", API + _path(thread_id), nothing)


def listing(
    q: str | None = None,
    *,
    agent: str | None = None,
    created_by: str | None = None,
    limit: int = PAGE,
    cursor: str | None = None,
) -> Call[Page[Thread]]:
    """Threads, those first in which something was said last; `q` looks in their names."""
    query = given(q=q, agent=agent, created_by=created_by, limit=limit, cursor=cursor)

    def read(data: Any) -> Page[Thread]:
        following, users = _following(data)
        rest = None if following is None else listing(
            q, agent=agent, created_by=created_by, limit=limit, cursor=following
        )  # fmt: skip
        return Page([Thread.read(each) for each in data["threads"]], rest, None, users)

    return Call("GET", f"{API}/chat/threads", read, query=query, repeatable=True)


def messages(
    thread_id: str, *, branch: str | None = None, limit: int = PAGE, cursor: str | None = None
) -> Call[Page[Message]]:
    """The messages of a branch, the newest first: of the one that is shown, or that ends in the message `branch`."""

    def read(data: Any) -> Page[Message]:
        following, users = _following(data)
        rest = None if following is None else messages(thread_id, limit=limit, cursor=following)
        return Page([Message.read(each) for each in data["messages"]], rest, None, users)

    query = given(branch=branch, limit=limit, cursor=cursor)
    return Call("GET", f"{API}{_path(thread_id)}/messages", read, query=query, repeatable=True)


def post(
    thread_id: str,
    text: str | None = None,
    *,
    after: str | None = None,
    replaces: str | None = None,
    idempotency_key: str | None = None,
    wait: float | None = None,
) -> Call[Message]:
    """Say something. `client.agents.stream(message.answer.run_id)` tells the answer as it comes; `wait` (seconds, at
    most 60) waits for it. Conflict while another message is answered.

    `replaces` puts it in the place of another message (without `text` that one is answered anew), `after` behind an
    earlier one.
    """
    body = given(text=text, after=after, replaces=replaces)
    headers = {**prefer(wait), **keyed(idempotency_key)}
    path = f"{API}{_path(thread_id)}/messages"
    repeatable = idempotency_key is not None
    return Call("POST", path, Message.read, body=body, headers=headers, patience=held(wait), repeatable=repeatable)


def message(thread_id: str, message_id: str, *, wait: float | None = None) -> Call[Message]:
    """A message with its answer; `wait` (seconds, at most 60) waits for that."""
    path = f"{API}{_path(thread_id)}/messages/{segment(message_id)}"
    return Call("GET", path, Message.read, headers=prefer(wait), patience=held(wait), repeatable=True)


def stop(thread_id: str) -> Call[Message]:
    """Stop the answer that is under way; the message that was posted last."""
    return Call("POST", f"{API}{_path(thread_id)}/stop", Message.read, body={}, patience=10, repeatable=True)


def crystallize(
    thread_id: str,
    *,
    name: str | None = None,
    slug: str | None = None,
    parameters: Json | None = None,
    dry_run: bool = False,
) -> Call[Crystallized]:
    """Turn the branch that is shown into an automation; `parameters` name values of it that are to be inputs.

    With `dry_run` nothing is saved. Conflict while a message is answered, and where nothing was called.
    """
    body = given(name=name, slug=slug, parameters=parameters)
    query = {"dry_run": "true"} if dry_run else {}
    return Call("POST", f"{API}{_path(thread_id)}/crystallize", Crystallized.read, body=body, query=query)


def _path(thread_id: str) -> str:
    return f"/chat/threads/{segment(thread_id)}"


def _following(data: Any) -> tuple[str | None, Mapping[str, User]]:
    try:
        users = {name: User.read(user) for name, user in data["users"].items()}
        return (data["nextCursor"] if data["hasNext"] else None), users
    except (KeyError, TypeError, AttributeError) as error:
        raise UnexpectedAnswer(f"this is not a list of threads or messages: {error!r}") from error
