"""One run end to end: from its POST to the event that a plain Kafka consumer receives."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from tests.integration.listening import listening
from tests.integration.runs import BRANCH, assert_told_once, journal, log_of, sample, words
from vai_common.clock import now
from vai_contracts.vai.words.v1 import words_pb2
from vai_devstack.stack import Stack
from vai_testkit.stack import create_run, run_when

_UNPUBLISH = "UPDATE events SET published_at = NULL WHERE subject_id = $1"


@pytest.mark.parametrize(
    ("kind", "definition"),
    [
        ("dlt_extract", {"source": "noop"}),
        ("dlt_extract", sample(source_name="one_run")),
        ("conditional_branch", BRANCH),
    ],
    ids=["noop", "heavy", "light"],
)
async def test_a_run_reaches_action_completed(
    stack: Stack, api: httpx2.AsyncClient, database: Any, kind: str, definition: dict[str, Any]
) -> None:
    run = await create_run(api, kind, definition)
    async with listening(stack.kafka, "action.started", "action.completed") as listener:
        await listener.until(lambda heard: len({event.id for event, *_ in heard.of(run["id"])}) == 2)
        completed = next(seen for seen in listener.of(run["id"]) if seen[1]["type"] == "action.completed")
    event, headers, _ = completed
    assert event.data.run_id == run["id"]
    assert event.data.status == words_pb2.RUN_STATUS_COMPLETED
    assert event.data.action_kind == words_pb2.ActionKind.Value(f"ACTION_KIND_{kind.upper()}")
    assert event.organisation_id == headers["organisation"] == stack.org_id
    assert (event.id, event.sequence) == (headers["event-id"], 2)
    told = await journal(database, [run["id"]])
    assert [row["type"] for row in told[run["id"]]] == ["action.started", "action.completed"]
    assert_told_once(told, [run["id"]])


async def test_the_log_of_a_run_is_dense_and_ends_with_its_end(api: httpx2.AsyncClient) -> None:
    run = await create_run(api, "dlt_extract", sample(100, slices=3, source_name="dense"))
    await run_when(api, run["id"], "completed")
    entries = await log_of(api, run["id"])
    assert [entry["id"] for entry in entries] == [f"{run['id']}-{place + 1}" for place in range(len(entries))]
    assert words(entries)[0] == "lease_acquired"
    assert words(entries)[-1] == "run_completed"
    assert words(entries).count("slice_completed") == 3


async def test_an_event_that_is_sent_again_is_the_same_event(
    stack: Stack, api: httpx2.AsyncClient, database: Any
) -> None:
    run = await create_run(api, "conditional_branch", BRANCH)
    await run_when(api, run["id"], "completed")
    async with listening(stack.kafka, "action.completed") as listener:
        await listener.until(lambda heard: heard.of(run["id"]))
        await database.execute(_UNPUBLISH, UUID(run["id"]))
        await listener.until(lambda heard: len(heard.of(run["id"])) > 1, what="the event is sent again")
        first, second = listener.of(run["id"])[:2]
    assert first[1] == second[1]
    assert first[2] == second[2]


async def test_a_result_says_how_much_was_extracted(api: httpx2.AsyncClient) -> None:
    run = await create_run(api, "dlt_extract", sample(1_000, source_name="result"))
    ended = await run_when(api, run["id"])
    assert ended["status"] == "completed", ended
    assert ended["result"]["recordsProcessed"] == 1_000
    assert ended["result"]["per_resource_rows"] == {"sample": 1_000}
    assert ended["progress"]["schema_version"] == 2
    assert ended["progress"]["completed_resources"] == ["sample"]


async def test_a_scheduled_run_starts_when_its_time_has_come(api: httpx2.AsyncClient) -> None:
    at = now() + timedelta(seconds=2)
    run = await create_run(api, "dlt_extract", {"source": "noop"}, scheduledFor=at.isoformat())
    assert run["displayStatus"] == "scheduled"
    ended = await run_when(api, run["id"])
    assert ended["status"] == "completed"
    assert datetime.fromisoformat(ended["startedAt"]) >= datetime.fromisoformat(ended["scheduledFor"]) == at
