"""What holds for every request and every answer, whatever the route."""

import gzip
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.routing import Match

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.edge import COMPRESS_FROM
from vai_api_gateway.reference.openapi import routes_of
from vai_common.ids import uuid7
from vai_testkit.application import application
from vai_testkit.team import Team

ACTIONS = "/api/v1/actions"
CONSOLE = "https://console.example.com"
NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}


@asynccontextmanager
async def told(gateway: Gateway, **settings: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a gateway with other settings."""
    other = replace(gateway, settings=gateway.settings.model_copy(update=settings))
    other.authenticator._settings = other.settings
    transport = httpx2.ASGITransport(application(other), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client


def paths(app: FastAPI, method: str) -> list[str]:
    """Every path of this method, with ids that nobody has."""
    found = [path for each, path, _ in routes_of(app) if each == method]
    return [re.sub(r"{\w+}", str(uuid7()), path) for path in found]


async def test_every_get_has_a_head(app: FastAPI, api: httpx2.AsyncClient) -> None:
    for path in [*paths(app, "get"), "/", "/docs", "/openapi.json", "/healthz"]:
        if path.endswith("action-runs/stream"):
            continue  # it has no end for GET
        got, head = await api.get(path), await api.head(path)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert head.headers.get("content-type") == got.headers.get("content-type"), path


async def test_the_head_of_a_stream_without_end_ends(api: httpx2.AsyncClient) -> None:
    answer = await api.head("/api/v1/action-runs/stream")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")


async def test_405_names_head_where_there_is_get(api: httpx2.AsyncClient) -> None:
    assert (await api.put(ACTIONS)).headers["allow"] == "GET, HEAD, POST"


def test_a_new_run_is_among_the_first_routes_that_are_tried(app: FastAPI) -> None:
    """Each route that is tried before costs microseconds of every new run."""
    scope = {"type": "http", "method": "POST", "path": "/api/v1/action-runs", "headers": [], "query_string": b""}
    tried = [route.matches({**scope, "app": app})[0] for route in app.router.routes]
    assert tried.index(Match.FULL) <= len(("/healthz", "/readyz"))


async def test_what_runs_as_a_whole_do_not_take_is_405(api: httpx2.AsyncClient) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        answer = await api.request(method, "/api/v1/action-runs")
        assert (answer.status_code, answer.json()["detail"][0]["type"]) == (405, "method_not_allowed"), answer.text


async def test_a_query_that_nobody_understands_is_refused_by_every_list(app: FastAPI, api: httpx2.AsyncClient) -> None:
    for path in paths(app, "get"):
        answer = await api.get(path, params={"created_afterwards": "2026-01-01"})
        assert answer.status_code == 422, path
        assert answer.json()["detail"][0]["loc"] == ["query", "created_afterwards"], path


async def test_a_slip_in_a_query_is_told_what_is_near(api: httpx2.AsyncClient) -> None:
    for query, hint in [
        ("statuses=failed", "did you mean status?"),
        ("status[]=failed", "did you mean status?"),
        ("kinds=x", "did you mean kind?"),
        ("kinds%5B%5D=x", "did you mean kind?"),
        ("Limit=1", "did you mean limit?"),
        ("colour=red", "there are action_id"),
        ("=1", "there are action_id"),
        ("limit=1&limt=1", "did you mean limit?"),
    ]:
        answer = await api.get(f"/api/v1/action-runs?{query}")
        assert answer.status_code == 422
        assert hint in answer.json()["detail"][0]["msg"]


async def test_a_parameter_that_has_one_value_is_given_once(app: FastAPI, api: httpx2.AsyncClient) -> None:
    seen = 0
    for path, item in app.openapi()["paths"].items():
        for method, operation in item.items():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] != "query" or "array" in str(parameter["schema"]):
                    continue
                name, place = parameter["name"], re.sub(r"{\w+}", str(uuid7()), path)
                answer = await api.request(method, f"{place}?{name}=1&{name}=2")
                told = answer.json()["detail"][0]
                assert (answer.status_code, told["type"]) == (422, "repeated"), (method, path, name)
                assert told["msg"] == f"{name} is given 2 times; give it once"
                seen += 1
    assert seen > 50
    several = await api.get("/api/v1/action-runs?status=failed&status=running&label=a&label=b=c")
    assert several.status_code == 200


async def test_a_slip_in_the_query_of_a_post_makes_nothing(api: httpx2.AsyncClient) -> None:
    assert (await api.post("/api/v1/action-runs?deferred=true", json=NOOP)).status_code == 422
    assert (await api.get("/api/v1/action-runs")).json()["total"] == 0


async def test_a_slash_at_the_end_changes_nothing(api: httpx2.AsyncClient) -> None:
    for path in ["/api/v1/actions/", "/api/v1/actions//", "/docs/", "/api/v1/me/"]:
        assert (await api.get(path)).status_code == 200


async def test_the_address_alone_leads_to_the_docs(web: httpx2.AsyncClient) -> None:
    answer = await web.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")


async def test_every_answer_has_a_request_id(app: FastAPI, api: httpx2.AsyncClient, web: httpx2.AsyncClient) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("hunter2")

    asked = [await api.get(path) for path in ("/", "/nowhere", "/healthz", "/docs", ACTIONS)]
    failed = await web.get("/broken")
    ids = {answer.headers["x-request-id"] for answer in [*asked, failed, await web.get(ACTIONS)]}
    assert len(ids) == 7
    assert failed.headers["x-request-id"] in failed.json()["detail"][0]["msg"]


async def test_a_request_keeps_the_id_that_its_client_gave(api: httpx2.AsyncClient) -> None:
    for given, taken in [
        ("abc-123", True),
        ("a" * 128, True),
        ("a" * 129, False),
        ("a b", False),
        ("", False),
        ("<script>", False),
    ]:
        answer = await api.get("/healthz", headers={"X-Request-Id": given})
        assert (answer.headers["x-request-id"] == given) is taken


async def test_nothing_is_kept_guessed_or_framed(app: FastAPI, api: httpx2.AsyncClient) -> None:
    for path in [*paths(app, "get"), "/docs", "/nowhere"]:
        if path.endswith("action-runs/stream"):
            continue
        headers = (await api.get(path)).headers
        assert headers["cache-control"] == "no-store", path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]


async def test_the_page_runs_its_own_script_alone(web: httpx2.AsyncClient) -> None:
    page = await web.get("/docs")
    (word,) = re.findall(r"<script nonce=\"([^\"]+)\">", page.text)
    assert f"'nonce-{word}'" in page.headers["content-security-policy"]
    assert "<script>" not in page.text
    assert word not in (await web.get("/docs")).text


# CORS ---------------------------------------------------------------------------------------------------------------


async def test_an_allowed_page_may_ask_and_read(web: httpx2.AsyncClient, api: httpx2.AsyncClient) -> None:
    asks = {"Origin": CONSOLE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "prefer"}
    before = await web.options("/api/v1/action-runs", headers=asks)
    assert before.status_code == 204
    assert "POST" in before.headers["access-control-allow-methods"]
    assert {"Prefer", "X-API-Key", "Idempotency-Key", "Last-Event-ID"} <= set(
        before.headers["access-control-allow-headers"].split(", ")
    )
    for answer in (before, await api.get(ACTIONS, headers={"Origin": CONSOLE}), await web.get(ACTIONS, headers=asks)):
        assert answer.headers["access-control-allow-origin"] == CONSOLE
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert "Origin" in answer.headers["vary"]
        assert "X-Request-Id" in answer.headers["access-control-expose-headers"]


async def test_no_other_page_may(web: httpx2.AsyncClient, api: httpx2.AsyncClient) -> None:
    for origin in [
        "https://evil.example.com",
        "null",
        f"{CONSOLE}.evil.com",
        "http://console.example.com",
        f"{CONSOLE}:8",
    ]:
        asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        before = await web.options("/api/v1/action-runs", headers=asks)
        assert before.status_code == 403
        for answer in (before, await api.get(ACTIONS, headers={"Origin": origin})):
            assert "access-control-allow-origin" not in answer.headers
            assert "Origin" in answer.headers["vary"]


# A public address ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", ["/vai/api/v1/actions", "/api/v1/actions"])
async def test_under_a_prefix_all_addresses_have_it(gateway: Gateway, team: Team, sent: str) -> None:
    async with told(gateway, public_url="https://example.com/vai") as web:
        made = await web.post(sent, json=NOOP | {"name": "a"}, headers=team.headers())
        assert made.headers["location"] == f"/vai/api/v1/actions/{made.json()['id']}"
        assert (await web.get("/vai")).headers["location"] == "/vai/docs"
        page = (await web.get("/vai/docs")).text
        for address in re.findall(r"(?:href|src|url)[=:] ?[\"']([^\"']+)", page):
            assert address.startswith("/vai/"), address
            assert (await web.get(address)).status_code == 200, address
        document = (await web.get("/vai/openapi.json")).json()
        assert document["servers"] == [{"url": "https://example.com/vai"}]


async def test_a_cookie_is_good_for_our_own_pages_behind_proxies_too(gateway: Gateway, team: Team) -> None:
    for settings, headers, status in [
        ({"public_url": "https://example.com/vai"}, {"Origin": "https://example.com", "Host": "upstream"}, 201),
        ({"public_url": "https://example.com"}, {"Origin": "https://example.com:8443", "Host": "upstream"}, 403),
        ({}, {"Origin": "https://example.com", "Host": "upstream"}, 403),
        ({}, {"Origin": "https://a.com", "X-Forwarded-Host": "a.com"}, 403),
        ({"proxies": 1}, {"Origin": "https://a.com", "X-Forwarded-Host": "a.com"}, 201),
        ({"proxies": 1}, {"Origin": "https://a.com", "X-Forwarded-Host": "a.com, b.com"}, 403),
        ({}, {"Origin": "http://gateway"}, 201),
        ({}, {}, 403),
    ]:
        async with told(gateway, **settings) as web:
            token = (await web.post("/api/v1/session", headers=team.headers())).json()["token"]
            web.cookies.clear()
            cookie = {"Cookie": f"vai_token={token}"}
            answer = await web.post("/api/v1/action-runs", json=NOOP, headers=headers | cookie)
            assert answer.status_code == status, answer.text


async def test_a_token_may_come_as_a_header_of_its_own_name(web: httpx2.AsyncClient, team: Team) -> None:
    token = (await web.post("/api/v1/session", headers=team.headers())).json()["token"]
    web.cookies.clear()
    answer = await web.post("/api/v1/action-runs", json=NOOP, headers={"vai_token": token})
    assert answer.status_code == 201, answer.text


# Compression --------------------------------------------------------------------------------------------------------


async def test_a_large_answer_is_compressed_for_who_takes_it(api: httpx2.AsyncClient) -> None:
    for accepts, packed in [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("xgzip", False),
        ("gzipped", False),
        ("gzip-2, br", False),
    ]:
        async with api.stream("GET", "/openapi.json", headers={"Accept-Encoding": accepts}) as answer:
            raw = b"".join([part async for part in answer.aiter_raw()])
        assert (answer.headers.get("content-encoding") == "gzip") is packed
        assert int(answer.headers["content-length"]) == len(raw)
        assert "Accept-Encoding" in answer.headers["vary"]
        assert (gzip.decompress(raw) if packed else raw).startswith(b'{"openapi"')


async def test_a_small_answer_is_sent_as_it_is(api: httpx2.AsyncClient) -> None:
    answer = await api.get("/api/v1/me", headers={"Accept-Encoding": "gzip"})
    assert len(answer.content) < COMPRESS_FROM
    assert "content-encoding" not in answer.headers


async def test_the_description_of_the_api_is_made_once_and_not_sent_twice(
    app: FastAPI, api: httpx2.AsyncClient
) -> None:
    first = await api.get("/openapi.json")
    assert first.json() == app.openapi()
    app.openapi = None  # type: ignore[assignment, method-assign] # nobody asks for it any more
    for accepts in ("gzip", "identity"):
        again = await api.get("/openapi.json", headers={"Accept-Encoding": accepts})
        assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
        assert again.headers["vary"].count("Accept-Encoding") == 1
    known = await api.get("/openapi.json", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (known.status_code, known.content) == (304, b"")


async def test_what_anybody_may_read_costs_hardly_more_than_what_is_not_there(api: httpx2.AsyncClient) -> None:
    async def cost(path: str) -> float:
        """Seconds of this process, at best, for one answer."""
        found = []
        for _ in range(10):
            began = time.process_time()
            await api.get(path)
            found.append(time.process_time() - began)
        return min(found)

    nothing = await cost("/nothere")
    for path in ("/openapi.json", "/healthz", "/readyz", "/docs", "/"):
        assert await cost(path) < 4 * nothing + 0.002, path
