"""/api/v1/chat/threads: make, find, rename, change and delete chat threads (docs/threads.md)."""

import base64
import binascii
from contextlib import suppress
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from vai_api_gateway.agents.routes import judge, read_definition
from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Operator, Viewer
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, Limit, answer, nothing, users_named
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import LONGEST_NAME, Json
from vai_api_gateway.lifecycle import NoSuchRun, NotAllowed
from vai_api_gateway.problems import not_found
from vai_api_gateway.runs import deciding
from vai_api_gateway.threads.shapes import HELPFUL, ThreadBody, ThreadPatch, ThreadShape, ThreadsShape, thread_json
from vai_common.ids import uuid7
from vai_common.queries import Row
from vai_records.agents import agents
from vai_records.agents.definition import AgentDefinition
from vai_records.refused import refused
from vai_records.strict import in_utc
from vai_records.threads import messages, threads
from vai_records.threads.threads import Filters, NewThread

router = APIRouter(prefix="/api/v1/chat/threads", tags=["Threads"], route_class=JsonRoute, responses=PROBLEMS)


@router.get("", response_model=ThreadsShape, summary="List chat threads")
async def list_threads(
    request: Request,
    principal: Viewer,
    q: Annotated[str, Query(max_length=LONGEST_NAME, description="Search by name")] = "",
    agent: Annotated[str | None, Query(max_length=LONGEST_NAME, description="Of this agent, by slug or id")] = None,
    created_by: Annotated[UUID | None, Query()] = None,
    limit: Limit = 100,
    cursor: Annotated[str | None, Query(max_length=200, description="`nextCursor` of the page before")] = None,
) -> Response:
    """Those first in which something was said last. A thread in which something is said while you page comes first."""
    gateway = gateway_of(request)
    known = await agents.named(gateway.pool, principal.org_id, [agent]) if agent else {}
    if agent and agent not in known:
        raise refused(("query", "agent"), f"there is no agent {agent!r}; name one by its slug or its id")
    filters = Filters(q, known[agent].id if agent else None, created_by)
    rows = await threads.list_page(gateway.pool, principal.org_id, filters, _behind(cursor), limit + 1)
    shown, more = rows[:limit], len(rows) > limit
    async with gateway.engine.connect() as conn:
        users = await users_named(conn, principal.org_id, [row["created_by"] for row in shown])
    told = {"threads": [thread_json(row) for row in shown], "hasNext": more, "limit": limit, "users": users}
    return answer(told | {"nextCursor": _cursor(shown[-1]) if more else None})


@router.post("", response_model=ThreadShape, status_code=201, summary="Create a chat thread")
async def create_thread(request: Request, principal: Operator, body: ThreadBody) -> Response:
    """With a saved agent, or with a model and tools of its own. `POST …/messages` says something in it."""
    gateway, thread_id, pool = gateway_of(request), uuid7(), gateway_of(request).pool
    name, agent_id = body.name or threads.NEW, uuid7()
    if body.agent is not None:
        found = (await agents.named(pool, principal.org_id, [body.agent])).get(body.agent)
        if found is None:
            message = f"there is no agent {body.agent!r}; name one by its slug or its id"
            raise refused(("body", "agent"), message, "unknown_agent")
        agent_id = found.id
        _check_attached(body.datasets or [], AgentDefinition.model_validate(found.definition))
        definition = None
    else:
        definition = read_definition({"instructions": HELPFUL, "datasets": body.datasets or [], **body.own()})
        await judge(gateway, principal, definition, "")
    new = NewThread(thread_id, principal.org_id, name, agent_id, body.datasets or [], principal.user_id)
    async with pool.acquire() as conn, conn.transaction():
        if definition is not None:
            who = principal.user_id
            await agents.create_own(conn, principal.org_id, thread_id, (agent_id, name), definition, who)
        await threads.create(conn, new)
    made = await thread_of(gateway, principal, thread_id)
    return answer(thread_json(made), 201, {"Location": f"{router.prefix}/{thread_id}"})


