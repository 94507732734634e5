"""POST /api/v1/chat/threads/{id}/crystallize: what the answers of a thread did as an automation (document 002)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response

from vai_api_gateway.agents.crystallize import SAVED, CrystallizeBody, CrystallizedShape, Did, crystallized, did, told
from vai_api_gateway.auth.needs import judge
from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Operator
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import LONGEST_NAME
from vai_api_gateway.problems import conflict
from vai_api_gateway.threads.routes import thread_of
from vai_common.queries import Row
from vai_records.agents import turns
from vai_records.runs import runs
from vai_records.threads import messages

router = APIRouter(prefix="/api/v1/chat/threads", tags=["Threads"], route_class=JsonRoute, responses=PROBLEMS)

MOST_MESSAGES = 500
"""Messages of a branch that becomes an automation."""
_DAYS = "The messages are of several days: what is taken for today is the day of the last answer, {0}."
_OPEN = "the last message has no answer yet: wait for its end, or stop it"


@router.post(
    "/{thread_id}/crystallize",
    response_model=CrystallizedShape,
    status_code=201,
    responses=SAVED,
    summary="Turn a thread into an automation",
)
async def crystallize_thread(
    request: Request,
    principal: Operator,
    thread_id: UUID,
    body: Annotated[CrystallizeBody | None, Body()] = None,
    dry_run: Annotated[bool, Query(description="Show the automation and the report, and save nothing")] = False,
) -> Response:
    """The calls of all answers on the branch that is shown become steps, in their order; values that came from results
    become references, those that came from a message become inputs. Other branches are left out.
    """
    judge(principal, "threads:read")
    gateway, given = gateway_of(request), body or CrystallizeBody()
    thread = await thread_of(gateway, principal, thread_id)
    done = await _done(gateway, principal, thread)
    made = await crystallized("thread", gateway, principal, done, given)
    if len({one.day for one in done}) > 1:
        made.report["notes"].append(_DAYS.format(done[-1].day))
    name = (given.name or thread["name"])[:LONGEST_NAME]
    return await told(gateway, principal, (name, thread_id), given, made, dry_run=dry_run)


async def _done(gateway: Gateway, principal: Principal, thread: Row) -> list[Did]:
    """What each answer of the branch did, the first one first. Raises `Problem` 409."""
    if thread["messages"] > MOST_MESSAGES:
        text = f"the branch has {thread['messages']:,} messages; {MOST_MESSAGES} is the most: show a shorter one (head)"
        raise conflict(text)
    rows = await messages.line(gateway.pool, thread["id"], thread["head"], MOST_MESSAGES) if thread["head"] else []
    if not rows:
        raise conflict("the thread has no messages: it cannot become an automation")
    if rows[0]["phase"] not in ("done", None):
        raise conflict(_OPEN)
    found: list[Did] = []
    for row in reversed(rows):
        run = await runs.get(gateway.pool, principal.org_id, row["run_id"])
        begun = await turns.begun(gateway.pool, row["run_id"])
        if run is not None and begun is not None:
            found.append(await did(gateway, run, begun))
    if not found:
        raise conflict("no answer of the thread has begun: it cannot become an automation")
    return found
