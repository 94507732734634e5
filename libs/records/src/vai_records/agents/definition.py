"""What an agent is told and may use (docs/agents.md). Keys are in camelCase, in REST and as stored."""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator
from pydantic.alias_generators import to_camel

from vai_records.definitions.dataset_names import DatasetNames
from vai_records.definitions.web_addresses import Host
from vai_records.models.settings import ModelName
from vai_records.strict import Number, Strict, short

MOST_TOOLS: Final = 64
MOST_FIELDS: Final = 50

_TOOL_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
ToolName = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
Named = Annotated[str, Field(min_length=1, max_length=255)]
McpToolName = Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z0-9_./-]+$")]
FieldName = Annotated[str, Field(min_length=1, max_length=100)]

ToolKind = Literal["http_request", "dlt_extract", "agent_search", "agent_fetch_page"]
"""Kinds of which an agent may make runs of its own. Every other kind is a tool as a saved action."""


class _Spoken(Strict):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class Tool(_Spoken):
    """One thing that the agent may do. Give just one of `kind`, `action`, `automation`, `agent` and `mcp`."""

    kind: ToolKind | None = Field(default=None, description="A run of this kind, with what is `fixed`.")
    action: Named | None = Field(default=None, description="A saved action, by its slug or id.")
    automation: Named | None = Field(default=None, description="An automation, by its slug or id.")
    agent: Named | None = Field(default=None, description="Another agent, by its slug or id.")
    mcp: Named | None = Field(default=None, description="An MCP server: its connection, by slug or id; with `tool`.")
    tool: McpToolName | None = Field(default=None, description="The tool of the MCP server, as the server calls it.")
    name: ToolName | None = Field(default=None, description="How the model calls it; made of the slug if absent.")
    description: str = Field(default="", max_length=2_000, description="What the model is told of it.")
    fixed: Annotated[dict[str, JsonValue], Field(max_length=MOST_FIELDS), short(MOST_FIELDS)] = Field(
        default={},
        description="Fields of the definition, or arguments, that are as they are here, whatever the model says.",
    )
    may_set: Annotated[list[FieldName], Field(max_length=MOST_FIELDS), short(MOST_FIELDS)] = Field(
        default=[], description="Fields of the definition that the model fills; all others stay out of its reach."
    )
    approval: bool = Field(default=False, description="Whether each call waits until a person approves it.")

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Tool":
        if sum(one is not None for one in (self.kind, self.action, self.automation, self.agent, self.mcp)) != 1:
            raise ValueError("give just one of kind, action, automation, agent and mcp")
        if self.kind is None and self.mcp is None and self.fixed:
            raise ValueError("fixed is for a tool with a kind or of mcp; the others have what they were saved with")
        if (self.automation or self.agent or self.mcp) and self.may_set:
            raise ValueError("may_set is for a kind or an action; a model sets the inputs of the others")
        self._check_mcp()
        if both := sorted(set(self.fixed) & set(self.may_set)):
            raise ValueError(f"{both[0]} is fixed and may be set: it can be only one of them")
        return self

    def _check_mcp(self) -> None:
        if (self.mcp is None) != (self.tool is None):
            raise ValueError("mcp and tool belong together: the connection, and the name of one tool of its server")
        if self.mcp is not None and self.approval:
            raise ValueError("a call of an MCP server is no run, so none can wait for an approval: leave approval out")
        if self.tool is not None and self.name is None and _TOOL_NAME.fullmatch(self.tool) is None:
            raise ValueError(f"a model cannot call it {self.tool!r}: give it a name of letters, digits, _ and -")

    @property
    def called(self) -> str:
        """The name by which the model calls it."""
        return self.name or str(self.tool or self.kind or self.action or self.automation or self.agent)[:64]


class Limits(_Spoken):
    """When a run of the agent is ended. What is left out is as by default; `null` of tokens and money: no limit."""

    steps: int = Field(default=20, ge=1, le=500, description="Answers of the model.")
    calls: int = Field(default=50, ge=0, le=1_000, description="Calls of tools.")
    tokens: int | None = Field(default=500_000, ge=1, le=1_000_000_000, description="Of all answers, in and out.")
    money: Number | None = Field(default=None, gt=0, le=1_000_000, description="US dollars, by the model's price.")
    seconds: Number = Field(default=3_600.0, gt=0, le=604_800, description="From its start; waits count.")
    context_tokens: int = Field(
        default=100_000, ge=2_000, le=10_000_000, description="From where on an older part is left out of the context."
    )


class AgentDefinition(_Spoken):
    """What is saved of an agent beside its names and labels."""

    instructions: str = Field(min_length=1, max_length=50_000, pattern=r"\S", description="What it is told to do.")
    model: ModelName | None = Field(default=None, description="`connection/model`; absent: the organisation's default.")
    tools: Annotated[list[Tool], Field(max_length=MOST_TOOLS), short(MOST_TOOLS)] = Field(default=[])
    output_schema: Annotated[dict[str, JsonValue], Field(max_length=MOST_FIELDS), short(MOST_FIELDS)] | None = Field(
        default=None, description="JSON Schema that its answer must fit; absent: it answers a text."
    )
    limits: Limits = Field(default=Limits())
    allowed_domains: Annotated[list[Host], Field(max_length=300), short(300)] = Field(
        default=[],
        description="Where its pages and requests may lead: example.com and all below it; "
        "intranet and 10.1.2.3 stand for this host alone.",
    )
    datasets: DatasetNames = Field(default=[], description="Tables that it may query and look at; absent: none.")

    @model_validator(mode="after")
    def _has_each_name_once(self) -> "AgentDefinition":
        names = [tool.called for tool in self.tools]
        names += [QUERY, DESCRIBE] if self.datasets else []
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two tools are called {twice[0]!r}: give one of them another name")
        return self

    def stored(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)


QUERY: Final = "query_datasets"
DESCRIBE: Final = "describe_datasets"
"""The tools of an agent that has datasets."""
