"""web_search against a server that speaks Tavily's protocol."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from vai_agent_worker.web_search import WebSearch
from vai_common.clock import now
from vai_common.egress.addresses import PUBLIC, Policy
from vai_common.errors import ErrorCode, RunError
from vai_records.connections.providers import provider_config
from vai_testkit.owned import HeldRun
from vai_testkit.servers.web import Reply, WebServer
from vai_testkit.vendors.tavily import GOOD, KEYS, tavily
from vai_worker.children.job import ConnectionSecret

LOOPBACK = Policy.parse("loopback")


@pytest.fixture
async def server() -> AsyncIterator[WebServer]:
    async with tavily() as web:
        yield web


def connection(server: WebServer, key: str = GOOD, **config: Any) -> ConnectionSecret:
    given = provider_config("tavily", {"base_url": server.url, **config})
    return ConnectionSecret("1", "tavily", "tavily", given, {"api_key": key})


async def searched(server: WebServer, key: str = GOOD, **more: Any) -> dict[str, Any]:
    run = HeldRun("web_search", {"query": "the tower of Konya", **more}, connection(server, key))
    return await WebSearch(LOOPBACK).perform(run)


async def refused(server: WebServer, key: str = GOOD) -> RunError:
    with pytest.raises(RunError) as caught:
        await searched(server, key)
    return caught.value


async def test_a_search_answers_titles_urls_snippets_and_scores(server: WebServer) -> None:
    result = await searched(server, max_results=2)
    assert result["result_count"] == 2
    assert result["results"][0] == {
        "title": "the tower of Konya – part 0",
        "url": "https://example.com/0?q=1",
        "snippet": "What example.com says of “the tower of Konya”, number 0.",
        "score": 0.98,
        "published_date": None,
    }
    assert (result["answer"], result["query"]) == (None, "the tower of Konya")


async def test_what_is_asked_for_is_sent(server: WebServer) -> None:
    result = await searched(
        server,
        search_depth="advanced",
        topic="news",
        days=7,
        max_results=3,
        include_domains=["Example.com", "münchen.example"],
        exclude_domains=["example.org"],
        include_answer=True,
    )
    seen = server.seen[0]
    assert (seen.method, seen.target, seen.headers["authorization"]) == ("POST", "/search", f"Bearer {GOOD}")
    assert json.loads(seen.body) == {
        "query": "the tower of Konya",
        "search_depth": "advanced",
        "topic": "news",
        "max_results": 3,
        "include_answer": True,
        "include_raw_content": False,
        "include_domains": ["example.com", "xn--mnchen-3ya.example"],
        "exclude_domains": ["example.org"],
        "start_date": (now() - timedelta(days=7)).date().isoformat(),
    }
    assert result["answer"] == "It stands since 1221."
    assert result["results"][0]["published_date"] == "Sat, 28 Nov 2026 08:00:00 GMT"


async def test_the_text_of_a_page_is_there_where_it_is_wanted_and_bounded(server: WebServer) -> None:
    first, without, long = (await searched(server, include_raw_content=True, max_results=3))["results"]
    assert first["raw_content"].startswith("# Part 0")
    assert (without["raw_content"], without["raw_content_truncated"]) == (None, False)
    assert (len(long["raw_content"]), long["raw_content_truncated"]) == (100_000, True)


@pytest.mark.parametrize(
    ("status", "code", "is_retryable"),
    [
        (403, ErrorCode.AUTH_ERROR, False),
        (429, ErrorCode.RATE_LIMITED, True),
        (432, ErrorCode.RATE_LIMITED, False),
        (433, ErrorCode.RATE_LIMITED, False),
        (500, ErrorCode.CONNECTION_ERROR, True),
    ],
)
async def test_each_error_of_tavily_is_told(
    server: WebServer, status: int, code: ErrorCode, is_retryable: bool
) -> None:
    key, (_, words, _) = next((key, said) for key, said in KEYS.items() if said[0] == status)
    error = await refused(server, key)
    assert (error.code, error.retryable, error.details["statusCode"]) == (code, is_retryable, status)
    assert words in error.message
    assert key not in str(error.as_json())
    assert getattr(error, "retry_after", None) == (2.0 if status == 429 else None)


async def test_a_wrong_key_is_an_auth_error(server: WebServer) -> None:
    error = await refused(server, "tvly-wrong-key-000")
    assert (error.code, error.retryable) == (ErrorCode.AUTH_ERROR, False)
    assert "api_key" in error.message


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(400, b'{"detail": {"error": "Invalid topic."}}'), ErrorCode.DATA_ERROR),
        (Reply(422, b'{"detail": [{"msg": "no"}]}'), ErrorCode.DATA_ERROR),
        (Reply(404, b"<html>nothing</html>"), ErrorCode.CONNECTION_ERROR),
        (Reply(302, headers={"Location": "https://elsewhere.example/"}), ErrorCode.CONNECTION_ERROR),
        (Reply(200, b"<html>a page</html>"), ErrorCode.DATA_ERROR),
        (Reply(200, b'{"results": "none"}'), ErrorCode.DATA_ERROR),
        (Reply(hang_up=True), ErrorCode.CONNECTION_ERROR),
    ],
)
async def test_an_answer_that_is_no_search_is_an_error(server: WebServer, reply: Reply, code: ErrorCode) -> None:
    server.replies["/search"] = reply
    assert (await refused(server)).code == code
    assert len(server.seen) == 1


async def test_odd_results_are_kept_as_far_as_they_are_results(server: WebServer) -> None:
    odd = [{"url": "https://a.example/", "score": "high", "title": None, "content": 5}, {"title": "no url"}, "x", None]
    server.replies["/search"] = Reply(body=json.dumps({"results": odd}).encode())
    (only,) = (await searched(server))["results"]
    assert only == {
        "title": None, "url": "https://a.example/", "snippet": "", "score": None, "published_date": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("domains", "kept"),
    [
        (
            {"include_domains": ["gov.example"]},
            ["https://gov.example/", "https://www.gov.example/a", "https://x.gov.example:8443/"],
        ),
        (
            {"include_domains": ["www.gov.example"]},
            ["https://gov.example/", "https://www.gov.example/a", "https://x.gov.example:8443/"],
        ),
        ({"exclude_domains": ["gov.example", "evil.example"]}, ["https://notgov.example/", "https://münchen.example/"]),
        ({"include_domains": ["münchen.example"]}, ["https://münchen.example/"]),
    ],
)
async def test_results_of_other_domains_are_left_out_and_told(
    server: WebServer, domains: dict[str, Any], kept: list[str]
) -> None:
    hosts = ["gov.example", "www.gov.example/a", "x.gov.example:8443", "notgov.example", "evil.example/gov.example"]
    urls = [
        f"https://{host}{'' if '/' in host else '/'}"
        for host in [*hosts, "gov.example@evil.example", "münchen.example"]
    ]
    urls.append("http://[")
    server.replies["/search"] = Reply(body=json.dumps({"results": [{"url": url} for url in urls]}).encode())
    run = HeldRun("web_search", {"query": "towers", "max_results": 20, **domains}, connection(server))
    found = (await WebSearch(LOOPBACK).perform(run))["results"]
    shown = [one["url"] for one in found if one["url"] != "http://["]
    assert shown == kept
    assert [event for event, _, _ in run.logs] == ["results_left_out"]


async def test_a_server_that_echoes_the_key_does_not_get_it_into_the_result(server: WebServer) -> None:
    hit = {"url": "https://a.example/", "title": f"Your key is {GOOD}", "content": ""}
    server.replies["/search"] = Reply(body=json.dumps({"results": [hit]}).encode())
    assert GOOD not in str(await searched(server))


async def test_a_connection_without_a_key_and_a_private_address_are_refused_before_anything_is_sent(
    server: WebServer,
) -> None:
    keyless = ConnectionSecret("1", "tavily", "tavily", provider_config("tavily", {"base_url": server.url}), {})
    with pytest.raises(RunError, match="api_key"):
        await WebSearch(LOOPBACK).perform(HeldRun("web_search", {"query": "x"}, keyless))
    with pytest.raises(RunError, match="is not public"):
        await WebSearch(PUBLIC).perform(HeldRun("web_search", {"query": "x"}, connection(server)))
    assert server.seen == []
