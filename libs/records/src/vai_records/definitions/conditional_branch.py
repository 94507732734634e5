"""A step that chooses where an automation goes on (documents 000 and 002, "Port-Based Routing")."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, field_validator
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from vai_records.definitions.base import Definition
from vai_records.definitions.conditions import Condition
from vai_records.strict import Strict, short

Port = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


def _not_empty(given: list[Any]) -> list[Any]:
    if not given:
        raise ValueError("give at least one")
    return given


Conditions = Annotated[list[Condition], Field(max_length=100), AfterValidator(_not_empty)]


class Case(Strict):
    """A port and what must all hold for it."""

    model_config = ConfigDict(frozen=True)

    name: Port
    conditions: Conditions


class ConditionalBranch(Definition):
    """Either `conditions` (ports true and false) or `cases` (the first that holds is the port, else `default`)."""

    kind: Literal["conditional_branch"] | None = None
    input: Annotated[dict[str, JsonValue], Field(max_length=10_000), short(10_000)] = Field(
        default={}, description="The data that the conditions are judged on."
    )
    cases: Annotated[list[Case], Field(max_length=50), AfterValidator(_not_empty)] | None = None
    default: Port = "default"
    conditions: Conditions | None = Field(default=None, validate_default=True)

    @field_validator("cases")
    @classmethod
    def _each_port_once(cls, cases: list[Case] | None) -> list[Case] | None:
        names = [case.name for case in cases or ()]
        if len(set(names)) < len(names):
            raise ValueError("two cases have the same name")
        return cases

    @field_validator("conditions")
    @classmethod
    def _conditions_or_cases(cls, conditions: Conditions | None, info: ValidationInfo) -> Conditions | None:
        if "cases" not in info.data:
            return conditions
        if conditions is None and info.data["cases"] is None:
            raise PydanticCustomError("missing", "Field required: conditions, or named cases")
        if conditions is not None and info.data["cases"] is not None:
            raise ValueError("give either conditions or cases, not both")
        return conditions
