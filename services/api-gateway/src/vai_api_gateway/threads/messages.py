"""/api/v1/chat/threads/{id}/messages: say something, read the branches, stop an answer (decision 49)."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Operator, Viewer
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, Limit, answer, users_named
from vai_api_gateway.http.idempotency import TAKES_KEY, key_of, mark_of
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.problems import conflict, not_found
from vai_api_gateway.runs import request_orders
from vai_api_gateway.runs.waiters import Preference
from vai_api_gateway.threads.routes import stop_answer, thread_of
from vai_api_gateway.threads.shapes import MessageBody, MessageShape, MessagesShape, message_json
from vai_common.ids import uuid7
from vai_common.queries import Queries, Row
from vai_records.refused import Place, refused
from vai_records.runs import statements
from vai_records.runs.new_run import NewRun
from vai_records.runs.orders import Order
from vai_records.threads import messages, threads
from vai_records.threads.messages import NewMessage
from vai_records.variables.names import AS_IT_IS

router = APIRouter(prefix="/api/v1/chat/threads", tags=["Threads"], route_class=JsonRoute, responses=PROBLEMS)

STOP_SECONDS = 10.0
"""How long a request to stop waits for the end of the answer."""
LABEL = "thread"
"""The label that says to which thread an answer's run belongs."""

_REPEATED: dict[int | str, dict[str, Any]] = {
    200: {"model": MessageShape, "description": "The key had made this message"}
}


@router.get("/{thread_id}/messages", response_model=MessagesShape, summary="List the messages of a thread")
async def list_messages(
    request: Request,
    principal: Viewer,
    thread_id: UUID,
    branch: Annotated[
        UUID | None, Query(description="The last message of the branch; else the thread's `head`")
    ] = None,
    limit: Limit = 50,
    cursor: Annotated[UUID | None, Query(description="`nextCursor` of the page before; instead of `branch`")] = None,
) -> Response:
    """One branch, the newest message first. It is as fast at the end of a long thread as at its beginning."""
    gateway = gateway_of(request)
    thread = await thread_of(gateway, principal, thread_id)
    if branch is not None and cursor is not None:
        raise refused(("query", "cursor"), "give cursor or branch, not both")
    last = branch or cursor or thread["head"]
    rows = await messages.line(gateway.pool, thread_id, last, limit) if last else []
    if not rows and (branch or cursor):
        place: Place = ("query", "branch" if branch else "cursor")
        raise refused(place, "there is no such message in this thread", "unknown_message")
    beside = await messages.versions(gateway.pool, thread_id, [row["parent_id"] for row in rows])
    following = rows[-1]["parent_id"] if rows else None
    async with gateway.engine.connect() as conn:
        users = await users_named(conn, principal.org_id, [row["created_by"] for row in rows])
    shown = [message_json(row, beside[row["parent_id"]]) for row in rows]
    told = {"messages": shown, "hasNext": following is not None, "limit": limit, "nextCursor": following}
    return answer(told | {"users": users})


@router.post(
    "/{thread_id}/messages",
    response_model=MessageShape,
    status_code=201,
    responses=_REPEATED,
    openapi_extra=TAKES_KEY,
    summary="Post a message",
)
async def post_message(request: Request, principal: Operator, thread_id: UUID, body: MessageBody) -> Response:
    """The answer is a run of the agent: `GET /agents/runs/{runId}/stream` tells it as it comes.

    A thread answers one message at a time: 409 while it does; wait for the end, or stop it. With an idempotency key
    (header, or `idempotencyKey`) a repeat posts nothing. `Prefer: wait=30` waits for the answer.
    """
    gateway = gateway_of(request)
    key, mark = key_of(request, body.idempotency_key), mark_of(body.text, _text(body.after), _text(body.replaces))
    thread = await thread_of(gateway, principal, thread_id)
    made = await _repeated(gateway.pool, thread_id, key, mark)
    status = 200
    if made is None:
        posting = _Posting(gateway, principal, request, thread, body, key, mark)
        made, is_new = await posting.posted()
        status = 201 if is_new else 200
    preference = Preference.of(request.headers.get("prefer"))
    if preference.wait is not None:
        await gateway.waiters.until_ended(made["run_id"], preference.wait)
    headers = {"Location": f"{router.prefix}/{thread_id}/messages/{made['id']}"} if status == 201 else {}
    if preference.wait is not None:
        headers["Preference-Applied"] = f"wait={preference.wait:g}"
    return await _shown(gateway, thread_id, made["id"], status, headers)


@router.get("/{thread_id}/messages/{message_id}", response_model=MessageShape, summary="Get a message")
async def get_message(request: Request, principal: Viewer, thread_id: UUID, message_id: UUID) -> Response:
    """With its answer; `Prefer: wait=30` waits for that."""
    gateway = gateway_of(request)
    await thread_of(gateway, principal, thread_id)
    preference = Preference.of(request.headers.get("prefer"))
    if preference.wait is not None and (run_id := await messages.live_run(gateway.pool, message_id)):
        await gateway.waiters.until_ended(run_id, preference.wait)
    return await _shown(gateway, thread_id, message_id)


