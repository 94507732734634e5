"""A list never holds what is large: it says what it left out, and GET of the thing has all of it."""

import asyncio
from typing import Any

import httpx2
import pytest

from vai_records.listing.bounded import LARGEST_LISTED
from vai_testkit.servers.sse import stream
from vai_testkit.services import OtherServices

RUNS = "/api/v1/action-runs"
NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}
LARGE = "x" * 1_000_000
ALIKE = "".join(f"{n:x}" for n in range(200_000))
FAILED = {"code": "DATA_ERROR", "message": "bad", "retryable": False}


@pytest.mark.parametrize("text", [LARGE, ALIKE], ids=["compressible", "not"])
async def test_large_results_and_errors_are_left_out_of_lists(
    api: httpx2.AsyncClient, others: OtherServices, text: str
) -> None:
    ends: list[tuple[str, dict[str, Any]]] = [
        ("completed", {"result": {"body": text}}),
        ("completed", {"result": {"body": text, "failed_resources": ["a"]}}),
        ("failed", {"error": FAILED | {"details": {"body": text}}}),
        ("completed", {"result": {"body": "small"}}),
    ]
    whole = []
    for status, told in ends:
        run = (await api.post(RUNS, json=NOOP)).json()
        await others.end(run["id"], status, **told)
        whole.append((await api.get(f"{RUNS}/{run['id']}")).json())
    answer = await api.get(RUNS)
    assert len(answer.content) < 20_000
    listed = answer.json()["runs"][::-1]
    for before, shown in zip(whole, listed, strict=True):
        cut = [name for name in ("result", "error", "definition", "progress") if shown.get(f"{name}Truncated")]
        assert {**shown, **{name: before[name] for name in cut}} == before | {f"{name}Truncated": True for name in cut}
        assert all(shown[name] is None for name in cut)
    assert [one.get("resultTruncated", False) for one in listed] == [True, True, False, False]
    assert [one.get("errorTruncated", False) for one in listed] == [False, False, True, False]
    assert [one["displayStatus"] for one in listed] == ["completed", "completed_with_errors", "failed", "completed"]


async def test_large_definitions_are_left_out_of_lists(api: httpx2.AsyncClient) -> None:
    sql = f"SELECT '{'x' * LARGEST_LISTED}' AS a"
    definition = {"transform_name": "t", "sql": sql, "inputs": []}
    made = await api.post(RUNS, json={"kind": "duckdb_transform", "definition": definition})
    assert made.status_code == 201, made.text
    (listed,) = (await api.get(RUNS)).json()["runs"]
    assert (listed["definition"], listed["definitionTruncated"]) == ({}, True)
    assert (await api.get(f"{RUNS}/{made.json()['id']}")).json()["definition"]["sql"] == sql


async def test_a_screen_that_follows_is_told_no_more(client: httpx2.AsyncClient, others: OtherServices) -> None:
    async with stream(client, f"{RUNS}/stream") as told:
        assert (await told.event()).name == "ready"
        run = (await client.post(RUNS, json=NOOP)).json()
        await others.end(run["id"], "completed", result={"body": LARGE})
        async with asyncio.timeout(10):
            while (event := await told.event()).data["status"] != "completed":
                continue
    assert (event.data["result"], event.data["resultTruncated"]) == (None, True)


BODY = "".join(f"{n:x}" for n in range(40_000))
REQUEST = {"kind": "http_request", "definition": {"url": "https://example.com/", "method": "POST", "body": {"x": BODY}}}
MANY = {f"part{n}": BODY[n * 1_000 : n * 1_000 + 900] for n in range(40)}
STEPS = [{"key": f"s{n}", "action": {**REQUEST, "definition": {**REQUEST["definition"], "body": text}}}
         for n, text in enumerate(MANY.values())]  # fmt: skip
LARGE_ONES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "actions": ({"name": "A", **REQUEST}, {"definition": {}}, {"definitionTruncated": True}),
    "connections": ({"name": "C", "provider": "rest_api", "config": MANY}, {"config": {}}, {"configTruncated": True}),
    "automations": (
        {"name": "B", "steps": STEPS, "trigger": {"type": "manual"}},
        {"steps": [], "inputs": {}, "conditions": []},
        {"definitionTruncated": True},
    ),
}
"""What is made, what a list shows instead of it, and what it says besides."""


@pytest.mark.parametrize("name", LARGE_ONES)
async def test_large_things_are_left_out_of_their_lists_and_pages_stay_right(
    api: httpx2.AsyncClient, name: str
) -> None:
    body, instead, said = LARGE_ONES[name]
    small = {"actions": NOOP, "connections": {"provider": "rest_api", "config": {"base_url": "https://example.com"}}}
    others = small.get(name, {"trigger": {"type": "manual"}, "steps": [{"key": "a", "action": NOOP}]})
    for number in range(3):
        made = await api.post(f"/api/v1/{name}", json={**body, "name": f"{name} {number}"})
        assert made.status_code == 201, made.text
        assert len(made.content) > LARGEST_LISTED
    await api.post(f"/api/v1/{name}", json={**others, "name": "small"})
    answer = await api.get(f"/api/v1/{name}", params={"limit": 3})
    assert len(answer.content) < 12_000
    page = answer.json()
    assert (page["hasNext"], page["total"], len(page[name])) == (True, 4, 3)
    plain, *listed = page[name]
    whole = [(await api.get(f"/api/v1/{name}/{one['id']}")).json() for one in page[name]]
    assert plain == whole[0]
    for shown, all_of_it in zip(listed, whole[1:], strict=True):
        assert shown == all_of_it | instead | said
    rest = (await api.get(f"/api/v1/{name}", params={"limit": 3, "offset": 3})).json()
    assert (rest["hasNext"], len(rest[name])) == (False, 1)


async def test_the_latest_run_of_an_action_is_bounded_in_a_list(api: httpx2.AsyncClient) -> None:
    action = (await api.post("/api/v1/actions", json={"name": "A", **NOOP})).json()
    override = {"definitionOverrides": {"resources": [f"r{n}{BODY[:100]}" for n in range(400)]}}
    made = await api.post(f"/api/v1/actions/{action['id']}/run", json=override)
    assert made.status_code == 201, made.text
    (listed,) = (await api.get("/api/v1/actions")).json()["actions"]
    assert (listed["latestRun"]["definition"], listed["latestRun"]["definitionTruncated"]) == ({}, True)
    shown = (await api.get(f"/api/v1/actions/{action['id']}")).json()["latestRun"]
    assert len(shown["definition"]["resources"]) == 400


@pytest.mark.parametrize("number", ["1_0", "5.0", " 5", "5 ", "+5", "\u0665", "0x5", "1e1", "", "--5"])
async def test_a_number_in_a_query_is_written_in_digits(api: httpx2.AsyncClient, number: str) -> None:
    for name in ("limit", "offset"):
        for listed in ("actions", "action-runs", "automations", "automation-runs", "connections", "users", "api-keys"):
            told = await api.get(f"/api/v1/{listed}", params={name: number})
            assert (told.status_code, told.json()["detail"][0]["loc"]) == (422, ["query", name]), listed
