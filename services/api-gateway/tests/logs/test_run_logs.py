"""A run's log: page by page, and all of it as lines of JSON."""

import json
from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.shapes import LogEntryShape, LogsShape
from vai_common import db
from vai_records.lifecycle.entry import Entry
from vai_testkit.services import LogWorker

RUNS = "/api/v1/action-runs"
NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}
LINES = {"Accept": "application/x-ndjson"}


async def make(api: httpx2.AsyncClient) -> dict[str, Any]:
    run: dict[str, Any] = (await api.post(RUNS, json=NOOP)).json()
    return run


async def write_entries(gateway: Gateway, run_id: str, levels: list[str]) -> None:
    conn = await db.connect(gateway.settings.database_url, "extract-worker")
    for number, level in enumerate(levels, 1):
        entry = Entry(f"event_{number}", f"message {number}", {"n": number}, level)
        await conn.execute(
            "INSERT INTO run_logs (run_id, seq, occurred_at, level, event, message, data, worker_id, attempt)"
            " VALUES ($1, $2, clock_timestamp(), $3, $4, $5, $6, 'worker-1', 1)",
            UUID(run_id),
            number,
            entry.level,
            entry.event,
            entry.message,
            entry.data,
        )
    await conn.close()


async def test_logs_are_read_page_by_page(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    run = await make(api)
    path = f"{RUNS}/{run['id']}/logs"
    assert (await api.get(path)).json() == {"entries": [], "hasMore": False, "nextCursor": None}
    await write_entries(gateway, run["id"], ["info", "warning", "error", "info", "info"])

    seen: list[str] = []
    cursor, more = None, True
    while more:
        query = f"?limit=2&after={cursor}" if cursor else "?limit=2"
        page = (await api.get(path + query)).json()
        LogsShape.model_validate(page)
        seen += [entry["event"] for entry in page["entries"]]
        cursor, more = page["nextCursor"], page["hasMore"]
    assert seen == [f"event_{number}" for number in range(1, 6)]
    first = (await api.get(path)).json()["entries"][0]
    assert first["id"] == f"{run['id']}-1"
    assert (first["message"], first["data"], first["workerId"], first["attempt"]) == (
        "message 1",
        {"n": 1},
        "worker-1",
        1,
    )


async def test_a_log_is_read_from_its_end_back(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    run = await make(api)
    path = f"{RUNS}/{run['id']}/logs?order=desc&limit=2"
    assert (await api.get(path)).json() == {"entries": [], "hasMore": False, "nextCursor": None}
    await write_entries(gateway, run["id"], ["info", "warning", "error", "info", "error"])
    seen: list[list[str]] = []
    query = ""
    while query is not None:
        page = (await api.get(path + query)).json()
        seen.append([entry["event"] for entry in page["entries"]])
        query = f"&after={page['nextCursor']}" if page["hasMore"] else None
    assert seen == [["event_5", "event_4"], ["event_3", "event_2"], ["event_1"]]
    errors = (await api.get(f"{path}&level=error")).json()["entries"]
    assert [entry["event"] for entry in errors] == ["event_5", "event_3"]


@pytest.mark.parametrize(
    ("level", "events"),
    [
        ("info", ["event_1", "event_2", "event_3"]),
        ("warning", ["event_2", "event_3"]),
        ("error", ["event_3"]),
    ],
)
async def test_a_level_is_the_least_one(
    api: httpx2.AsyncClient, gateway: Gateway, level: str, events: list[str]
) -> None:
    run = await make(api)
    await write_entries(gateway, run["id"], ["info", "warning", "error"])
    page = (await api.get(f"{RUNS}/{run['id']}/logs?level={level}")).json()
    assert [entry["event"] for entry in page["entries"]] == events


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "level=loud",
        "order=up",
        "after=7",
        "after=019a9b4e-5b1c-7c3e-8a51-2f0d6f3c9e10-1",
        "after=x-y",
    ],
)
async def test_a_bad_question_about_logs_is_refused(api: httpx2.AsyncClient, query: str) -> None:
    run = await make(api)
    assert (await api.get(f"{RUNS}/{run['id']}/logs?{query}")).status_code == 422


async def test_all_of_a_log_is_exported_as_lines(api: httpx2.AsyncClient, worker: LogWorker) -> None:
    run_id = (await make(api))["id"]
    epoch = await worker.claim(run_id)
    for _ in range(3):
        await worker.log(run_id, epoch, *(f"line {n}\nof two" for n in range(400)))
    answer = await api.get(f"{RUNS}/{run_id}/logs?limit=1", headers=LINES)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert answer.text.endswith("\n")
    entries = [json.loads(line) for line in answer.text.splitlines()]
    assert [entry["id"] for entry in entries] == [f"{run_id}-{seq}" for seq in range(1, 1_202)]
    for entry in entries[:3]:
        LogEntryShape.model_validate(entry)
    paged = (await api.get(f"{RUNS}/{run_id}/logs")).json()["entries"]
    assert entries[:100] == paged


async def test_an_export_begins_at_a_cursor_and_has_a_least_level(api: httpx2.AsyncClient, worker: LogWorker) -> None:
    run_id = (await make(api))["id"]
    epoch = await worker.claim(run_id)
    await worker.log(run_id, epoch, *map(str, range(10)))
    await worker.end(run_id, epoch, "failed")
    answer = await api.get(f"{RUNS}/{run_id}/logs?after={run_id}-9", headers=LINES)
    assert [json.loads(line)["message"] for line in answer.text.splitlines()] == ["8", "9", "done"]
    assert (await api.get(f"{RUNS}/{run_id}/logs?level=error", headers=LINES)).text == ""
    assert (await api.get(f"{RUNS}/{run_id}/logs?after=x", headers=LINES)).status_code == 422


@pytest.mark.parametrize(
    ("accept", "lines"),
    [
        ("application/x-ndjson", True),
        ("application/json, application/x-ndjson", False),
        ("", False),
    ],
)
async def test_lines_are_for_those_who_accept_them(api: httpx2.AsyncClient, accept: str, lines: bool) -> None:
    run_id = (await make(api))["id"]
    answer = await api.get(f"{RUNS}/{run_id}/logs", headers={"Accept": accept})
    assert (answer.headers["content-type"].split(";")[0] == "application/x-ndjson") is lines
