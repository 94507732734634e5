"""An automation as somebody writes it (document 002): both spellings, short and long forms; one form is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AliasChoices,
    AliasGenerator,
    ConfigDict,
    Field,
    JsonValue,
    ModelWrapValidatorHandler,
    PrivateAttr,
    model_validator,
)
from pydantic.alias_generators import to_camel, to_snake

from vai_records.automations.plan import DEFAULT_PARALLEL, When
from vai_records.automations.triggers import ManualTrigger, Trigger
from vai_records.catalogue.labels import Labels
from vai_records.definitions.conditions import RootedCondition
from vai_records.definitions.kinds import KINDS
from vai_records.refused import Place
from vai_records.strict import Name, Strict, short

MOST_STEPS = 1_000
StepName = Annotated[str, Field(max_length=255)]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=63)]
_IN_A_NAME = r"[^/{}\"\\\x00-\x1f\x7f]"
_AT_ITS_ENDS = r"[^/{}\"\\\x00-\x20\x7f]"
InputName = Annotated[str, Field(pattern=rf"^{_AT_ITS_ENDS}({_IN_A_NAME}*{_AT_ITS_ENDS})?$", max_length=255)]
"""What a reference can name, as `$/inputs/day` or as `${/inputs/"the day"}`."""

ALIASES: Mapping[str, tuple[str | None, dict[str, Any]]] = {
    "transform": ("duckdb_transform", {}),
    "duckdb": ("duckdb_transform", {}),
    "notify": ("http_request", {}),
    "webhook": ("http_request", {}),
    "export": ("file_sync", {"direction": "push"}),
}
"""Other words that document 002 uses for kinds, and what they add to a definition (decision 36)."""


def _spellings(name: str) -> AliasChoices:
    """As document 002 writes it, which is what the schema and messages say; the other is taken, too (decision 1)."""
    return AliasChoices(name, to_camel(name))


class _Part(Strict):
    model_config = ConfigDict(
        frozen=True,
        populate_by_name=True,
        alias_generator=AliasGenerator(validation_alias=_spellings),
    )


class DependencyBody(_Part):
    """A step that is waited for, and the port by which it must have ended."""

    step: StepName
    port: StepName | None = None


class ConditionBody(_Part):
    """On what outcome of what it waits for the step runs."""

    type: Annotated[When, Field(strict=False)]


class StepActionBody(_Part):
    """What a step does: a kind and its definition, or a saved action by id or slug."""

    kind: Annotated[str, Field(max_length=255)] | None = None
    definition: dict[str, JsonValue] | None = None
    action_id: Annotated[str, Field(max_length=255)] | None = None
    definition_overrides: dict[str, JsonValue] | None = Field(default=None, description="RFC 7396, for a saved action.")

    @model_validator(mode="after")
    def _one_of_both(self) -> "StepActionBody":
        if (self.kind is None) == (self.action_id is None):
            raise ValueError(f"name a kind ({', '.join(KINDS)}) with its definition, or a saved action with action_id")
        if self.kind is not None and self.kind not in KINDS and self.kind not in ALIASES:
            raise ValueError(f"{self.kind!r} is not a kind; the kinds are {', '.join(KINDS)}")
        if self.action_id is not None and self.definition is not None:
            raise ValueError("a saved action brings its definition; change it for this step with definition_overrides")
        if self.kind is not None and self.definition_overrides is not None:
            raise ValueError("definition_overrides are for a saved action; write the definition itself")
        return self

    @property
    def real_kind(self) -> str | None:
        """The kind by its own name; None for a saved action."""
        return ALIASES.get(self.kind or "", (self.kind, {}))[0]

    @property
    def whole_definition(self) -> dict[str, Any]:
        """The definition, with what the kind's other word means."""
        more = ALIASES.get(self.kind or "", ("", {}))[1]
        given = {**more, **(self.definition or {})}
        said = given.get("kind")
        return {**given, "kind": ALIASES[said][0]} if isinstance(said, str) and said in ALIASES else given


_FLAT = {"kind", "definition", "action_id", "actionId", "definition_overrides", "definitionOverrides"}


def _also_flat(schema: dict[str, Any]) -> None:
    """What `_as_written` takes, in words of JSON Schema."""
    schema["properties"] |= {name: {"type": "string", "maxLength": 255} for name in ("kind", "action_id")}
    schema["properties"] |= {name: {"type": "object"} for name in ("definition", "definition_overrides")}
    schema["required"] = [name for name in schema.get("required", ()) if name != "action"]
    schema["anyOf"] = [{"required": [name]} for name in ("action", "kind", "action_id")]


