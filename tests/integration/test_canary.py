"""One secret in every place where people put them: found where it must be sent, and nowhere else."""

from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import orjson
import pytest

from tests.integration.runs import RUNS
from vai_devstack.stack import Stack
from vai_testkit.servers.web import Reply, Seen, WebServer
from vai_testkit.stack import create_run, run_when
from vai_testkit.wait import wait_for

pytestmark = pytest.mark.any_broker

Json = dict[str, Any]

CANARY = "c4nary-5f0d1c9e7b"
MARKED: Json = {"kind": "secret", "value": CANARY}
ONCE: Json = {"retry": {"max_attempts": 1}}

HTTP: list[Json] = [
    {"headers": {"PRIVATE-TOKEN": CANARY, "X-Hook": MARKED, "Authorization": f"Bearer {CANARY}"}},
    {"url": f"/echo?token={CANARY}"},
    {"query": {"sig": CANARY, "x": MARKED}},
    {"method": "POST", "body": {"password": CANARY, "deep": [{"x": MARKED}]}},
    {"method": "POST", "body_text": MARKED},
    {"method": "POST", "form": {"client_secret": CANARY, "pin": MARKED}},
]
REST: list[Json] = [
    {"headers": {"X-Shopify-Access-Token": CANARY}, "params": {"x": MARKED}},
    {"resources": [{"name": "echo", "path": f"echo?token={CANARY}", "headers": {"X-K": MARKED}}]},
]
ODD = (
    *(
        "zq7w",
        "c4n\"ary\\of/y'z",
        "c4nary\tof%2B+a&b=c#d",
        "<c4nary>&amp;",
        '{"c4nary": "$/inputs/day"}',
        "98765432109",
    ),
    *("${/inputs/day}-c4nary", "Bearer c4nary-of-1", "c4nary" + "abcdefghij" * 300),
)
"""Secret inputs: short, long, and with what JSON, addresses, HTML and references escape or read."""
PLACES: list[Json] = [
    {"url": "/echo?token=$/inputs/token"},
    {"url": "/echo/${/inputs/token}/x"},
    {"headers": {"X-Hook": "$/inputs/token", "Authorization": "Bearer $/inputs/token"}},
    {"query": {"x": "a-${/inputs/token}-b"}},
    {"method": "POST", "body": {"deep": [{"x": "$/inputs/token"}]}},
    {"method": "POST", "body_text": "a ${/inputs/token} b"},
    {"method": "POST", "form": {"pin": "$/inputs/token"}},
]
INPUTS: Json = {"token": {"type": "secret", "required": True}, "day": {"type": "string", "default": "monday"}}
LISTS = (RUNS, "/api/v1/actions", "/api/v1/connections", "/api/v1/automations", "/api/v1/automation-runs")
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


def echo(status: int) -> Any:
    def answer(seen: Seen) -> Reply:
        body = orjson.dumps([seen.target, seen.headers, seen.body.decode()])
        return Reply(status, body=body, headers={"Content-Type": "application/json", "X-Echo": seen.target})

    return answer


@pytest.mark.parametrize("status", [200, 400])
async def test_a_secret_is_sent_and_is_in_nothing_that_stays(
    stack: Stack, api: httpx2.AsyncClient, web: WebServer, status: int
) -> None:
    web.replies["/echo"] = echo(status)
    answers = [await _connection(api, web, status), *await _actions(api, web, status)]
    runs = [await create_run(api, "http_request", _http(web, fields)) for fields in HTTP]
    runs += [await create_run(api, "dlt_extract", _rest(web, fields)) for fields in REST]
    ended = [await run_when(api, run["id"]) for run in (*runs, *answers[1:])]
    assert {run["status"] for run in ended} == {"completed" if status == 200 else "failed"}
    sent = [seen for seen in web.seen if CANARY in str(vars(seen))]
    assert len(sent) == len(web.seen) >= len(ended)

    assert [text for text in await _shown(api, [answers, ended]) if CANARY in text] == []
    assert await _found_in_tables(stack) == []
    assert _found_in_files(stack) == []


def _bare(text: str) -> str:
    """A text as it is found however often JSON was written into JSON."""
    return orjson.dumps(text).decode()[1:-1].replace("\\", "")


@pytest.mark.parametrize("status", [200, 400])
async def test_a_secret_input_is_in_nothing_that_stays_whatever_its_text(
    stack: Stack, api: httpx2.AsyncClient, database: Any, web: WebServer, status: int
) -> None:
    web.every = echo(status)
    steps = [{"key": f"s{n}", "kind": "http_request", "definition": _http(web, one)} for n, one in enumerate(PLACES)]
    body = {"name": f"odd {status}", "inputs": INPUTS, "steps": steps, "max_parallel": 9}
    made = (await api.post("/api/v1/automations", json=body)).json()
    said: list[str] = []
    for text in ODD:
        run = await api.post(f"/api/v1/automations/{made['id']}/trigger", json={"inputs": {"token": text}})
        assert run.status_code == 201, run.text
        steps = await _ended_steps(api, run.json()["runId"])
        path = f"/api/v1/automation-runs/{run.json()['runId']}"
        runs = [step["runId"] for step in steps]
        for run_id in runs:
            again = await api.post(f"{RUNS}/{run_id}/run-again", headers={"Prefer": "wait=20"})
            assert again.json()["status"] == ("completed" if status == 200 else "failed"), again.text
            said += [again.text, (await api.get(f"{RUNS}/{again.json()['id']}/logs")).text]
        more = (path, f"{path}/graph", f"{path}/logs", *(f"{RUNS}/{one}/logs" for one in runs))
        said += [run.text, *[(await api.get(each)).text for each in more]]
    assert len(web.seen) == 2 * len(ODD) * len(PLACES)
    for text in ODD:
        assert [one for one in said if _bare(text) in one.replace("\\", "")] == [], text
        assert await _found_in_tables(stack, _bare(text)) == [], text


