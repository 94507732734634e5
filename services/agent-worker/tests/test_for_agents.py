"""agent_search and agent_fetch_page: nothing comes from outside of an agent's domains."""

import json

import httpx2
import pytest

from vai_agent_worker.for_agents import AgentFetchPage, AgentSearch
from vai_agent_worker.pages.fetching import fetch, first_request
from vai_common.egress.addresses import Policy
from vai_common.errors import ErrorCode, RunError
from vai_records.agents.tools import NotAllowed, check_host
from vai_records.connections.providers import provider_config
from vai_records.definitions.agent_fetch_page import AgentFetchPage as Definition
from vai_testkit.owned import HeldRun
from vai_testkit.servers.web import Reply, WebServer
from vai_worker.children.job import ConnectionSecret

DOMAINS = ["example.com"]


async def test_a_search_brings_results_of_its_domains_only() -> None:
    urls = ("https://www.example.com/a", "https://example.com/b", "https://evil.test/c", "www.example.com", "https://")
    body = json.dumps({"results": [{"title": "A tower", "url": url, "content": "x"} for url in urls]}).encode()
    async with WebServer.opened() as server:
        server.replies["/search"] = Reply(body=body, headers={"content-type": "application/json"})
        given = provider_config("tavily", {"base_url": server.url})
        connection = ConnectionSecret("1", "tavily", "tavily", given, {"api_key": "tvly-key"})
        run = HeldRun("agent_search", {"query": "towers", "include_domains": ["www.example.com"]}, connection)
        result = await AgentSearch(Policy.parse("loopback")).perform(run)
    assert ([one["url"] for one in result["results"]], result["result_count"]) == (["https://www.example.com/a"], 1)


HOSTS = [
    ("example.com", "docs.example.com", True),
    ("intranet", "INTRANET.", True),
    ("intranet", "evil.intranet", False),
    ("com", "example.com", False),
    ("localhost", "localhost", True),
    ("10.1.2.3", "10.1.2.3", True),
    ("10.1.2.3", "10.1.2.30", False),
    ("10.1.2.3", "1.10.1.2.3", False),
    ("2001:db8::1", "2001:db8::1", True),
]


@pytest.mark.parametrize(("listed", "host", "may"), HOSTS)
def test_below_a_domain_are_hosts_and_below_a_host_there_are_none(listed: str, host: str, may: bool) -> None:
    definition = Definition.model_validate({"url": "https://example.com/", "allowed_domains": [listed]})
    try:
        check_host(host, definition.allowed_domains)
    except NotAllowed:
        assert not may
    else:
        assert may


HOPS = [
    ("https://example.com/a", "https://docs.example.com/b", None),
    ("https://evil.test/a", "", "'evil.test' is not in the agent's allowedDomains: example.com"),
    ("https://example.com/a", "https://evil.test/b", "'evil.test' is not in"),
    ("https://example.com/a", "//evil.test/b", "'evil.test' is not in"),
    ("https://example.com/a", "https://example.com.evil.test/", "'example.com.evil.test' is not in"),
]


@pytest.mark.parametrize(("url", "onward", "words"), HOPS)
async def test_a_page_and_each_of_its_redirects_is_within_the_domains(url: str, onward: str, words: str | None) -> None:
    seen: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(str(request.url))
        if len(seen) == 1:
            return httpx2.Response(302, headers={"location": onward})
        return httpx2.Response(200, stream=httpx2.ByteStream(b"Hi"))

    given = {"url": url, "allowed_domains": DOMAINS}
    definition = Definition.model_validate(given)
    run = HeldRun(AgentFetchPage.name, given)
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client:
        trail = [first_request(definition)]
        if words is None:
            assert (await fetch(client, run, definition, trail, None)).url == onward
            return
        with pytest.raises(RunError, match=words) as refused:
            await fetch(client, run, definition, trail, None)
    assert refused.value.code is ErrorCode.DATA_ERROR
    assert not any("evil" in one for one in seen)
