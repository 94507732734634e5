"""What cannot work says so: in the answer, or on the failed run and in its log, with a word for programs and advice."""

import asyncio
from typing import Any

import httpx2
import orjson
import pytest

from tests.integration.lake import manifest
from tests.integration.runs import RUNS, log_of, sample
from vai_testkit.servers.web import Reply, WebServer
from vai_testkit.stack import create_run, run_when

pytestmark = pytest.mark.any_broker

Json = dict[str, Any]

_ONCE = {"retry": {"max_attempts": 1}}
_UNKNOWN_ID = "00000000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("body", "place", "said"),
    [
        ({"kind": "make_coffee"}, ["body", "kind"], "dlt_extract"),
        ({"kind": "dlt_extract", "definition": {"source": "nowhere"}}, ["body", "definition", "source"], "sample"),
        ({"kind": "dlt_extract", "definition": {}}, ["body", "definition", "source"], "required"),
        (
            {"kind": "dlt_extract", "definition": sample(-1)},
            ["body", "definition", "rows"],
            "at least 0",
        ),
        (
            {"kind": "dlt_extract", "definition": {"source": "sample", "colour": "red"}},
            ["body", "definition", "colour"],
            "no such field",
        ),
        ({"kind": "http_request", "definition": {}}, ["body", "definition", "url"], "connection with a base_url"),
        (
            {"kind": "http_request", "definition": {"url": "ftp://host/file"}},
            ["body", "definition", "url"],
            "https://",
        ),
        (
            {"kind": "conditional_branch", "definition": {"conditions": []}},
            ["body", "definition", "conditions"],
            "at least one",
        ),
        (
            {"kind": "duckdb_transform", "definition": {"transform_name": "t", "sql": "SELECT * FROM {{ nothing }}"}},
            ["body", "definition", "sql"],
            "none of the inputs",
        ),
        (
            {
                "kind": "duckdb_transform",
                "definition": {"transform_name": "t", "sql": "SELECT 1 AS n", "mode": "incremental_merge"},
            },
            ["body", "definition", "merge_keys"],
            "merge_keys",
        ),
        (
            {"kind": "http_request", "definition": {"url": "/x", "connection": "no-such-shop"}},
            ["body", "definition", "connection"],
            "no-such-shop",
        ),
        (
            {"kind": "http_request", "definition": {"url": "/x", "connection": _UNKNOWN_ID}},
            ["body", "definition", "connection"],
            _UNKNOWN_ID,
        ),
        (
            {"kind": "http_request", "definition": {"url": "/x", "connection": {"provider": "nobody"}}},
            ["body", "definition", "connection"],
            "nobody",
        ),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, list) else None,
)
async def test_a_body_that_cannot_become_a_run_is_refused_with_the_field(
    api: httpx2.AsyncClient, database: Any, body: Json, place: list[str], said: str
) -> None:
    before = await database.fetchval("SELECT count(*) FROM runs")
    answer = await api.post(RUNS, json=body)
    assert answer.status_code == 422, answer.text
    places = [problem["loc"] for problem in answer.json()["detail"]]
    assert place in [found[: len(place)] for found in places], answer.text
    assert any(said in problem["msg"] for problem in answer.json()["detail"]), answer.text
    assert all(set(problem) == {"loc", "msg", "type"} for problem in answer.json()["detail"])
    assert await database.fetchval("SELECT count(*) FROM runs") == before


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELEC 1", "parse"),
        ("SELECT * FROM secrets", "secrets"),
        ("SELECT * FROM read_csv('/etc/passwd')", "read_csv"),
        ("SELECT * FROM read_parquet('/etc/*.parquet')", "lake"),
        ("SELECT * FROM '/etc/passwd'", "/etc/passwd"),
        ("COPY (SELECT 1) TO '/tmp/out.csv'", "query"),
        ("SELECT 1; SELECT 2", "one query"),
        ("SELECT getenv('HOME') AS home", "getenv"),
        ("SELECT no_such_column FROM (SELECT 1 AS n)", "no_such_column"),
        ("SELECT CAST('x' AS INTEGER) AS n", "x"),
    ],
)
async def test_sql_that_cannot_or_may_not_run_fails_with_data_error(
    api: httpx2.AsyncClient, sql: str, said: str
) -> None:
    run = await create_run(api, "duckdb_transform", {"transform_name": "refused", "sql": sql})
    await _fails_with(api, run, "DATA_ERROR", said, retryable=False)


async def test_a_transform_of_an_unknown_dataset_names_those_that_there_are(api: httpx2.AsyncClient) -> None:
    loaded = await create_run(api, "dlt_extract", sample(source_name="there"))
    await run_when(api, loaded["id"], "completed")
    definition = {
        "transform_name": "refused",
        "sql": "SELECT * FROM {{ bronze_missing }}",
        "inputs": [{"bronze_dataset": "bronze.there.missing"}],
    }
    run = await create_run(api, "duckdb_transform", definition)
    await _fails_with(api, run, "DATA_ERROR", "bronze.there.sample", retryable=False)