class StepBody(_Part):
    """One step; `kind` and `definition` may stand in the step itself instead of in its `action`."""

    model_config = ConfigDict(json_schema_extra=_also_flat)
    key: Key | None = None
    name: Annotated[str, Field(max_length=255)] | None = None
    action: StepActionBody
    depends_on: list[StepName | DependencyBody] = Field(default=[], max_length=MOST_STEPS)
    condition: ConditionBody | Annotated[When, Field(strict=False)] = ConditionBody(type=When.ON_SUCCESS)

    _is_flat: bool = PrivateAttr(default=False)
    _spelled: dict[str, str] = PrivateAttr(default={})

    @model_validator(mode="wrap")
    @classmethod
    def _as_written(cls, given: Any, read: ModelWrapValidatorHandler["StepBody"]) -> "StepBody":
        if not isinstance(given, Mapping):
            return read(given)
        is_flat = "action" not in given and bool(given.keys() & _FLAT)
        action = {key: value for key, value in given.items() if key in _FLAT} if is_flat else given.get("action")
        rest = {key: value for key, value in given.items() if key not in _FLAT}
        step = read({**rest, "action": action} if is_flat else given)
        step._is_flat = is_flat
        step._spelled = {to_snake(name): name for name in (*given, *(action if isinstance(action, Mapping) else ()))}
        return step

    def place(self, *names: str | int) -> Place:
        """Where a part of the step is in what was written: `("action", "definition", "sql")` of a flat step is
        `("definition", "sql")`. Names within a definition are its own.
        """
        depth = 2 if names[:1] == ("action",) else 1
        spelled = tuple(self._spelled.get(str(name), name) for name in names[:depth])
        return (*spelled[1 if self._is_flat and depth == 2 else 0 :], *names[depth:])

    @property
    def when(self) -> When:
        return self.condition.type if isinstance(self.condition, ConditionBody) else self.condition

    @property
    def dependencies(self) -> list[DependencyBody]:
        return [DependencyBody(step=one) if isinstance(one, str) else one for one in self.depends_on]


@dataclass(frozen=True)
class Places:
    """Where the parts of steps are in what was written; `at` is where their list stands."""

    at: Place
    steps: Sequence[StepBody]

    def of(self, number: int, *names: str | int) -> Place:
        """A part of a step, by the names of `StepBody`."""
        return (*self.at, number, *self.steps[number].place(*names))

    def definition(self, number: int, *names: str | int) -> Place:
        """A place within a step's definition; of a saved action, where the step does not change it: its name."""
        action = self.steps[number].action
        if action.action_id is None:
            return self.of(number, "action", "definition", *names)
        if not names or names[0] not in (action.definition_overrides or {}):
            return self.of(number, "action", "action_id")
        return self.of(number, "action", "definition_overrides", *names)


class InputBody(_Part):
    """An input that the automation declares (decision 45); one that is not required and not given is its default.

    A `secret` is a text that is given by hand, kept encrypted and never shown (docs/automations.md, "Secret inputs").
    """

    type: Literal["string", "number", "integer", "boolean", "object", "array", "secret"] | None = None
    default: JsonValue = None
    required: bool = False
    description: Annotated[str, Field(max_length=1_000)] | None = None

    @model_validator(mode="after")
    def _default_fits(self) -> "InputBody":
        if self.type == SECRET and self.default is not None:
            raise ValueError("a secret has no default, which everybody could read; name $/secrets/NAME in the steps")
        if self.default is not None and not fits(self.default, self.type):
            raise ValueError(f"the default is no {self.type}")
        return self


class AutomationParts(_Part):
    """What an automation is made of, each part optional: what a PATCH says."""

    name: Name | None = None
    slug: Annotated[str, Field(pattern=r"^[a-z0-9-]+$", max_length=255)] | None = None
    description: Annotated[str, Field(max_length=10_000)] | None = None
    trigger: Trigger | None = None
    conditions: list[RootedCondition] | None = Field(default=None, max_length=100)
    inputs: Annotated[dict[InputName, InputBody], Field(max_length=200), short(200)] | None = None
    actions: list[StepBody] | None = Field(default=None, max_length=MOST_STEPS)
    steps: list[StepBody] | None = Field(default=None, max_length=MOST_STEPS)
    max_parallel: Annotated[int, Field(ge=1, le=1_000)] | None = None
    enabled: bool | None = None
    labels: Labels | None = Field(default=None, description="Its runs and those of its steps have them, too.")
    expose: bool | None = Field(default=None, description="Whether it is a tool over MCP, by its slug.")

    @model_validator(mode="after")
    def _one_list(self) -> "AutomationParts":
        if self.actions is not None and self.steps is not None:
            raise ValueError("give either actions or steps, not both")
        if self.actions == [] or self.steps == []:
            raise ValueError("an automation has at least one step")
        return self


class AutomationBody(AutomationParts):
    """A whole automation: a name and its steps at least; without a trigger it is started by hand."""

    name: Name
    trigger: Trigger = ManualTrigger()
    conditions: list[RootedCondition] = Field(default=[], max_length=100)
    inputs: Annotated[dict[InputName, InputBody], short(200)] = Field(default={}, max_length=200)
    max_parallel: Annotated[int, Field(ge=1, le=1_000)] = DEFAULT_PARALLEL
    enabled: bool = True
    labels: Labels = Field(default={}, description="Its runs and those of its steps have them, too.")
    expose: bool = Field(default=False, description="Whether it is a tool over MCP, by its slug.")

    @model_validator(mode="after")
    def _has_steps(self) -> "AutomationBody":
        if self.actions is None and self.steps is None:
            raise ValueError(
                "an automation has at least one step: give `actions` (one after another) or `steps` (a DAG)"
            )
        return self


SECRET: Final = "secret"
"""The type of an input whose value goes in and never comes out."""

TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "secret": (str,),
}
"""The types that an input may be declared with, and what has them."""


def fits(value: Any, type_name: str | None) -> bool:
    """Whether a JSON value is of a declared type; none declared takes every value, and a boolean is no number."""
    if type_name is None:
        return True
    return isinstance(value, TYPES[type_name]) and (type_name == "boolean" or not isinstance(value, bool))