@router.post("/{thread_id}/stop", response_model=MessageShape, summary="Stop the answer of a thread")
async def stop_thread(request: Request, principal: Operator, thread_id: UUID) -> Response:
    """Cancels the run that answers, and its calls; the answer is the message, when that has ended (10 s at most).

    Where nothing is being answered, it is the message that was posted last.
    """
    gateway = gateway_of(request)
    thread = await thread_of(gateway, principal, thread_id)
    if thread["latest"] is None:
        raise conflict("the thread has no messages: there is nothing to stop")
    run_id = await stop_answer(gateway, principal, thread["latest"])
    if run_id is not None:
        await gateway.waiters.until_ended(run_id, STOP_SECONDS)
    return await _shown(gateway, thread_id, thread["latest"])


async def _shown(
    gateway: Gateway, thread_id: UUID, message_id: UUID, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    rows = await messages.line(gateway.pool, thread_id, message_id, 1)
    if not rows:
        raise not_found("message")
    beside = await messages.versions(gateway.pool, thread_id, [rows[0]["parent_id"]])
    return answer(message_json(rows[0], beside[rows[0]["parent_id"]]), status, headers)


async def _repeated(conn: Queries, thread_id: UUID, key: str | None, mark: bytes) -> Row | None:
    """The message that this very request has made before. Raises `Problem` 409 for another one with the key."""
    found = None if key is None else await messages.of_key(conn, thread_id, key)
    if found is not None and found["fingerprint"] != mark:
        raise conflict("this idempotency key has posted another message; send another key", ("body", "idempotencyKey"))
    return found


class _Posting:
    """One message that is to be posted, with its run, in one transaction."""

    def __init__(
        self,
        gateway: Gateway,
        principal: Principal,
        request: Request,
        thread: Row,
        body: MessageBody,
        key: str | None,
        mark: bytes,
    ) -> None:
        self._gateway, self._principal, self._request = gateway, principal, request
        self._thread, self._body, self._key, self._mark = thread, body, key, mark

    async def posted(self) -> tuple[Row, bool]:
        """The message, and whether it is new.

        Raises `Refused` for what cannot be answered, `Problem` 409 while something else is.
        """
        text = await self._text()
        run = await self._run(text)
        thread_id, org_id = self._thread["id"], self._principal.org_id
        async with self._gateway.pool.acquire() as conn, conn.transaction():
            locked = await threads.lock(conn, org_id, thread_id)
            if locked is None:
                raise not_found("thread")
            first = await _repeated(conn, thread_id, self._key, self._mark)
            if first is not None:  # a repeat that came at the same time was faster
                return first, False
            if await messages.live_run(conn, locked["latest"]) is not None:
                raise conflict(
                    "the thread is answering a message: wait for its end, or stop it with POST "
                    f"{router.prefix}/{thread_id}/stop, and post again"
                )
            parent, place = await self._place(conn, locked)
            mark = self._mark if self._key else None
            new = NewMessage(
                uuid7(), thread_id, org_id, parent, place, text, run.id, self._key, mark, self._principal.user_id
            )  # fmt: skip
            await statements.create(conn, [run])
            name = threads.named_after(text) if locked["name"] == threads.NEW else locked["name"]
            await messages.create(conn, new, name)
        self._gateway.bell.ring(*_rung(run))
        made = await messages.get(self._gateway.pool, thread_id, new.id)
        assert made is not None
        return made, True

    async def _text(self) -> str:
        if self._body.text is not None:
            return self._body.text
        assert self._body.replaces is not None
        found = await self._named(self._gateway.pool, self._body.replaces, "replaces")
        return str(found["text"])

    async def _run(self, text: str) -> NewRun:
        """The run that answers. Raises `Refused`."""
        thread = self._thread
        if thread["is_gone"]:
            message = f"the agent {thread['agent_slug']!r} was deleted: go on in a new thread with another one"
            raise refused(("body",), message, "unknown_agent")
        agent = str(thread["agent_id"]) if thread["is_own"] else thread["agent_slug"]
        labels = {LABEL: str(thread["id"])}
        order = Order("call_agent", {"agent": agent, "question": text}, ("body",), labels=labels, filled=AS_IT_IS)
        return await request_orders.make(
            self._gateway, request_orders.customer(self._principal, self._request), order
        )  # fmt: skip

    async def _place(self, conn: Queries, locked: Row) -> tuple[UUID | None, int]:
        """The message that this one follows, and its place."""
        if self._body.replaces is not None:
            old = await self._named(conn, self._body.replaces, "replaces")
            return old["parent_id"], old["place"]
        parent = locked["head"]
        if self._body.after is not None:
            parent = self._body.after
        if parent is None:
            return None, 1
        found = await self._named(conn, parent, "after")
        return parent, found["place"] + 1

    async def _named(self, conn: Queries, message_id: UUID, name: str) -> Row:
        found = await messages.get(conn, self._thread["id"], message_id)
        if found is None:
            raise refused(("body", name), "there is no such message in this thread", "unknown_message")
        return found


def _rung(run: NewRun) -> tuple[str, list[UUID]]:
    word, rung = run.ring
    return word, [rung]


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
