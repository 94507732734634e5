"""The REST shapes of variables and secrets (docs/variables.md)."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import Path
from pydantic import AfterValidator, Field, JsonValue, StringConstraints

from vai_api_gateway.http.shapes import Body, Json, PageShape, Shape
from vai_common.queries import Row
from vai_records.secrets.hiding import SHORTEST_MARKED
from vai_records.variables.store import MOST_BYTES, NAME_PATTERN

_PLAIN = r"^[^\x00-\x1f\x7f]*$"
_TEXT = r"^[^\x00]*$"

NameInPath = Annotated[
    str,
    Path(pattern=NAME_PATTERN, description="Letters, digits, `_` and `-`; a letter or `_` first; at most 100."),
]
Description = Annotated[str, StringConstraints(max_length=1_000, pattern=_PLAIN)]


def _fits(value: Any) -> Any:
    if value is None:
        raise ValueError("null is no value: delete the variable, or give one")
    if (size := len(orjson.dumps(value))) > MOST_BYTES:
        raise ValueError(f"it has {size:,} bytes as JSON, {MOST_BYTES:,} is the most; keep what is large in the lake")
    return value


def _is_not_too_long(value: str) -> str:
    if (size := len(value.encode())) > MOST_BYTES:
        raise ValueError(f"it has {size:,} bytes, {MOST_BYTES:,} is the most")
    return value


class VariableBody(Body):
    value: Annotated[JsonValue, AfterValidator(_fits)] = Field(
        description="Any JSON value; `$/vars/NAME/field` names a part of an object."
    )
    description: Description | None = None


_SecretText = Annotated[
    str,
    StringConstraints(min_length=SHORTEST_MARKED, max_length=MOST_BYTES, pattern=_TEXT),
    AfterValidator(_is_not_too_long),
]


class SecretBody(Body):
    value: _SecretText | None = Field(
        default=None, repr=False, description="A text; it never comes out again. Without it, the one that is set stays."
    )
    description: Description | None = None


class UseShape(Shape):
    type: Literal["action", "automation", "agent"]
    id: UUID
    slug: str
    name: str


class _NamedShape(Shape):
    name: str
    description: str | None
    created_at: datetime
    updated_at: datetime = Field(description="When it was last set.")
    updated_by: UUID | None = Field(description="Who set it.")


class ListedVariableShape(_NamedShape):
    value: JsonValue


class VariableShape(ListedVariableShape):
    used_by: list[UseShape] = Field(description="Saved actions, automations and agents that name it; at most 100.")


class VariablesShape(PageShape):
    variables: list[ListedVariableShape]


class ListedSecretShape(_NamedShape):
    """Without its value."""


class SecretShape(ListedSecretShape):
    used_by: list[UseShape] = Field(description="Saved actions, automations and agents that name it; at most 100.")


class SecretsShape(PageShape):
    secrets: list[ListedSecretShape]


def row_json(row: Row) -> Json:
    shown = {
        "name": row["name"],
        "description": row["description"],
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
        "updatedBy": row["updated_by"],
    }
    return shown | ({"value": row["value"]} if "value" in row else {})


def use_json(row: Row) -> Json:
    return {name: row[name] for name in ("type", "id", "slug", "name")}
