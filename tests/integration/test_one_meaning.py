"""A connection's credentials mean the same to its test, to `http_request` and to extraction."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from vai_agent_worker.http_request import HttpRequest
from vai_api_gateway.catalogue.connection_check import check
from vai_common.egress.addresses import Policy
from vai_extract_worker.extract import extract
from vai_records.connections.config import checked_config
from vai_records.connections.connections import Connection
from vai_records.connections.credential_checks import check_credentials
from vai_testkit.link import RecordingLink
from vai_testkit.owned import HeldRun
from vai_testkit.servers.web import Reply, Seen, WebServer
from vai_worker.children.job import ConnectionSecret, Job

pytestmark = pytest.mark.any_broker

LOOPBACK = Policy.parse("loopback")
BASIC = "Basic dTpw"
OAUTH = {"type": "oauth2_client_credentials", "access_token_url": "https://vendor.example/token"}
GOT = {"client_id": "c", "access_token": "T"}
"""What is left of the credentials where the worker has got a token (`vai_records.connections.access_tokens`)."""


@pytest.fixture
async def vendor() -> AsyncIterator[WebServer]:
    async with WebServer.opened() as web:
        web.replies["/items"] = Reply(body=b'[{"id": 1}]', headers={"Content-Type": "application/json"})
        yield web


def looked_at(connection: ConnectionSecret) -> Any:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    plain: Any = {"is_default": False, "has_credentials": True, "status": "active", "last_error": None}
    shown = Connection(
        id=uuid4(), name="c", slug="c", provider="rest", config={**connection.config, "test_path": "/items"},
        max_running=None, created_by=None, created_at=at, updated_at=at, **plain,
    )  # fmt: skip
    return check(shown, connection.credentials, LOOPBACK)


def requested(connection: ConnectionSecret) -> Any:
    return HttpRequest(LOOPBACK).perform(HeldRun("http_request", {"url": "/items"}, connection))


def extracted(connection: ConnectionSecret, folder: Path) -> Any:
    definition = {"source": "rest_api", "resources": [{"name": "items", "paginator": "single_page"}]}
    prepared: dict[str, Any] = {"source": "rest_api", "addresses": str(LOOPBACK), "files_root": None, "cursors": {}}
    job = Job(str(uuid4()), str(uuid4()), 1, 1, "dlt_extract", definition, connection, None, folder.as_uri(), prepared)
    return asyncio.to_thread(extract, job, RecordingLink())


@pytest.mark.parametrize(
    ("credentials", "config", "header", "query"),
    [
        ({"token": "T"}, {}, {"authorization": "Bearer T"}, {}),
        ({"token": "Bearer T"}, {}, {"authorization": "Bearer T"}, {}),
        ({"access_token": "T"}, {}, {"authorization": "Bearer T"}, {}),
        ({"token": "T"}, {"auth": {"type": "bearer"}}, {"authorization": "Bearer T"}, {}),
        ({"api_key": "K"}, {}, {"x-api-key": "K"}, {}),
        ({"api_key": "K", "header": "X-K"}, {}, {"x-k": "K"}, {}),
        ({"api_key": "K", "name": "X-K"}, {}, {"x-k": "K"}, {}),
        ({"api_key": "K"}, {"auth": {"name": "X-K"}}, {"x-k": "K"}, {}),
        ({"api_key": "K"}, {"auth": {"type": "api_key", "header": "X-K"}}, {"x-k": "K"}, {}),
        ({"api_key": "K", "name": "k", "location": "query"}, {}, {}, {"k": ["K"]}),
        ({"api_key": "K"}, {"auth": {"name": "k", "location": "param"}}, {}, {"k": ["K"]}),
        ({"api_key": "K & =", "name": "k", "location": "query"}, {}, {}, {"k": ["K & ="]}),
        ({"username": "u", "password": "p"}, {}, {"authorization": BASIC}, {}),
        ({"user": "u", "password": "p"}, {"auth": {"type": "http_basic"}}, {"authorization": BASIC}, {}),
        ({"api_key": "K", "username": "u"}, {}, {"x-api-key": "K"}, {}),
        ({"api_key": "K", "username": "u", "password": "p"}, {"auth": {"type": "basic"}}, {"authorization": BASIC}, {}),
        ({"token": "T", "api_key": "K"}, {}, {"authorization": "Bearer T"}, {}),
        ({"headers": {"X-K": "v"}}, {}, {"x-k": "v"}, {}),
        ({"headers": {"X-K": "v"}, "token": "T"}, {}, {"x-k": "v", "authorization": "Bearer T"}, {}),
        ({"headers": {"X-K": "v"}}, {"auth": {"type": "bearer"}}, {"x-k": "v"}, {}),
        ({"headers": {"X-K": "v"}}, {"headers": {"X-Team": "7", "X-K": "w"}}, {"x-k": "v", "x-team": "7"}, {}),
        (GOT, {"auth": OAUTH}, {"authorization": "Bearer T"}, {}),
        (GOT, {"auth": {**OAUTH, "name": "X-Access"}}, {"x-access": "T", "authorization": None}, {}),
        (GOT, {"auth": {**OAUTH, "location": "query"}}, {}, {"access_token": ["T"]}),
        (GOT, {"auth": {**OAUTH, "name": "t", "location": "query"}}, {}, {"t": ["T"]}),
        ({"token": "T"}, {"auth": {"type": "none"}}, {"authorization": None}, {}),
        ({}, {"headers": {"X-Team": "7"}}, {"x-team": "7", "authorization": None}, {}),
    ],
)
@pytest.mark.parametrize("name", ["base_url", "url"])
async def test_all_three_send_the_same(
    vendor: WebServer,
    tmp_path: Path,
    credentials: dict[str, Any],
    config: dict[str, Any],
    header: dict[str, str | None],
    query: dict[str, list[str]],
    name: str,
) -> None:
    given = {name: vendor.url, **config}
    saved = {"client_id": "c", "client_secret": "s"} if credentials is GOT else credentials
    check_credentials(saved, checked_config(given))
    for stored in (given, checked_config(given)):
        connection = ConnectionSecret(str(uuid4()), "c", "rest", stored, credentials)
        for use in (looked_at(connection), requested(connection), extracted(connection, tmp_path)):
            vendor.seen.clear()
            await use
            (seen,) = vendor.seen
            assert _sent(seen, header, query) == (header, query)


def _sent(seen: Seen, header: dict[str, Any], query: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return {name: seen.headers.get(name) for name in header}, {name: seen.query.get(name) for name in query}
