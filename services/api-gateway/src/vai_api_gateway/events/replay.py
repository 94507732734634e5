"""POST /api/v1/events/replay: the organisation's events from a time on are sent again, with the same ids."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field

from vai_api_gateway.auth.roles import Admin
from vai_api_gateway.gateway import gateway_of
from vai_api_gateway.http.answers import PROBLEMS, answer
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import Body, Shape
from vai_common import clock
from vai_contracts.topics import EVENTS
from vai_records.events.replay import JOURNAL, replay
from vai_records.refused import refused
from vai_records.strict import Time

router = APIRouter(prefix="/api/v1/events", tags=["Events"], route_class=JsonRoute, responses=PROBLEMS)


class ReplayBody(Body):
    """Which events to send again: `since` ≤ time of the event < `until`."""

    since: Annotated[Time, Field(description=f"At most {JOURNAL.days} days ago; with a time zone.")]
    until: Annotated[Time | None, Field(description="Now, where it is absent.")] = None
    types: Annotated[
        list[Annotated[str, Field(max_length=100)]] | None,
        Field(min_length=1, max_length=100, description="Topics; every one where it is absent."),
    ] = None


class ReplayShape(Shape):
    """The request as it was understood, and how many events are sent again."""

    count: int
    since: datetime
    types: list[str]
    until: datetime


@router.post(
    "/replay",
    response_model=ReplayShape,
    status_code=202,
    summary="Send events again",
)
async def replay_events(request: Request, principal: Admin, body: ReplayBody) -> Response:
    """To the same topics, with the same ids, sequences and bytes; every consumer of the topics receives them once more.

    Answers when all of them are noted down to be sent, which then nothing stops; `count` leaves out those that were
    still to be sent anyway. No automation is triggered by them.
    """
    gateway = gateway_of(request)
    since, until = _window(body)
    types = _types(body.types)
    count = await replay(gateway.pool, principal.org_id, since, until, types, gateway.process_id)
    return answer({"count": count, "since": since, "types": types, "until": until}, 202)


def _window(body: ReplayBody) -> tuple[datetime, datetime]:
    now = clock.now()
    until = min(body.until or now, now)
    if body.since < now - JOURNAL:
        raise refused(
            ("body", "since"),
            f"events are kept for {JOURNAL.days} days, and this is longer ago; give a later time",
            "too_old",
        )
    if body.since >= until:
        raise refused(("body", "since"), f"no time lies between this and {'now' if until == now else 'until'}")
    return body.since.astimezone(UTC), until.astimezone(UTC)


def _types(given: list[str] | None) -> list[str]:
    for place, word in enumerate(given or ()):
        if word not in EVENTS:
            raise refused(("body", "types", place), f"there is no such topic; there are {', '.join(EVENTS)}", "enum")
    return list(dict.fromkeys(given)) if given else list(EVENTS)
