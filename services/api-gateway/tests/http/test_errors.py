import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from vai_api_gateway.http.requests import DEEPEST_BODY, LARGEST_BODY, _holds_nul
from vai_api_gateway.problems import ProblemBody

RUNS = "/api/v1/action-runs"
JSON = {"content-type": "application/json"}


def problem(answer: httpx2.Response) -> list[dict[str, Any]]:
    """The details of an error, held against the documented shape."""
    ProblemBody.model_validate(answer.json())
    details: list[dict[str, Any]] = answer.json()["detail"]
    assert details
    return details


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"nonsense", 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b"null", 422),
        (b'{"kind": "dlt_extract", "definition": {"a": NaN}}', 422),
        (b'{"kind": "dlt_extract", "definition": {"a": 1e999}}', 422),
        (b'{"kind": "dlt_extract", "definition": {"source": "no\\u0000op"}}', 422),
        (b'{"kind": "dlt_extract", "definition": {"\\u0000": 1}}', 422),
        (b'{"kind": "dlt_extract", "definition": {"source": "\\ud800"}}', 422),
        (b'{"kind": "dlt_extract", "definition": {"source": "\xff"}}', 422),
        (b'{"kind": "dlt_extract", "definition": {"a": ' + b"[" * 500 + b"]" * 500 + b"}}", 422),
        (b'{"kind": "dlt_extract", "definition": {"a": ' + b"[" * 100_000, 422),
        (b'{"kind": "dlt_extract", "definition": ' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}", 422),
        (b'{"kind": "dlt_extract", "definition": {"a": "' + b"x" * LARGEST_BODY + b'"}}', 413),
    ],
)
async def test_a_body_that_cannot_be_stored_is_refused(api: httpx2.AsyncClient, body: bytes, status: int) -> None:
    answer = await api.post(RUNS, content=body, headers=JSON)
    assert answer.status_code == status, answer.text
    problem(answer)


async def test_a_body_without_its_length_is_measured_while_it_comes(api: httpx2.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 65_536

    answer = await api.post(RUNS, content=endless(), headers=JSON)
    assert answer.status_code == 413
    assert problem(answer)[0]["type"] == "too_large"


@pytest.mark.parametrize(("arrays", "status"), [(DEEPEST_BODY - 3, 201), (DEEPEST_BODY - 2, 422)])
async def test_a_body_may_be_so_deep_and_no_deeper(api: httpx2.AsyncClient, arrays: int, status: int) -> None:
    inner = json.loads("[" * arrays + "]" * arrays)
    condition = {"field": "event.a", "operator": "eq", "value": 1}
    definition = {"input": {"a": inner}, "conditions": [condition]}
    body = {"kind": "conditional_branch", "name": "deep", "definition": definition}
    assert (await api.post("/api/v1/actions", json=body)).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "nonsense"},
        {"content-type": ""},
        {"content-type": "application/json", "content-encoding": "gzip"},
        {"content-type": "application/json", "content-encoding": "br"},
    ],
)
async def test_a_body_that_is_no_json_by_its_type_is_refused(api: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    body = json.dumps({"kind": "dlt_extract", "definition": {"source": "noop"}})
    answer = await api.post(RUNS, content=body, headers=headers)
    assert answer.status_code == 415
    assert problem(answer)[0]["type"] == "unsupported_media_type"


@pytest.mark.parametrize(
    "media", ["application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"]
)
async def test_json_has_more_than_one_name(api: httpx2.AsyncClient, media: str) -> None:
    body = json.dumps({"kind": "dlt_extract", "definition": {"source": "noop"}})
    assert (await api.post(RUNS, content=body, headers={"content-type": media})).status_code == 201


async def test_a_compressed_body_is_not_unpacked(api: httpx2.AsyncClient) -> None:
    bomb = gzip.compress(b" " * (64 << 20))
    answer = await api.post(RUNS, content=bomb, headers=JSON | {"content-encoding": "gzip"})
    assert answer.status_code == 415
    problem(answer)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/api/v1/actions//x/y", 404),
        ("PUT", "/api/v1/actions", 405),
        ("GET", "/api/v1/actions/no-uuid", 422),
        ("GET", "/api/v1/actions/00000000-0000-7000-8000-000000000000", 404),
        ("GET", "/api/v1/actions/slug/a%00b", 422),
        ("GET", "/api/v1/actions?q=a%00b", 422),
        ("GET", "/api/v1/actions?limit=0", 422),
        ("GET", "/api/v1/actions?limit=101", 422),
        ("GET", "/api/v1/actions?limit=x", 422),
        ("GET", "/api/v1/actions?offset=-1", 422),
        ("GET", "/api/v1/actions?offset=99999999999999999999", 422),
        ("GET", "/api/v1/actions?sort_by=password", 422),
        ("GET", "/api/v1/actions?order=sideways", 422),
        ("GET", "/api/v1/actions?kinds=dlt_extract,nothing", 422),
        ("GET", "/api/v1/action-runs?status=happy", 422),
        ("GET", "/api/v1/action-runs?action_id=7", 422),
    ],
)
async def test_every_error_has_the_documented_shape(
    api: httpx2.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await api.request(method, path)
    assert answer.status_code == status, answer.text
    problem(answer)


async def test_what_was_posted_is_not_echoed(api: httpx2.AsyncClient) -> None:
    body = {"provider": "rest", "name": 7, "credentials": ["hunter2"], "isDefault": "hunter3", "maxRunning": "hunter4"}
    answer = await api.post("/api/v1/connections", json=body)
    assert answer.status_code == 422
    assert "hunter" not in answer.text
    assert {tuple(detail["loc"]) for detail in problem(answer)} == {
        ("body", "name"),
        ("body", "credentials"),
        ("body", "isDefault"),
        ("body", "maxRunning"),
    }


async def test_an_unforeseen_error_says_nothing_of_its_inside(app: FastAPI, web: httpx2.AsyncClient) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("hunter2")

    answer = await web.get("/broken")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert problem(answer)[0]["type"] == "internal_error"


async def test_a_database_that_is_away_is_503(app: FastAPI, web: httpx2.AsyncClient) -> None:
    @app.get("/away")
    async def away() -> None:
        raise ConnectionRefusedError("nobody there")

    answer = await web.get("/away")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    problem(answer)


@pytest.mark.parametrize("code", ["08006", "25006", "25P03", "40001", "53100", "53300", "55P03", "57P03", "58030"])
async def test_whatever_the_databases_trouble_is_it_is_503_with_the_time_to_come_back(
    app: FastAPI, web: httpx2.AsyncClient, code: str
) -> None:
    @app.get("/trouble")
    async def trouble() -> None:
        raise asyncpg.PostgresError.new({"C": code, "M": "no"})

    answer = await web.get("/trouble")
    assert (answer.status_code, problem(answer)[0]["type"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize("code", ["22P02", "42703", "P0001"])
async def test_a_wrong_statement_is_500_and_not_called_the_databases_trouble(
    app: FastAPI, web: httpx2.AsyncClient, code: str
) -> None:
    @app.get("/wrong")
    async def wrong() -> None:
        raise asyncpg.PostgresError.new({"C": code, "M": "no"})

    assert (await web.get("/wrong")).status_code == 500


@given(st.lists(st.sampled_from(["\\\\", "\\u0000", "u0000", "\\n", "a", "\\u0001"]), max_size=12).map("".join))
def test_u0000_is_seen_behind_whatever_backslashes(text: str) -> None:
    assert _holds_nul(f'"{text}"'.encode()) == ("\x00" in json.loads(f'"{text}"'))
