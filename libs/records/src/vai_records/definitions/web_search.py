"""A search of the web by Tavily (document 000, "ActionKind Reference"; docs/research.md)."""

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from vai_records.definitions.base import Definition
from vai_records.definitions.web_addresses import Domain
from vai_records.strict import Number, short

LONGEST_SECONDS: Final = 30.0
LONGEST_QUERY: Final = 400
"""Tavily takes no longer one."""


class WebSearch(Definition):
    """One search. Without a connection, the organisation's default one of the provider `tavily` is used."""

    kind: Literal["web_search"] | None = None
    query: str = Field(min_length=1, max_length=LONGEST_QUERY, pattern=r"\S", description="What is searched for.")
    timeout_seconds: Number | None = Field(default=None, gt=0, le=LONGEST_SECONDS, description="30 if not given.")
    search_depth: Literal["basic", "advanced", "fast", "ultra-fast"] = Field(
        default="basic", description="`advanced` finds more fitting passages and costs twice as much."
    )
    topic: Literal["general", "news", "finance"] = "general"
    days: int | None = Field(
        default=None, ge=1, le=3_650, description="Only what was published, or changed, in so many days until today."
    )
    max_results: int = Field(default=5, ge=1, le=20)
    include_domains: Annotated[list[Domain], Field(max_length=300), short(300)] = Field(
        default=[], description="Only results of these: example.com. Up to 300."
    )
    exclude_domains: Annotated[list[Domain], Field(max_length=150), short(150)] = Field(
        default=[], description="No results of these. Up to 150."
    )
    include_raw_content: bool = Field(default=False, description="Whether each result has the text of its page.")
    include_answer: bool = Field(default=False, description="Whether Tavily answers the query in a few sentences.")

    @model_validator(mode="after")
    def _contradicts_itself_nowhere(self) -> "WebSearch":
        if both := sorted(set(self.include_domains) & set(self.exclude_domains)):
            raise ValueError(f"{both[0]} is in include_domains and in exclude_domains: leave it out of one")
        return self
