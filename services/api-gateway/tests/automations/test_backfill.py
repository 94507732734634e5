"""Past times of a schedule are made up for: all of a range, each once, in order; and the next times are shown."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.automations.backfill import MOST_TIMES, BackfillShape
from vai_api_gateway.gateway import Gateway
from vai_common import clock
from vai_records.automations import runs
from vai_records.automations.runs import NewAutomationRun
from vai_records.people.people import Role
from vai_testkit.scheduling import Scheduling
from vai_testkit.team import Team

AUTOMATIONS = "/api/v1/automations"
STEP = {"key": "load", "kind": "dlt_extract", "definition": {"source": "noop"}}
HOURLY = {"type": "schedule", "schedule": "0 * * * *", "overlap": "allow"}
HOUR = timedelta(hours=1)


async def make(api: httpx2.AsyncClient, **parts: Any) -> dict[str, Any]:
    answer = await api.post(AUTOMATIONS, json={"name": "Hourly", "steps": [STEP], "trigger": HOURLY} | parts)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def asked(api: httpx2.AsyncClient, made: dict[str, Any], status: int, **body: Any) -> dict[str, Any]:
    sent = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in body.items()}
    answer = await api.post(f"{AUTOMATIONS}/{made['id']}/backfill", json=sent)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    if status < 300:
        BackfillShape.model_validate(found)
        assert found["made"] == sum(time["isNew"] for time in found["times"])
    return found


def day() -> datetime:
    """A full hour of yesterday."""
    return (clock.now() - timedelta(days=1)).astimezone(UTC).replace(minute=0, second=0, microsecond=0)


async def test_each_time_of_the_range_gets_one_automation_run_in_order(
    api: httpx2.AsyncClient, gateway: Gateway, team: Team
) -> None:
    made = await make(api, labels={"team": "finance"})
    since, labels = day(), {"reason": "outage"}
    shown = await asked(api, made, 200, since=since, until=since + 3 * HOUR, dryRun=True)
    wanted = [(since + place * HOUR).isoformat().replace("+00:00", "Z") for place in range(3)]
    assert [(one["scheduledFor"], one["runId"], one["isNew"]) for one in shown["times"]] == [
        (time, None, True) for time in wanted
    ]
    assert await gateway.pool.fetchval("SELECT count(*) FROM automation_runs") == 0
    done = await asked(api, made, 201, since=since, until=since + 3 * HOUR, labels=labels)
    assert [one["scheduledFor"] for one in done["times"]] == wanted
    ids = [one["runId"] for one in done["times"]]
    assert ids == sorted(ids)
    row = await gateway.pool.fetchrow("SELECT * FROM automation_runs WHERE id = $1", UUID(ids[0]))
    assert (row["triggered_by"], row["trigger_key"]) == ("schedule", f"schedule:{wanted[0]}")
    assert (row["created_by"], row["waits"]) == (team.user_id, True)
    assert row["inputs"] == {"scheduledFor": wanted[0]}
    assert row["event"]["data"] == {"scheduledFor": wanted[0], "backfill": True}
    assert row["labels"] == {"team": "finance", "reason": "outage"}
    again = await asked(api, made, 200, since=since, until=since + 3 * HOUR)
    assert [(one["runId"], one["isNew"]) for one in again["times"]] == [(one, False) for one in ids]
    longer = await asked(api, made, 201, since=since - HOUR, until=since + 4 * HOUR)
    assert [one["isNew"] for one in longer["times"]] == [True, False, False, False, True]


async def test_many_requests_at_once_make_each_time_once(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    made, since = await make(api), day()
    body = {"since": since.isoformat(), "until": (since + 5 * HOUR).isoformat()}
    path = f"{AUTOMATIONS}/{made['id']}/backfill"
    answers = await asyncio.gather(*(api.post(path, json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    ids = {tuple(one["runId"] for one in answer.json()["times"]) for answer in answers}
    assert (len(ids), await gateway.pool.fetchval("SELECT count(*) FROM automation_runs")) == (1, 5)


async def test_a_time_that_was_skipped_is_made_up_for_once(
    api: httpx2.AsyncClient, gateway: Gateway, scheduling: Scheduling
) -> None:
    made, since = await make(api), day()
    first = (await asked(api, made, 201, since=since, until=since + HOUR))["times"][0]["runId"]
    await scheduling.end(first, outcome="skipped")
    second = (await asked(api, made, 201, since=since, until=since + HOUR))["times"][0]["runId"]
    assert second != first
    third = await asked(api, made, 200, since=since, until=since + HOUR)
    assert [one["runId"] for one in third["times"]] == [second]


async def test_a_range_ends_now_and_has_a_bound(api: httpx2.AsyncClient, gateway: Gateway, team: Team) -> None:
    made, now = await make(api), clock.now()
    found = await asked(api, made, 200, since=now - 3 * HOUR, until=now + 100 * HOUR, dryRun=True)
    assert len(found["times"]) == 3
    assert datetime.fromisoformat(found["until"]) < now + HOUR
    too_long = await asked(api, made, 422, since=now - (MOST_TIMES + 2) * HOUR)
    assert "at most 1000 times" in too_long["detail"][0]["msg"]
    for since, until in ((now + HOUR, None), (now - HOUR, now - HOUR), (now - timedelta(days=4_000), None)):
        assert "detail" in await asked(api, made, 422, since=since, until=until)
    automation = (team.org_id, UUID(made["id"]), UUID(made["versionId"]))
    waiting = [NewAutomationRun(*automation, "schedule", waits=True) for _ in range(MOST_TIMES - 1)]
    await runs.create(gateway.pool, waiting)
    assert "999 runs of this automation wait" in str(await asked(api, made, 409, since=now - 3 * HOUR))
    await asked(api, made, 200, since=now - 3 * HOUR, dryRun=True)


@pytest.mark.parametrize(
    "since", ["yesterday", "2026-01-01", "2026-01-01T00:00:00", 1, None, "0001-01-01T00:00:00+14:00"]
)
async def test_what_is_no_time_is_refused(api: httpx2.AsyncClient, since: Any) -> None:
    await asked(api, await make(api), 422, since=since)


async def test_only_operators_of_the_organisation_make_up_for_times(
    api: httpx2.AsyncClient, other_api: httpx2.AsyncClient, team: Team, gateway: Gateway
) -> None:
    made, since = await make(api), day()
    await asked(other_api, made, 404, since=since)
    path, body = f"{AUTOMATIONS}/{made['id']}/backfill", {"since": since.isoformat()}
    answer = await api.post(path, json=body, headers=team.headers(Role.VIEWER))
    assert answer.status_code == 403
    manual = await make(api, trigger={"type": "manual"}, slug="manual")
    await asked(api, manual, 409, since=since)
    await api.post(f"{AUTOMATIONS}/{made['id']}/pause")
    await asked(api, made, 200, since=since, dryRun=True)
    await api.delete(f"{AUTOMATIONS}/{made['id']}")
    await asked(api, made, 404, since=since)


async def test_the_next_three_times_are_shown(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    made = await make(api)
    times = [datetime.fromisoformat(time) for time in made["nextRuns"]]
    assert (made["nextRuns"][0], len(times)) == (made["nextRunAt"], 3)
    assert [later - earlier for earlier, later in pairwise(times)] == [HOUR, HOUR]
    (listed,) = (await api.get(AUTOMATIONS)).json()["automations"]
    assert listed["nextRuns"] == made["nextRuns"][:1]
    trigger = made["trigger"] | {"timezone": "Mars/Olympus"}
    await gateway.pool.execute("UPDATE automations SET trigger = $2 WHERE id = $1", UUID(made["id"]), trigger)
    unread = (await api.get(f"{AUTOMATIONS}/{made['id']}")).json()
    assert unread["nextRuns"] == made["nextRuns"][:1]
    assert "Mars/Olympus" in str(await asked(api, made, 409, since=day()))
    paused = (await api.post(f"{AUTOMATIONS}/{made['id']}/pause")).json()
    assert (paused["nextRunAt"], paused["nextRuns"]) == (None, [])
