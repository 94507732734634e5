"""A search of the web for an agent: within its domains, in its runs only (document 000, "ActionKind Reference")."""

from typing import Annotated, Literal

from pydantic import Field

from vai_records.definitions.web_addresses import Domain
from vai_records.definitions.web_search import WebSearch
from vai_records.strict import short


class AgentSearch(WebSearch):
    """As `web_search`, and only results of the agent's domains."""

    kind: Literal["agent_search"] | None = None  # type: ignore[assignment]
    include_domains: Annotated[list[Domain], Field(min_length=1, max_length=300), short(300)] = Field(
        description="Those of the agent or some of them, and all below them. The platform sees to that."
    )
