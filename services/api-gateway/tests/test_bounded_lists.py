"""A list never holds what is large: it says what it left out, and GET of the run has all of it."""

import asyncio
from typing import Any

import httpx2
import pytest

from records.runs import LARGEST_LISTED
from testkit.services import OtherServices
from testkit.sse import stream

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
