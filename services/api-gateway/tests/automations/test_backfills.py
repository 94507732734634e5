"""Backfills are listed with how far they are, and cancelled as a whole: at once or not at all."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2

from vai_api_gateway.automations.backfills import MadeBackfillShape, MadeBackfillsShape
from vai_api_gateway.gateway import Gateway
from vai_records.people.people import Role
from vai_testkit.scheduling import Scheduling
from vai_testkit.team import Team

from .test_backfill import AUTOMATIONS, HOUR, asked, day, make


def path(made: dict[str, Any], *more: str) -> str:
    return "/".join((AUTOMATIONS, made["id"], "backfills", *more))


async def found(api: httpx2.AsyncClient, made: dict[str, Any], backfill_id: str) -> dict[str, Any]:
    answer = await api.get(path(made, backfill_id))
    assert answer.status_code == 200, answer.text
    MadeBackfillShape.model_validate(answer.json())
    shown: dict[str, Any] = answer.json()
    return shown


def counts(shown: dict[str, Any]) -> dict[str, int]:
    words = ("waiting", "running", "completed", "failed", "cancelled")
    return {word: shown[word] for word in words if shown[word]}


async def test_it_tells_how_far_it_is_and_ends_as_its_runs_do(
    api: httpx2.AsyncClient, scheduling: Scheduling, team: Team
) -> None:
    made, since = await make(api), day()
    dry = await asked(api, made, 200, since=since, until=since + 3 * HOUR, dryRun=True)
    assert dry["backfillId"] is None
    done = await asked(api, made, 201, since=since, until=since + 3 * HOUR)
    shown = await found(api, made, done["backfillId"])
    assert (shown["status"], shown["made"], counts(shown)) == ("running", 3, {"waiting": 3})
    assert shown["createdBy"] == str(team.user_id)
    assert shown["since"] == done["since"]
    ids = [time["runId"] for time in done["times"]]
    assert (await api.get(f"/api/v1/automation-runs/{ids[0]}")).json()["backfillId"] == done["backfillId"]
    await scheduling.begin(ids[0])
    assert counts(await found(api, made, done["backfillId"])) == {"waiting": 2, "running": 1}
    await scheduling.end(ids[0])
    await scheduling.end(ids[1], outcome="filtered")
    await scheduling.end(ids[2], "failed")
    shown = await found(api, made, done["backfillId"])
    assert (shown["status"], counts(shown)) == ("failed", {"completed": 2, "failed": 1})
    answer = await api.post(path(made, done["backfillId"], "cancel"))
    assert (answer.status_code, "it is failed" in answer.text) == (409, True)
    again = await asked(api, made, 200, since=since, until=since + 3 * HOUR)
    assert again["backfillId"] is None


async def test_one_call_cancels_all_that_has_not_ended(
    api: httpx2.AsyncClient, gateway: Gateway, scheduling: Scheduling, team: Team
) -> None:
    made, since = await make(api), day()
    done = await asked(api, made, 201, since=since, until=since + 4 * HOUR)
    ids = [time["runId"] for time in done["times"]]
    await scheduling.begin(ids[0])
    await scheduling.end(ids[0])
    await scheduling.begin(ids[1])
    step = await scheduling.start(ids[1], "load")
    answers = await asyncio.gather(*(api.post(path(made, done["backfillId"], "cancel")) for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200] * 3
    shown = answers[0].json()
    assert (shown["status"], shown["cancelledBy"]) == ("cancelling", str(team.user_id))
    assert counts(shown) == {"completed": 1, "running": 1, "waiting": 2}
    assert (await api.get(f"/api/v1/action-runs/{step}")).json()["status"] == "cancelled"
    rows = await gateway.pool.fetch("SELECT id, control, trigger_key FROM automation_runs ORDER BY id")
    assert [row["control"] for row in rows] == [None, "cancel", "cancel", "cancel"]
    assert [":cancelled:" in row["trigger_key"] for row in rows] == [False, False, True, True]
    for run_id in ids[1:]:
        await scheduling.end(run_id, "cancelled")
    shown = await found(api, made, done["backfillId"])
    assert (shown["status"], counts(shown)) == ("cancelled", {"completed": 1, "cancelled": 3})
    assert (await api.post(path(made, done["backfillId"], "cancel"))).status_code == 409


async def test_what_had_not_begun_may_be_made_up_for_again(api: httpx2.AsyncClient, scheduling: Scheduling) -> None:
    made, since = await make(api), day()
    for _ in range(3):
        done = await asked(api, made, 201, since=since, until=since + 2 * HOUR)
        assert done["made"] == 2
        await api.post(path(made, done["backfillId"], "cancel"))
        for time in done["times"]:
            await scheduling.end(time["runId"], "cancelled")


async def test_they_are_listed_newest_first_page_by_page(api: httpx2.AsyncClient) -> None:
    made, since = await make(api), day()
    ids = [
        (await asked(api, made, 201, since=since + n * HOUR, until=since + (n + 1) * HOUR))["backfillId"]
        for n in range(3)
    ]
    first = (await api.get(path(made), params={"limit": 2})).json()
    MadeBackfillsShape.model_validate(first)
    assert [one["id"] for one in first["backfills"]] == ids[:0:-1]
    assert first["hasNext"]
    rest = (await api.get(path(made), params={"limit": 2, "cursor": first["nextCursor"]})).json()
    assert ([one["id"] for one in rest["backfills"]], rest["hasNext"], rest["nextCursor"]) == (ids[:1], False, None)
    for query in ({"cursor": "x"}, {"status": "running"}):
        assert (await api.get(path(made), params=query)).status_code == 422


async def test_others_neither_see_nor_cancel_it(
    api: httpx2.AsyncClient, other_api: httpx2.AsyncClient, team: Team
) -> None:
    made, since = await make(api), day()
    backfill = (await asked(api, made, 201, since=since, until=since + timedelta(hours=1)))["backfillId"]
    assert (await other_api.get(path(made))).status_code == 404
    assert (await other_api.get(path(made, backfill))).status_code == 404
    assert (await other_api.post(path(made, backfill, "cancel"))).status_code == 404
    viewer = team.headers(Role.VIEWER)
    assert (await api.get(path(made, backfill), headers=viewer)).status_code == 200
    assert (await api.post(path(made, backfill, "cancel"), headers=viewer)).status_code == 403
    other = await make(api, slug="other")
    assert (await api.post(path(other, backfill, "cancel"))).status_code == 404
    assert UUID(backfill)
