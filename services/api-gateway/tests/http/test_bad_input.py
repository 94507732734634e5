"""Every parameter, header, cookie and body of the document, with what should never be sent: a 4xx in the one shape."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from fastapi import FastAPI

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.problems import ProblemBody
from vai_records.people.people import Role
from vai_testkit.application import application
from vai_testkit.servers.sse import served
from vai_testkit.team import Team

Json = dict[str, Any]

NOWHERE = "00000000-0000-7000-8000-000000000000"
SECRET = "hunter2-hunter2"

# Percent-encoded, as they stand in a path or a query.
TEXTS = (
    *("", "%00", "a%00b", "%ED%A0%80", "%FF%FE", "%F0%9F%98%80", "%0A%0D", "%2e%2e%2f", "%27%3B--", "%25s%25n"),
    *("-1", "0", "1e9", "99999999999999999999", "NaN", "null", "true", "[]", "%7B%7D", quote("ÿ\u202e"), "x" * 5_000),
)
BODIES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1e300, 10**40, "", "text", [], [[]], {}, {"": ""}, {"\U0001f600": None}, "x" * 100_000),
    {"kind": None},
    {"kind": {}, "name": [], "slug": 1, "definition": "text", "config": [], "runs": [None, 1, "x", [], {}]},
    {"name": "", "slug": "NO", "provider": "É", "email": "nobody", "role": "king", "reason": 7, "since": 5},
    *({"name": "x", "steps": steps} for steps in ([None], [[]], [{}], [{"kind": {}}], [{"action": []}], {}, "x")),
    {"name": "x", "steps": [{"kind": "noop", "depends_on": [{"step": 1}, 7, None]}] * 3_000},
    {"name": "x", "actions": [{"key": "a", "kind": "http_request", "definition": {"url": "$/steps//x", "$/": "$/"}}]},
    {"trigger": {"type": "schedule", "schedule": "0 0 31 2 *", "timezone": "../../etc/passwd"}, "conditions": [{}]},
    {"trigger": {"type": "webhook", "path": "/../\u202e", "secret": SECRET}, "inputs": {"": {"default": {}}}},
    {"trigger": {"type": "event", "eventType": "action.failed", "filters": {"actionId": [{}, "\U0001f600"]}}},
    {"inputs": {"x" * 300: 10**40}, "event": []},
    {"definition": {"a": {"b": [1] * 1_000}}, "definitionOverrides": [], "settings": 1, "expiresAt": "soon"},
    {f"key{n}": n for n in range(2_000)},
    {"password": SECRET, "credentials": SECRET, "current": SECRET, "new": SECRET, "token": {"x": SECRET}},
)
RAW = (
    *(
        b"",
        b" ",
        b"{",
        b"}",
        b"nul",
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b"{'a': 1}",
        b'{"a": 1}}',
        b'{"a":\x00}',
    ),
    *(b'{"name": "\xff"}', b'{"name": "\\ud800"}', b'{"name": "\\u0000"}', b'{"\\u0000": 1}', b'{"a": 1e999}'),
    *(b'{"a": NaN}', b'{"a": Infinity}', b"[" * 100_000, b'{"a":' * 50_000, b'{"a": ' + b"[" * 400 + b"]" * 400 + b"}"),
)
HEADERS: tuple[dict[str, str], ...] = (
    *({"Content-Type": value} for value in ("", "text/plain", "application/xml", "multipart/form-data", "x" * 3_000)),
    *({"Content-Type": "application/json", "Content-Encoding": value} for value in ("gzip", "br", "zstd", "x")),
    *({"Prefer": value} for value in ("wait=-1", "wait=99999999999", "wait=NaN", ";;;=", "x" * 5_000)),
    *({"Last-Event-ID": value} for value in ("x", f"{NOWHERE}-99999999999999", "-" * 3_000)),
    *({"traceparent": value} for value in ("x", "00-" + "f" * 3_000, "ff-0-0-0")),
    *({"Accept": value} for value in ("", "x", "text/html", ";q=", "application/x-ndjson;q=x")),
    *({"Origin": value} for value in ("null", "http://[", "x" * 3_000)),
    *({"Host": value} for value in ("", "x" * 1_000)),
    {"X-HTTP-Method-Override": "DELETE", "X-Forwarded-For": "x, y", "Forwarded": "for=;"},
)
CREDENTIALS: tuple[dict[str, str], ...] = (
    *({"X-API-Key": value} for value in ("x", "vai_", "vai_" + "x" * 10_000, "ÿ", "'; DROP TABLE runs; --")),
    *(
        {"Authorization": value}
        for value in ("Bearer", "Bearer ", "Bearer ÿ", "Bearer a.b.c", "Basic eDp5", "x" * 10_000)
    ),
    *(
        {"Cookie": value}
        for value in ("vai_token=", "vai_token=ÿ", "vai_token=a.b.c", "vai_token=" + "x" * 9_000, ";=;=")
    ),
)


def operations(app: FastAPI) -> Iterator[tuple[str, str, Json]]:
    for path, item in app.openapi()["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def examples(operation: Json) -> Iterator[Any]:
    """Bodies that the document shows."""
    shown = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    yield from (one["value"] for one in shown.get("examples", {}).values())
    yield from [shown["example"]] if "example" in shown else []


def placed(path: str, value: str = NOWHERE) -> str:
    return re.sub(r"{\w+(:\w+)?}", lambda _: value, path)


def judge(answer: httpx2.Response, what: object) -> None:
    """No answer is a 500, and what is refused is refused in the one shape, without what was sent."""
    assert answer.status_code < 500, (what, answer.text)
    assert SECRET not in answer.text, what
    if answer.status_code >= 400:
        ProblemBody.model_validate(answer.json())
        assert "Traceback" not in answer.text


@pytest.fixture
def app(alive: Gateway) -> FastAPI:
    return application(alive)


@pytest.fixture
async def api(app: FastAPI, team: Team) -> AsyncIterator[httpx2.AsyncClient]:
    headers = team.headers(Role.ADMIN) | {"Prefer": "respond-async"}
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway", headers=headers) as client:
        yield client


async def test_every_path_and_query_parameter_is_judged(app: FastAPI, api: httpx2.AsyncClient) -> None:
    for method, path, operation in operations(app):
        if "{" in path:
            for text in TEXTS:
                judge(await api.request(method, placed(path, text or "%20")), (method, path, text))
                for body in examples(operation):  # with a body that is valid, what stands in the path is used
                    judge(await api.request(method, placed(path, text or "%20"), json=body), (method, path, text, body))
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "query":
                for text in TEXTS:
                    url = f"{placed(path)}?{parameter['name']}={text}"
                    judge(await api.request(method, url), (method, url))


async def test_every_body_is_judged(app: FastAPI, api: httpx2.AsyncClient) -> None:
    for method, path, operation in operations(app):
        if "requestBody" not in operation:
            continue
        for body in (*(json.dumps(body).encode() for body in BODIES), *RAW):
            answer = await api.request(method, placed(path), content=body, headers={"Content-Type": "application/json"})
            judge(answer, (method, path, body[:80]))


async def test_a_whole_number_beyond_64_bits_is_refused_wherever_a_body_is_read(
    app: FastAPI, api: httpx2.AsyncClient
) -> None:
    """Never rounded; a webhook, which is verified before its body is read, has tests of its own."""
    for method, path, operation in operations(app):
        if "requestBody" in operation and not path.startswith("/webhooks"):
            answer = await api.request(
                method,
                placed(path),
                content=b'{"definition": {"ids": [7, 12345678901234567890123]}}',
                headers={"Content-Type": "application/json"},
            )
            (detail,) = answer.json()["detail"]
            assert (answer.status_code, detail["type"]) == (422, "number_too_large"), (method, path)
            assert detail["loc"] == ["body", "definition", "ids", 1]


async def test_a_body_where_none_is_asked_for_is_not_looked_at(app: FastAPI, api: httpx2.AsyncClient) -> None:
    for method, path, operation in operations(app):
        if "requestBody" not in operation and not path.endswith("/stream"):
            judge(await api.request(method, placed(path), content=b"\xff" * 1_000), (method, path))


async def test_every_header_is_judged(app: FastAPI, api: httpx2.AsyncClient) -> None:
    for method, path, _ in operations(app):
        for headers in HEADERS:
            sent = {name: value.encode("latin-1") for name, value in headers.items()}
            answer = await api.request(method, placed(path), content=b"{}", headers=sent)
            judge(answer, (method, path, headers))


async def test_every_credential_is_judged(app: FastAPI, team: Team) -> None:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as web:
        for method, path, operation in operations(app):
            for headers in CREDENTIALS:
                sent = {name: value.encode("latin-1") for name, value in headers.items()}
                answer = await web.request(method, placed(path), headers=sent)
                judge(answer, (method, path, headers))
                if operation["x-role"] != "none":
                    assert answer.status_code in (401, 403), (method, path, headers)


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /api/v1/actions/slug/\xff\xfe HTTP/1.1",
        b"GET /api/v1/actions?q=\xed\xa0\x80 HTTP/1.1",
        b"GET /api/v1/actions/slug/%ED%A0%80 HTTP/1.1",
        b"GET /api/v1/actions?q=%ED%A0%80 HTTP/1.1",
        b"GET /api/v1/../v1/actions HTTP/1.1",
        b"GET //api/v1/actions HTTP/1.1",
        b"GET http://elsewhere/api/v1/actions HTTP/1.1",
        b"GET /api/v1/actions" + b"/x" * 20_000 + b" HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"CONNECT gateway:80 HTTP/1.1",
        b"BREW /api/v1/actions HTTP/1.1",
    ],
)
async def test_bytes_that_no_library_sends_are_judged(app: FastAPI, team: Team, request_line: bytes) -> None:
    key = team.keys[Role.ADMIN].secret.encode()
    async with served(app) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(request_line + b"\r\nHost: gateway\r\nX-API-Key: " + key + b"\r\nConnection: close\r\n\r\n")
        heard = await asyncio.wait_for(reader.read(), 10)
        writer.close()
    head, _, body = heard.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    assert status < 500, heard
    if status >= 400:
        ProblemBody.model_validate_json(body)
