"""The REST shapes of agents and of their runs (docs/agents.md)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue

from vai_api_gateway.http.shapes import LONGEST_NAME, SLUG_PATTERN, Body, Json, PageShape, Patch, Shape
from vai_common.queries import Row
from vai_records.agents.definition import MOST_FIELDS, MOST_TOOLS, AgentDefinition, Limits, Tool
from vai_records.catalogue.labels import Labels
from vai_records.definitions.dataset_names import DatasetNames
from vai_records.definitions.web_addresses import Domain
from vai_records.models.settings import ModelName
from vai_records.strict import Name, short

LONGEST_DESCRIPTION = 2_000

Description = Annotated[str, Field(max_length=LONGEST_DESCRIPTION)]


class AgentBody(AgentDefinition, Body):
    name: Name
    slug: str | None = Field(default=None, pattern=SLUG_PATTERN, max_length=LONGEST_NAME)
    description: Description | None = Field(default=None, description="For people, and for agents that call it.")
    labels: Labels = Field(default={})


class AgentPatch(Patch, Body):
    """Keys that are absent stay as they are; each that is given replaces what was there."""

    clears = frozenset(("description", "model", "output_schema"))

    name: Name | None = None
    slug: str | None = Field(default=None, pattern=SLUG_PATTERN, max_length=LONGEST_NAME)
    description: Description | None = None
    labels: Labels | None = None
    instructions: str | None = Field(default=None, min_length=1, max_length=50_000, pattern=r"\S")
    model: ModelName | None = None
    tools: Annotated[list[Tool], Field(max_length=MOST_TOOLS), short(MOST_TOOLS)] | None = None
    output_schema: Annotated[dict[str, JsonValue], Field(max_length=MOST_FIELDS), short(MOST_FIELDS)] | None = None
    limits: Limits | None = None
    allowed_domains: Annotated[list[Domain], Field(max_length=300), short(300)] | None = None
    datasets: DatasetNames | None = None


class AgentShape(Shape):
    id: UUID
    name: str
    slug: str
    description: str | None
    labels: dict[str, str]
    instructions: str
    model: str | None
    tools: list[Json]
    output_schema: Json | None
    limits: Json
    allowed_domains: list[str]
    datasets: list[str]
    created_at: datetime
    created_by: str | None
    updated_at: datetime
    updated_by: str | None


class AgentsShape(PageShape):
    agents: list[AgentShape]


def agent_json(row: Row) -> Json:
    shown: Json = AgentDefinition.model_validate(row["definition"]).stored()
    return shown | {
        "id": row["id"],
        "name": row["name"],
        "slug": row["slug"],
        "description": row["description"],
        "labels": row["labels"],
        "createdAt": row["created_at"],
        "createdBy": row["created_by"],
        "updatedAt": row["updated_at"],
        "updatedBy": row["updated_by"],
    }