async def _ended_steps(api: httpx2.AsyncClient, run_id: str) -> list[Json]:
    async def ended() -> list[Json] | None:
        run = (await api.get(f"/api/v1/automation-runs/{run_id}")).json()
        return None if run["status"] == "running" else run["steps"]

    steps = await wait_for(ended, 60.0, every=0.1, what="the end of the automation run")
    assert {step["state"] for step in steps} <= {"completed", "failed"}, steps
    return steps


async def _shown(api: httpx2.AsyncClient, answers: list[Any]) -> list[str]:
    """What has been answered, and what lists and logs say now."""
    lists = [(path, {"limit": 100}) for path in LISTS]
    logs: list[tuple[str, Json]] = [(f"{RUNS}/{run['id']}/logs", {}) for run in answers[1]]
    read = [(await api.get(path, params=params)).text for path, params in (*lists, *logs)]
    return [orjson.dumps(answers).decode(), *read]


def _found_in_files(stack: Stack) -> list[str]:
    """Logs, and the environments of the services."""
    pids = [pid for instance in stack.instances for pid in stack.pids(instance.service.name)]
    files = [*stack.home.logs.iterdir(), *(Path(f"/proc/{pid}/environ") for pid in pids)]
    return [str(path) for path in files if CANARY.encode() in path.read_bytes()]


def _http(web: WebServer, fields: Json) -> Json:
    url = fields.get("url", "/echo")
    return ONCE | fields | {"url": web.url + url}


def _rest(web: WebServer, fields: Json) -> Json:
    plain = {"source": "rest_api", "source_name": "canary", "resources": ["echo"], "paginator": "single_page"}
    return plain | ONCE | {"data_selector": "$"} | fields | {"base_url": web.url}


async def _connection(api: httpx2.AsyncClient, web: WebServer, status: int) -> Json:
    """A connection, tested, and a run on it."""
    credentials = {"api_key": CANARY, "name": "k", "location": "query"}
    body = {"provider": "rest", "name": f"canary {status}", "config": {"base_url": f"{web.url}/echo"}}
    made = await api.post("/api/v1/connections", json=body | {"credentials": credentials})
    assert made.status_code == 201, made.text
    tested = await api.post(f"/api/v1/connections/{made.json()['id']}/test")
    return {"made": made.json(), "tested": tested.json()}


async def _actions(api: httpx2.AsyncClient, web: WebServer, status: int) -> list[Json]:
    """Saved, changed and run, alone and as a step of an automation."""
    body = {"kind": "http_request", "name": f"canary {status}", "definition": _http(web, HTTP[3])}
    action = (await api.post("/api/v1/actions", json=body)).json()
    path = f"/api/v1/actions/{action['id']}"
    changed = await api.patch(path, json={"definition": action["definition"] | {"headers": {"X-Hook": MARKED}}})
    assert changed.status_code == 200, changed.text
    run = await api.post(f"{path}/run", headers={"Prefer": "respond-async"})
    assert run.status_code == 201, run.text
    steps = [{"key": "call", "kind": "http_request", "definition": _http(web, HTTP[1])}]
    made = await api.post("/api/v1/automations", json={"name": f"canary {status}", "steps": steps})
    assert made.status_code == 201, made.text
    known = {one["id"] for one in await _step_runs(api)}
    triggered = await api.post(f"/api/v1/automations/{made.json()['id']}/trigger")
    assert triggered.status_code in (200, 201, 202), triggered.text

    async def step_run() -> Json | None:
        return next((one for one in await _step_runs(api) if one["id"] not in known), None)

    return [run.json(), await wait_for(step_run, 30.0, what="the step's run")]


async def _step_runs(api: httpx2.AsyncClient) -> list[Json]:
    found = (await api.get(RUNS, params={"kind": "http_request", "limit": 100})).json()["runs"]
    return [one for one in found if one["triggerMethod"] == "automation"]


async def _found_in_tables(stack: Stack, text: str = CANARY) -> list[str]:
    conn = await asyncpg.connect(stack.database)
    try:
        tables = [row["tablename"] for row in await conn.fetch(TABLES)]
        found = """SELECT count(*) FROM "{}" t WHERE strpos(replace(row_to_json(t)::text, '\\', ''), $1) > 0"""
        return [table for table in tables if await conn.fetchval(found.format(table), text)]
    finally:
        await conn.close()
