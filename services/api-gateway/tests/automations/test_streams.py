"""What an automation run tells while it goes on: its stream, its log, its picture."""

from typing import Any
from xml.etree import ElementTree

import httpx2
import pytest

from vai_records.automations.advance import StepStatus
from vai_records.automations.steps import Change
from vai_testkit.scheduling import Scheduling
from vai_testkit.servers.sse import stream
from vai_testkit.services import OtherServices

AUTOMATIONS, RUNS = "/api/v1/automations", "/api/v1/automation-runs"
NOOP: dict[str, Any] = {"kind": "dlt_extract", "definition": {"source": "noop"}}
STEPS = [
    {"key": "load", "name": "Load <orders>", **NOOP},
    {"key": "gate", "kind": "approval_gate", "depends_on": ["load"]},
    {"key": "go", **NOOP, "depends_on": [{"step": "gate", "port": "approved"}]},
    {"key": "stop", **NOOP, "depends_on": [{"step": "gate", "port": "rejected"}]},
]


async def begun(api: httpx2.AsyncClient, scheduling: Scheduling) -> str:
    made = await api.post(AUTOMATIONS, json={"name": "Nightly", "steps": STEPS})
    run = await api.post(f"{AUTOMATIONS}/{made.json()['id']}/trigger")
    await scheduling.begin(run.json()["runId"])
    return str(run.json()["runId"])


async def gone(scheduling: Scheduling, others: OtherServices, run_id: str) -> None:
    """It loads, somebody says no, and it ends."""
    await others.end(await scheduling.start(run_id, "load"))
    await scheduling.change(run_id, Change("load", StepStatus.COMPLETED))
    await scheduling.change(
        run_id,
        Change("gate", StepStatus.REJECTED, port="rejected"),
        Change("go", StepStatus.PASSED_BY, reason="gate went on by its port rejected"),
    )
    await scheduling.change(run_id, Change("stop", StepStatus.COMPLETED))
    await scheduling.end(run_id)


async def test_changes_are_streamed_as_they_happen_to_the_end(
    client: httpx2.AsyncClient, scheduling: Scheduling, others: OtherServices
) -> None:
    run_id = await begun(client, scheduling)
    async with stream(client, f"{RUNS}/{run_id}/stream") as changes:
        first = await changes.event()
        assert (first.id, first.data["event"]) == (f"{run_id}-1", "automation_started")
        await scheduling.start(run_id, "load")
        started = await changes.event()
        assert (started.data["event"], started.data["data"]["step"]) == ("step_started", "load")
        await scheduling.change(run_id, Change("load", StepStatus.COMPLETED))
        assert (await changes.event()).data["event"] == "step_completed"
        await scheduling.end(run_id, "cancelled")
        last, end = await changes.rest()
        assert (last.id, last.data["event"]) == (f"{run_id}-4", "automation_cancelled")
        assert (end.name, end.data) == ("end", {"status": "cancelled"})


@pytest.mark.parametrize("how", ["header", "query"])
async def test_a_stream_resumes_without_gap_or_repeat(
    client: httpx2.AsyncClient, scheduling: Scheduling, others: OtherServices, how: str
) -> None:
    run_id = await begun(client, scheduling)
    await gone(scheduling, others, run_id)
    cursor = f"{run_id}-2"
    query, headers = ("", {"Last-Event-ID": cursor}) if how == "header" else (f"?after={cursor}", {})
    async with stream(client, f"{RUNS}/{run_id}/stream{query}", **headers) as changes:
        *entries, end = await changes.rest()
    assert [entry.id for entry in entries] == [f"{run_id}-{seq}" for seq in range(3, 8)]
    assert end.data == {"status": "completed"}
    other = await client.get(f"{RUNS}/{run_id}/stream?after=00000000-0000-7000-8000-000000000000-1")
    assert (other.status_code, other.json()["detail"][0]["loc"]) == (422, ["query", "after"])


async def test_who_has_seen_the_end_need_not_come_back(
    client: httpx2.AsyncClient, scheduling: Scheduling, others: OtherServices
) -> None:
    run_id = await begun(client, scheduling)
    path = f"{RUNS}/{run_id}/stream"
    await gone(scheduling, others, run_id)
    for answer in (
        await client.get(path, headers={"Last-Event-ID": f"{run_id}-7"}),
        await client.get(f"{path}?after={run_id}-7"),
        await client.head(f"{path}?after={run_id}-7"),
    ):
        assert (answer.status_code, answer.content) == (204, b"")
    async with stream(client, path, **{"Last-Event-ID": f"{run_id}-6"}) as changes:
        assert [event.name for event in await changes.rest()] == ["message", "end"]


async def test_the_log_is_read_by_pages_and_as_lines(
    api: httpx2.AsyncClient, scheduling: Scheduling, others: OtherServices
) -> None:
    run_id = await begun(api, scheduling)
    await gone(scheduling, others, run_id)
    path, read, query = f"{RUNS}/{run_id}/logs", [], "?limit=3"
    while True:
        page = (await api.get(f"{path}{query}")).json()
        read += page["entries"]
        if not page["hasMore"]:
            break
        query = f"?limit=3&after={page['nextCursor']}"
    assert [entry["id"] for entry in read] == [f"{run_id}-{seq}" for seq in range(1, 8)]
    lines = await api.get(path, headers={"Accept": "application/x-ndjson"})
    assert len(lines.text.splitlines()) == 7
    assert (await api.get(f"{path}?level=error")).json()["entries"] == []


async def test_an_automation_is_drawn(api: httpx2.AsyncClient) -> None:
    made = (await api.post(AUTOMATIONS, json={"name": "Nightly", "steps": STEPS})).json()
    path = f"{AUTOMATIONS}/{made['id']}/graph"
    answer = await api.get(path)
    assert answer.headers["content-type"].startswith("text/vnd.mermaid")
    assert "flowchart" in answer.text
    assert '|"rejected"|' in answer.text
    for picture in (await api.get(f"{path}?format=svg"), await api.get(path, headers={"Accept": "image/svg+xml"})):
        assert picture.headers["content-type"].startswith("image/svg+xml")
        assert picture.headers["content-security-policy"] == "default-src 'none'"
        texts = "".join(ElementTree.fromstring(picture.text).itertext())
        assert all(word in texts for word in ("Nightly", "Load <orders>", "approval_gate", "rejected"))
    assert (await api.get(f"{path}?format=png")).status_code == 422


async def test_a_run_is_drawn_as_it_went(
    api: httpx2.AsyncClient, scheduling: Scheduling, others: OtherServices
) -> None:
    run_id = await begun(api, scheduling)
    waiting = (await api.get(f"{RUNS}/{run_id}/graph")).text
    assert waiting.count("◷ waiting") == 4
    await gone(scheduling, others, run_id)
    drawn = (await api.get(f"{RUNS}/{run_id}/graph")).text
    assert drawn.count("✓ completed") == 2
    assert drawn.count("skipped") >= 1
    taken = [line for line in drawn.splitlines() if "-->" in line or "-.->" in line]
    assert ['-.->|"approved"|' in line or '-->|"rejected"|' in line for line in taken] == [False, True, True]
    assert "completed" in (await api.get(f"{RUNS}/{run_id}/graph?format=svg")).text


async def test_a_run_that_has_not_begun_can_be_drawn(api: httpx2.AsyncClient) -> None:
    made = (await api.post(AUTOMATIONS, json={"name": "Nightly", "steps": STEPS})).json()
    run = (await api.post(f"{AUTOMATIONS}/{made['id']}/trigger")).json()
    assert (await api.get(f"{RUNS}/{run['runId']}/graph")).status_code == 200
