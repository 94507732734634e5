"""Entries of all runs are found by their text and by their runs, and each page is bounded."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http import narrow_pool
from vai_api_gateway.logs.search import SHOWN, marked
from vai_api_gateway.logs.shapes import FoundEntriesShape
from vai_api_gateway.runs.searching import AT_ONCE
from vai_common import clock
from vai_common.ids import least_of
from vai_records.runs import log_search
from vai_testkit.services import LogWorker

LOGS = "/api/v1/logs"
RUNS = "/api/v1/action-runs"
NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}
Json = dict[str, Any]


async def logged(api: httpx2.AsyncClient, worker: LogWorker, *messages: str, status: str | None = None) -> str:
    """A run with these entries; it ends where a status is given."""
    run_id: str = (await api.post(RUNS, json=NOOP)).json()["id"]
    epoch = await worker.claim(run_id)
    await worker.log(run_id, epoch, *messages)
    if status:
        await worker.end(run_id, epoch, status)
    return run_id


async def found(api: httpx2.AsyncClient, **query: Any) -> list[Json]:
    """All pages of a search."""
    entries, more = list[Json](), True
    while more:
        answer = await api.get(LOGS, params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        FoundEntriesShape.model_validate(page)
        entries += page["entries"]
        more, query = page["hasMore"], query | {"cursor": page["nextCursor"]}
    return entries


def messages(entries: list[Json]) -> list[str]:
    return [entry["message"] for entry in entries]


async def test_text_is_found_in_all_runs_newest_first(api: httpx2.AsyncClient, worker: LogWorker) -> None:
    first = await logged(api, worker, "read Orders 1", "else", "read orders 2", status="failed")
    second = await logged(api, worker, "ORDERS?", "100 % of _x_")
    entries = await found(api, q="orders")
    assert messages(entries) == ["ORDERS?", "read orders 2", "read Orders 1"]
    assert [entry["run"]["id"] for entry in entries] == [second, first, first]
    assert (entries[1]["run"]["status"], entries[1]["run"]["kind"]) == ("failed", "dlt_extract")
    assert entries[1]["id"].startswith(f"{first}-")
    marks = [(part["text"], part["isMatch"]) for part in entries[1]["parts"]]
    assert marks == [("read ", False), ("orders", True), (" 2", False)]
    # No letter of a search has a meaning of its own.
    assert messages(await found(api, q="% of _")) == ["100 % of _x_"]
    assert await found(api, q="1__ %") == []
    assert len(await found(api)) > 5


async def test_what_a_key_of_another_organisation_finds_is_nothing(
    api: httpx2.AsyncClient, other_api: httpx2.AsyncClient, worker: LogWorker
) -> None:
    await logged(api, worker, "ours alone")
    assert await found(other_api, q="ours") == []
    assert await found(other_api) == []


@pytest.mark.parametrize("limit", [1, 2, 100])
@pytest.mark.parametrize(("most", "at_once"), [(200_000, 20_000), (2, 1), (3, 2)])
async def test_pages_have_every_entry_once_however_little_each_reads(
    api: httpx2.AsyncClient, worker: LogWorker, monkeypatch: pytest.MonkeyPatch, limit: int, most: int, at_once: int
) -> None:
    for name, value in (("MOST_READ", most), ("_READ_AT_ONCE", at_once), ("_RUNS_AT_ONCE", 2)):
        monkeypatch.setattr(log_search, name, value)
    for number in range(3):
        await logged(api, worker, *(f"{'hit' if n % 3 else 'miss'} {number}.{n}" for n in range(5)))
    hits = [f"hit {number}.{n}" for number in (2, 1, 0) for n in (4, 2, 1)]
    assert messages(await found(api, q="hit", limit=limit)) == hits


async def test_a_page_that_has_read_enough_says_so(
    api: httpx2.AsyncClient, worker: LogWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_search, "MOST_READ", 4)
    monkeypatch.setattr(log_search, "_READ_AT_ONCE", 2)
    run_id = await logged(api, worker, *("nothing here" for _ in range(9)))
    page = (await api.get(LOGS, params={"q": "absent"})).json()
    assert (page["entries"], page["hasMore"], page["entriesRead"], page["runsRead"]) == ([], True, 4, 2)
    made = (await api.get(f"{RUNS}/{run_id}")).json()["createdAt"]
    assert page["readBackTo"] == made


async def test_entries_are_filtered_by_their_runs(api: httpx2.AsyncClient, worker: LogWorker) -> None:
    action = (await api.post("/api/v1/actions", json=NOOP | {"name": "Orders"})).json()
    run = (await api.post(f"/api/v1/actions/{action['id']}/run", json={"labels": {"team": "a"}})).json()
    epoch = await worker.claim(run["id"])
    await worker.log(run["id"], epoch, "note of an action")
    await logged(api, worker, "note of none", status="failed")
    both, first = ["note of none", "note of an action"], ["note of an action"]
    for query, expected in (
        ({}, both),
        ({"kind": "dlt_extract"}, both),
        ({"kind": "http_request"}, []),
        ({"status": "failed"}, both[:1]),
        ({"status": "running,failed"}, both),
        ({"action_id": action["id"]}, first),
        ({"label": "team=a"}, first),
        ({"label": "team=b"}, []),
        ({"automation_id": str(UUID(int=1))}, []),
        ({"connection_id": str(UUID(int=1))}, []),
        ({"level": "warning"}, []),
    ):
        assert messages(await found(api, q="note of", **query)) == expected, query
    assert (await found(api, q="note of an"))[0]["run"]["action"] == "Orders"


async def test_times_are_those_of_entries(api: httpx2.AsyncClient, worker: LogWorker, gateway: Gateway) -> None:
    """A run that was made long before the time is read where it lives, or ended within it."""
    now = clock.now()
    ids = dict[str, str]()
    for name, days, ended in (("living", 40, None), ("ended late", 3, 0), ("ended early", 3, 3), ("young", 0, None)):
        ids[name] = await logged(api, worker, f"note: {name}", status=None if ended is None else "completed")
        made = now - timedelta(days=days)
        new = UUID(int=least_of(made).int | UUID(ids[name]).int & (1 << 80) - 1)
        text = (
            "UPDATE runs SET id = $2, created_at = $3,"
            " completed_at = completed_at - $4::interval, updated_at = updated_at - $4::interval WHERE id = $1"
        )
        await gateway.pool.execute(text, UUID(ids[name]), new, made, timedelta(days=ended or 0))
        moved = "UPDATE run_logs SET run_id = $2, occurred_at = occurred_at - $3::interval WHERE run_id = $1"
        await gateway.pool.execute(moved, UUID(ids[name]), new, timedelta(days=ended or 0))
    day_ago, week_ago = ((now - timedelta(days=days)).isoformat() for days in (1, 7))
    late = ["note: young", "note: ended late", "note: living"]
    assert messages(await found(api, q="note:", occurred_from=day_ago)) == late
    assert sorted(messages(await found(api, q="note:", occurred_from=week_ago))) == sorted([*late, "note: ended early"])
    assert messages(await found(api, q="note:", occurred_until=day_ago)) == ["note: ended early"]
    assert await found(api, q="note:", occurred_from="9999-12-31T23:59:59Z") == []
    assert await found(api, q="note:", occurred_until="0001-01-01T00:00:00Z") == []


BAD_CURSORS = ("x", "%00", "é", "MTIz", "Z" * 101, "MDE5YTliNGU1YjFjN2MzZThhNTEyZjBkNmYzYzllMTAtOTk5OTk5OTk5OQ")
BAD_QUERIES = ("q=", "q=" + "x" * 256, "level=loud", "kind=x", "limit=0", "limit=101", "occurred_from=now", "other=1")
BAD_RANGES = (
    "occurred_from=2026-11-30T10:00:00Z&occurred_until=2026-11-30T09:59:59Z",
    "occurred_from=2026-11-30T10:00:00Z&occurred_until=2026-11-30T10:00:00Z",
    "occurred_from=2026-11-30T10:00:00-01:00&occurred_until=2026-11-30T10:30:00Z",
    "occurred_from=9999-12-31T23:59:59Z&occurred_until=0001-01-01T00:00:00Z",
)


@pytest.mark.parametrize("query", [*BAD_QUERIES, *(f"cursor={text}" for text in BAD_CURSORS)])
async def test_a_bad_search_is_refused(api: httpx2.AsyncClient, query: str) -> None:
    assert (await api.get(f"{LOGS}?{query}")).status_code == 422


@pytest.mark.parametrize("query", BAD_RANGES)
async def test_a_range_without_a_time_in_it_is_refused_and_not_empty(api: httpx2.AsyncClient, query: str) -> None:
    answer = await api.get(f"{LOGS}?{query}")
    assert answer.status_code == 422
    (fault,) = answer.json()["detail"]
    assert fault["loc"] == ["query", "occurred_from"]
    assert fault["msg"].startswith("no time lies between this and occurred_until")


async def test_the_last_possible_cursor_is_read(api: httpx2.AsyncClient) -> None:
    """A cursor is written by a client, too: `ffff…-9` in base64."""
    cursor = "ZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmYtOQ"
    assert (await api.get(LOGS, params={"cursor": cursor})).status_code == 200


async def test_an_organisation_that_searches_much_waits_for_itself(
    api: httpx2.AsyncClient, other_api: httpx2.AsyncClient, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(narrow_pool, "TURN_SECONDS", 0.01)
    org_id = UUID((await api.get("/api/v1/organisation")).json()["id"])
    rooms = [gateway.searches.room(org_id) for _ in range(AT_ONCE)]
    for room in rooms:
        await room.__aenter__()
    assert (await api.get(LOGS)).status_code == 503
    assert (await other_api.get(LOGS)).status_code == 200
    for room in rooms:
        await room.__aexit__(None, None, None)
    assert (await api.get(LOGS)).status_code == 200


@pytest.mark.parametrize(
    ("message", "text", "parts"),
    [
        ("", None, []),
        ("plain", None, [("plain", False)]),
        ("a.b", ".", [("a", False), (".", True), ("b", False)]),
        ("AbAb", "ab", [("Ab", True), ("Ab", True)]),
        ("none", "x", [("none", False)]),
        ("x" * 1_500 + "HIT" + "y" * 1_500, "hit", [("…", False), ("x" * 200, False), ("HIT", True)]),
    ],
)
def test_matches_are_marked(message: str, text: str | None, parts: list[tuple[str, bool]]) -> None:
    got = list(marked(message, text))
    assert got[: len(parts)] == parts
    if len(message) <= SHOWN:
        assert "".join(part for part, _ in got) == message
    else:
        assert (sum(len(part) for part, _ in got), got[-1]) == (SHOWN + 2, ("…", False))
