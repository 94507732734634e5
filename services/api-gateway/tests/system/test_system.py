"""/api/v1/system: what an administrator sees of the installation, and that nobody else's runs are counted."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.settings import Settings
from vai_api_gateway.system.kept import Kept
from vai_api_gateway.system.shapes import SystemShape
from vai_common.clock import now
from vai_common.vitals import VERSION
from vai_records.definitions.kinds import KINDS
from vai_records.people.people import Role
from vai_records.processes import losses
from vai_testkit.database import Database
from vai_testkit.team import Team, make_team

PLACE = "/api/v1/system"


async def _look(api: httpx2.AsyncClient) -> dict[str, Any]:
    answer = await api.get(PLACE)
    assert answer.status_code == 200, answer.text
    SystemShape.model_validate_json(answer.content)
    return dict(answer.json())


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings.database_url)
    yield database
    await database.close()


async def _process(database: Database, *, stopping: bool = False, silent: int = 0) -> UUID:
    kinds, beat_at = ["dlt_extract", "file_sync"], now() - timedelta(seconds=silent)
    own: dict[str, Any] = {"kinds": kinds, "slots": 4, "host": "secret-host", "version": "0.1.0"}
    return await database.register(stopping=stopping, beat_at=beat_at, **own)


@pytest.mark.parametrize(
    ("stopping", "silent", "state", "workers"),
    [(False, 0, "alive", 1), (False, 60, "late", 0), (True, 0, "stopping", 0)],
)
async def test_a_process_is_shown_with_its_state_and_only_a_living_one_counts_for_its_kinds(
    api: httpx2.AsyncClient, database: Database, stopping: bool, silent: int, state: str, workers: int
) -> None:
    process = await _process(database, stopping=stopping, silent=silent)
    found = await _look(api)
    (shown,) = [one for one in found["processes"] if one["name"] == f"extract-worker-{process.hex[-8:]}"]
    assert (shown["state"], shown["version"], shown["slots"], shown["slotsUsed"]) == (state, "0.1.0", 4, 0)
    queues = {one["kind"]: one for one in found["queues"]}
    assert queues.keys() == {kind.name for kind in KINDS.values() if kind.available}
    assert (queues["file_sync"]["workers"], queues["file_sync"]["slots"]) == (workers, workers * 4)
    assert queues["http_request"]["workers"] == 0
    assert "secret-host" not in str(found)
    assert found["version"] == VERSION


async def test_runs_of_others_are_not_counted_but_take_slots(
    api: httpx2.AsyncClient, gateway: Gateway, database: Database, team: Team
) -> None:
    process, other = await _process(database), await make_team(gateway.engine, "others")
    for org, count in ((team.org_id, 2), (other.org_id, 5)):
        await database.put("running", "leased", org_id=org, lease_owner=process)
        for _ in range(count):
            await database.put("pending", "queued", org_id=org)
            await database.put("pending", "held", org_id=org, held_for="limit")
    found = await _look(api)
    (queue,) = [one for one in found["queues"] if one["kind"] == "dlt_extract"]
    assert (queue["queued"], queue["leased"], queue["slotsUsed"], queue["slots"]) == (2, 1, 2, 4)
    assert queue["oldestSeconds"] >= 0
    assert found["limits"] == {"maxRunning": None, "live": 3, "held": {"limit": 2}, "connections": []}


async def test_a_lost_process_is_listed_with_the_reason(
    api: httpx2.AsyncClient, gateway: Gateway, database: Database
) -> None:
    process = await _process(database)
    await losses.bury(gateway.pool, process, "its beat stood still")
    found = await _look(api)
    assert not found["processes"]
    (lost,) = found["losses"]
    assert (lost["service"], lost["why"], lost["version"]) == ("extract-worker", "its beat stood still", "0.1.0")


async def test_journal_and_database_are_measured(api: httpx2.AsyncClient) -> None:
    found = await _look(api)
    assert found["journal"] == {"unpublished": 0, "oldestSeconds": None}
    assert found["database"]["bytes"] > 1_000_000
    assert 0 < found["database"]["connections"] <= found["database"]["connectionsLimit"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
async def test_only_administrators_see_it(api: httpx2.AsyncClient, team: Team, role: Role) -> None:
    refused = await api.get(PLACE, headers=team.headers(role))
    assert refused.status_code == 403
    assert "needs the role admin" in refused.text


async def test_those_who_ask_together_share_one_question_and_a_failure_is_asked_again() -> None:
    asked, may_end = [], asyncio.Event()
    kept: Kept[str, int] = Kept(60)

    async def ask() -> int:
        asked.append(1)
        await may_end.wait()
        if len(asked) == 1:
            raise OSError("away")
        return len(asked)

    both = [asyncio.ensure_future(kept.get("a", ask)) for _ in range(2)]
    first = asyncio.gather(*both, return_exceptions=True)
    may_end.set()
    assert [str(one) for one in await first] == ["away", "away"]
    assert [await kept.get("a", ask) for _ in range(3)] == [2, 2, 2]
