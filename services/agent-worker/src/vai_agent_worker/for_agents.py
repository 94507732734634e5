"""The kinds agent_search and agent_fetch_page: as for everybody, within an agent's domains (document 000)."""

from typing import Any

import httpx2

from vai_agent_worker.fetch_page import FetchPage
from vai_agent_worker.web_search import WebSearch
from vai_records.agents.tools import NotAllowed, check_host
from vai_records.definitions.agent_fetch_page import AgentFetchPage as PageDefinition
from vai_records.definitions.agent_search import AgentSearch as SearchDefinition
from vai_worker.owned import Owned


class AgentSearch(WebSearch):
    """A search whose results are of the agent's domains; what Tavily sends of others is left out."""

    name = "agent_search"
    reads = SearchDefinition

    async def perform(self, run: Owned) -> dict[str, Any]:
        domains = run.definition_as(SearchDefinition).include_domains
        found = await super().perform(run)
        results = [one for one in found["results"] if _is_within(one["url"], domains)]
        return found | {"results": results, "result_count": len(results)}


class AgentFetchPage(FetchPage):
    """A page of the agent's domains; `pages.fetching` looks at each redirect."""

    name = "agent_fetch_page"
    reads = PageDefinition


def _is_within(url: str, domains: list[str]) -> bool:
    try:
        check_host(httpx2.URL(url).raw_host.decode("ascii", "replace"), domains)
    except (NotAllowed, httpx2.InvalidURL):
        return False
    return True
