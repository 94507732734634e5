"""POST /api/v1/automations/{id}/backfill: past times of a schedule are made up for, in their order."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Operator
from vai_api_gateway.gateway import gateway_of
from vai_api_gateway.http.answers import PROBLEMS, answer
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import Body, Shape
from vai_api_gateway.problems import conflict, not_found
from vai_common.messages.bell import AUTOMATION
from vai_common.queries import Queries, Row
from vai_common.telemetry import current_traceparent
from vai_records.automations import backfills, runs
from vai_records.automations.backfills import NewBackfill
from vai_records.automations.runs import NewAutomationRun
from vai_records.automations.schedule import UNREADABLE, times_between
from vai_records.automations.scheduled import event_of, key_of, made_before, of_time
from vai_records.catalogue.labels import Labels
from vai_records.refused import refused
from vai_records.strict import Time

router = APIRouter(prefix="/api/v1/automations", tags=["Automations"], route_class=JsonRoute, responses=PROBLEMS)

MOST_TIMES = 1_000
"""Times of one backfill, and automation runs of one automation that may wait when one is asked for."""
LONGEST_AGO = timedelta(days=3_660)

_LOCKED = """
SELECT id, org_id, version_id, trigger, clock_timestamp() AS now FROM automations
WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL FOR UPDATE
"""


class BackfillBody(Body):
    """Which times are made up for: `since` ≤ time of the schedule < `until`."""

    since: Annotated[Time, Field(description="At most ten years ago; with a time zone.")]
    until: Annotated[Time | None, Field(description="Now, where it is absent or later.")] = None
    dry_run: bool = Field(default=False, description="Only show the times.")
    labels: Labels = Field(default={}, description="Besides those of the automation.")


class BackfilledTimeShape(Shape):
    """One time. `runId` is its automation run; null where none was made because it is a dry run."""

    is_new: bool = Field(description="Whether this request makes its automation run, or would without `dryRun`.")
    run_id: UUID | None
    scheduled_for: datetime


class BackfillShape(Shape):
    """The request as it was understood, and its times, the oldest first."""

    automation_id: UUID
    backfill_id: UUID | None = Field(description="What was made together can be cancelled together; null: nothing was.")
    dry_run: bool
    made: int = Field(description="How many automation runs are new, or would be.")
    since: datetime
    times: list[BackfilledTimeShape]
    until: datetime


@router.post(
    "/{automation_id}/backfill",
    response_model=BackfillShape,
    status_code=201,
    responses={200: {"model": BackfillShape, "description": "Nothing was made: a dry run, or all times have runs"}},
    summary="Make up for past times",
)
async def backfill_automation(
    request: Request, principal: Operator, automation_id: UUID, body: BackfillBody
) -> Response:
    """An automation run for each time of the schedule that has none, or whose was skipped: one after another, by the
    automation as it is now, also while it is paused.

    At most 1,000 times. A time is made up for once, so that a request may be repeated. A regular time that comes
    meanwhile waits for its turn.
    """
    gateway = gateway_of(request)
    async with gateway.pool.acquire() as conn, conn.transaction():
        automation = await conn.fetchrow(_LOCKED, automation_id, principal.org_id)
        if automation is None:
            raise not_found("automation")
        until, times = await _times(automation, body)
        before = await made_before(conn, automation, times)
        news = [_new(principal, automation, time, body, before) for time in times]
        fresh = [] if body.dry_run else [new for new in news if new is not None]
        record = NewBackfill(principal.org_id, automation_id, body.since, until, len(fresh), principal.user_id)
        made = await _made(conn, automation, [replace(new, backfill_id=record.id) for new in fresh])
        if made:
            await backfills.create(conn, record)
    gateway.bell.ring(AUTOMATION, made[:1])
    shown = [_shown(time, new, before, made) for time, new in zip(times, news, strict=True)]
    said = {"since": body.since.astimezone(UTC), "until": until, "dryRun": body.dry_run, "times": shown}
    number = sum(time["isNew"] for time in shown)
    named = {"automationId": automation_id, "backfillId": record.id if made else None, "made": number}
    return answer({**named, **said}, 201 if made else 200)


async def _times(automation: Row, body: BackfillBody) -> tuple[datetime, list[datetime]]:
    """Where the range ends, and its times. Raises `Refused`, `Problem` 409."""
    trigger, now = automation["trigger"], automation["now"]
    if not isinstance(trigger, dict) or trigger.get("type") != "schedule":
        raise conflict("the automation has no schedule: only times of a schedule can be made up for")
    until = min(body.until or now, now).astimezone(UTC)
    if body.since < now - LONGEST_AGO:
        raise refused(("body", "since"), "this is more than ten years ago; give a later time", "too_old")
    if body.since >= until:
        raise refused(("body", "since"), f"no time lies between this and {'now' if until == now else 'until'}")
    where = (trigger["schedule"], trigger["timezone"], body.since, until, MOST_TIMES + 1)
    try:
        times = await asyncio.to_thread(times_between, *where)
    except UNREADABLE as error:
        raise conflict(f"its schedule cannot be read here: {error}; save the trigger again") from error
    if len(times) > MOST_TIMES:
        most = f"at most {MOST_TIMES} times are made up for at once, and the next one is {times[-1].isoformat()}"
        raise refused(("body", "until"), f"{most}: give this as until, and then as since", "too_long")
    return until, times


def _new(
    principal: Principal, automation: Row, time: datetime, body: BackfillBody, before: Mapping[str, Row]
) -> NewAutomationRun | None:
    """The automation run that a time is to get; None where it has one that was not skipped."""
    first = before.get(key_of(time))
    if key_of(time, again=True) in before or (first is not None and first["outcome"] != "skipped"):
        return None
    return of_time(
        automation,
        time,
        trigger_key=key_of(time, again=first is not None),
        event=event_of(time, backfill=True),
        created_by=principal.user_id,
        labels=body.labels,
        traceparent=current_traceparent(),
        waits=True,
    )


async def _made(conn: Queries, automation: Row, news: list[NewAutomationRun]) -> list[UUID]:
    """Makes them, the oldest first. Raises `Problem` 409 where too many would wait."""
    if not news:
        return []
    waiting = await runs.yet_to_start(conn, automation["id"], MOST_TIMES + 1)
    if waiting + len(news) > MOST_TIMES:
        said = f"{waiting} runs of this automation wait already, and {len(news)} more would"
        raise conflict(f"{said}; {MOST_TIMES} is the most: wait for their end, cancel some, or give a shorter range")
    made = await runs.create(conn, news)
    return [new.id for new in news if new.id in made]


def _shown(time: datetime, new: NewAutomationRun | None, before: Mapping[str, Row], made: list[UUID]) -> dict[str, Any]:
    if new is None:
        known = before.get(key_of(time, again=True)) or before[key_of(time)]
        return {"scheduledFor": time, "runId": known["id"], "isNew": False}
    return {"scheduledFor": time, "runId": new.id if new.id in made else None, "isNew": True}