@router.get("/{thread_id}", response_model=ThreadShape, summary="Get a chat thread")
async def get_thread(request: Request, principal: Viewer, thread_id: UUID) -> Response:
    return answer(thread_json(await thread_of(gateway_of(request), principal, thread_id)))


@router.patch("/{thread_id}", response_model=ThreadShape, summary="Update a chat thread")
async def update_thread(request: Request, principal: Operator, thread_id: UUID, body: ThreadPatch) -> Response:
    """Renames it, attaches tables, shows another branch (`head`), or changes the model and tools of its own.

    An answer that has begun goes on with what was there.
    """
    gateway = gateway_of(request)
    row = await thread_of(gateway, principal, thread_id)
    columns: Json = {
        name: getattr(body, name) for name in ("name", "head", "datasets") if name in body.model_fields_set
    }
    if body.head is not None and await messages.get(gateway.pool, thread_id, body.head) is None:
        raise refused(("body", "head"), "there is no such message in this thread", "unknown_message")
    own = body.own()
    if own and not row["is_own"]:
        name = next(iter(own))
        raise refused(("body", name), f"the agent {row['agent_slug']!r} has it: change the agent", "value_error")
    attached = columns.pop("datasets", None)
    definition = None
    if row["is_own"] and (own or attached is not None):
        if attached is not None:
            own["datasets"] = attached
        definition = read_definition({**row["agent"], **own})
        await judge(gateway, principal, definition, "")
    elif attached is not None:
        _check_attached(attached, AgentDefinition.model_validate(row["agent"]))
        columns["datasets"] = attached
    async with gateway.pool.acquire() as conn, conn.transaction():
        if not await threads.change(conn, principal.org_id, thread_id, columns):
            raise not_found("thread")
        if definition is not None:
            await agents.change_own(conn, principal.org_id, thread_id, definition, principal.user_id)
    return answer(thread_json(await thread_of(gateway, principal, thread_id)))


@router.delete("/{thread_id}", status_code=204, response_class=Response, summary="Delete a chat thread")
async def delete_thread(request: Request, principal: Operator, thread_id: UUID) -> Response:
    """Hides the thread and its messages, and cancels an answer that is under way. What its runs did stays on record:
    they are in the lists of runs as before.
    """
    gateway = gateway_of(request)
    was_there, latest = await threads.hide(gateway.pool, principal.org_id, thread_id)
    if not was_there:
        raise not_found("thread")
    await stop_answer(gateway, principal, latest)
    return nothing()


async def thread_of(gateway: Gateway, principal: Principal, thread_id: UUID) -> Row:
    """Raises `Problem` 404."""
    row = await threads.get(gateway.pool, principal.org_id, thread_id)
    if row is None:
        raise not_found("thread")
    return row


async def stop_answer(gateway: Gateway, principal: Principal, message_id: UUID | None) -> UUID | None:
    """Cancels the run that answers a message; its id, or None where it has ended."""
    run_id = await messages.live_run(gateway.pool, message_id)
    if run_id is None:
        return None
    with suppress(NotAllowed, NoSuchRun):  # it has ended, or somebody has just deleted it
        await deciding.decisions(gateway, principal).cancel(run_id)
    return run_id


def _check_attached(attached: list[str], agent: AgentDefinition) -> None:
    """Raises `Refused` for a table that the agent may not read."""
    stray = [place for place, name in enumerate(attached) if name not in agent.datasets]
    if stray:
        known = ", ".join(agent.datasets) or "none"
        text = f"the agent may not read {attached[stray[0]]!r}; of its datasets take some of: {known}"
        raise refused(("body", "datasets", stray[0]), text, "unknown_dataset")


def _cursor(row: Row) -> str:
    text = f"{row['updated_at'].isoformat()} {row['id']}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _behind(cursor: str | None) -> tuple[datetime, UUID] | None:
    if cursor is None:
        return None
    try:
        at, thread_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split(" ")
        time = in_utc(datetime.fromisoformat(at))
        if time.tzinfo is None:
            raise ValueError("a time without a zone")
        return time, UUID(thread_id)
    except (ValueError, binascii.Error) as error:
        raise refused(("query", "cursor"), "this is no cursor of this list; give nextCursor as it is") from error