SOURCE_ANSWERS = [
    (Reply(status=401), "AUTH_ERROR", False, "401"),
    (Reply(status=403), "AUTH_ERROR", False, "403"),
    (Reply(status=404), "CONNECTION_ERROR", False, "404"),
    (Reply(status=429, headers={"Retry-After": "30"}), "RATE_LIMITED", True, "429"),
    (Reply(status=500), "CONNECTION_ERROR", True, "500"),
    (Reply(status=418), "DATA_ERROR", False, "418"),
    (Reply(hang_up=True), "CONNECTION_ERROR", True, "127.0.0.1"),
]
_NAMES = ["401", "403", "404", "429", "500", "418", "hangs up"]


@pytest.mark.parametrize(("reply", "code", "retryable", "said"), SOURCE_ANSWERS, ids=_NAMES)
@pytest.mark.parametrize("kind", ["http_request", "dlt_extract"])
async def test_what_a_source_answers_becomes_the_documented_error(
    api: httpx2.AsyncClient, web: WebServer, kind: str, reply: Reply, code: str, retryable: bool, said: str
) -> None:
    web.replies["/things"] = reply
    definition = {"url": f"{web.url}/things"} if kind == "http_request" else _rest(web)
    run = await create_run(api, kind, {**definition, **_ONCE})
    await _fails_with(api, run, code, said, retryable=retryable)


@pytest.mark.parametrize(("kind", "code"), [("http_request", "DATA_ERROR"), ("dlt_extract", "CONNECTION_ERROR")])
async def test_a_source_that_speaks_no_http_fails_the_run(
    api: httpx2.AsyncClient, web: WebServer, kind: str, code: str
) -> None:
    web.replies["/things"] = Reply(raw=b"\x00\x01garbage\r\n\r\n")
    definition = {"url": f"{web.url}/things"} if kind == "http_request" else _rest(web)
    run = await create_run(api, kind, {**definition, **_ONCE})
    await _fails_with(api, run, code, "/things")


@pytest.mark.parametrize("body", [b"<html>Welcome</html>", b'{"cut": ', b"\xff\xfe\x00garbage"])
async def test_a_source_that_answers_no_json_fails_with_data_error(
    api: httpx2.AsyncClient, web: WebServer, body: bytes
) -> None:
    web.replies["/things"] = Reply(body=body)
    run = await create_run(api, "dlt_extract", {**_rest(web), **_ONCE})
    await _fails_with(api, run, "DATA_ERROR", "JSON", retryable=False)


async def test_a_source_that_never_answers_is_given_up(api: httpx2.AsyncClient, web: WebServer) -> None:
    never = asyncio.Event()
    web.replies["/things"] = Reply(wait=never)
    call = await create_run(api, "http_request", {"url": f"{web.url}/things", "timeout_seconds": 0.5})
    extract = await create_run(api, "dlt_extract", {**_rest(web), "read_timeout_seconds": 0.5, **_ONCE})
    limited = await create_run(api, "dlt_extract", {**_rest(web), "timeout_seconds": 1.0, "source_name": "limited"})
    await _fails_with(api, call, "TIMEOUT", "timeout_seconds", retryable=False)
    await _fails_with(api, extract, "CONNECTION_ERROR", "read_timeout_seconds", retryable=True)
    await _fails_with(api, limited, "TIMEOUT", "timeout_seconds", retryable=False)
    never.set()


async def test_an_unknown_host_and_a_closed_port_are_connection_errors(api: httpx2.AsyncClient) -> None:
    unknown = await create_run(api, "http_request", {"url": "http://no-such-host.invalid/", **_ONCE})
    closed = await create_run(api, "http_request", {"url": "http://127.0.0.1:1/", **_ONCE})
    await _fails_with(api, unknown, "CONNECTION_ERROR", "no-such-host.invalid")
    await _fails_with(api, closed, "CONNECTION_ERROR", "127.0.0.1", retryable=True)


async def test_nothing_that_was_extracted_is_lost_to_what_comes_after_it(
    api: httpx2.AsyncClient, database: Any, web: WebServer
) -> None:
    web.replies = {"/good": Reply(body=orjson.dumps([{"id": 1}, {"id": 2}])), "/bad": Reply(body=b"garbage")}
    definition = {**_rest(web, "good", "bad"), "source_name": "kept", **_ONCE}
    run = await create_run(api, "dlt_extract", definition)
    ended = await run_when(api, run["id"])
    assert (ended["status"], ended["displayStatus"]) == ("completed", "completed_with_errors"), ended
    assert ended["result"]["failed_resources"] == ["bad"]
    assert ended["result"]["resource_errors"]["bad"]["code"] == "DATA_ERROR"
    assert sum(row["row_count"] for row in await manifest(database, run["id"])) == 2
    events = {entry["event"]: entry for entry in await log_of(api, run["id"])}
    assert events["resource_failed"]["level"] == "error"


def _rest(web: WebServer, *resources: str) -> Json:
    return {
        "source": "rest_api",
        "source_name": "bad_input",
        "base_url": web.url,
        "paginator": "single_page",
        "resources": list(resources or ("things",)),
    }


async def _fails_with(
    api: httpx2.AsyncClient, run: Json, code: str, said: str, *, retryable: bool | None = None
) -> None:
    ended = await run_when(api, run["id"])
    assert ended["status"] == "failed", ended
    error = ended["error"]
    assert error["code"] == code, error
    assert said in error["message"], error
    assert retryable is None or error["retryable"] is retryable, error
    last = (await log_of(api, run["id"]))[-1]
    assert (last["event"], last["level"], last["message"]) == ("run_failed", "error", error["message"])
    assert last["data"]["code"] == code
