"""Reading a page for an agent: within its domains, in its runs only (document 000, "ActionKind Reference")."""

from typing import Annotated, Literal

from pydantic import Field

from vai_records.definitions.fetch_page import FetchPage
from vai_records.definitions.web_addresses import Host
from vai_records.strict import short


class AgentFetchPage(FetchPage):
    """As `fetch_page`; the page, and every redirect to it, is within the agent's domains."""

    kind: Literal["agent_fetch_page"] | None = None  # type: ignore[assignment]
    allowed_domains: Annotated[list[Host], Field(min_length=1, max_length=300), short(300)] = Field(
        description="Those of the agent, and all below them. The platform sets them."
    )
