"""What an approver is asked to fill in: fields with a type and bounds, and the values that they get (decision 79)."""

import json
import math
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, JsonValue, ValidationError, model_validator

from vai_records.strict import Number, Strict, Whole

Json = dict[str, Any]
FieldType = Literal["text", "number", "integer", "boolean", "date", "choice"]

MOST_FIELDS: Final = 50
LONGEST_TEXT: Final = 10_000

SAMPLES: Final[Mapping[str, Any]] = {
    "text": "text",
    "number": 1.5,
    "integer": 1,
    "boolean": True,
    "date": "2026-01-31",
    "choice": "text",
}
"""A value of each type, to see whether a place takes one."""

WANTED: Final = {"text": "a text", "number": "a number", "integer": "a whole number", "boolean": "true or false"}
_RANGED: Final = ("number", "integer", "date")


class ApprovalField(Strict):
    """One thing that whoever approves fills in; following steps name it as `$/steps/KEY/approval/NAME`."""

    model_config = ConfigDict(frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=63)]
    title: Annotated[str, Field(min_length=1, max_length=255)] | None = Field(
        default=None, description="What the form says; without it, the name."
    )
    type: FieldType = "text"
    required: bool = Field(default=False, description="Whether it must be filled in; a default fills it in, too.")
    default: JsonValue = None
    minimum: Whole | Number | Annotated[str, Field(max_length=10)] | None = Field(
        default=None, description="Of a number; of a date as YYYY-MM-DD."
    )
    maximum: Whole | Number | Annotated[str, Field(max_length=10)] | None = Field(
        default=None, description="As `minimum`."
    )
    min_length: Annotated[int, Field(ge=0, le=LONGEST_TEXT)] | None = Field(default=None, description="Of a text.")
    max_length: Annotated[int, Field(ge=1, le=LONGEST_TEXT)] | None = Field(default=None, description="Of a text.")
    choices: list[Annotated[str, Field(min_length=1, max_length=255)]] | None = Field(
        default=None, min_length=1, max_length=100, description="What a choice may be."
    )

    @model_validator(mode="after")
    def _hangs_together(self) -> "ApprovalField":
        if (self.type == "choice") != (self.choices is not None):
            raise ValueError(
                "a choice has choices" if self.choices is None else f"{with_article(self.type)} has no choices"
            )
        if self.choices is not None and len(set(self.choices)) < len(self.choices):
            raise ValueError("one of the choices is there twice")
        if self.type != "text" and (self.min_length is not None or self.max_length is not None):
            raise ValueError(f"min_length and max_length are for a text; this is {with_article(self.type)}")
        for name, bound in (("minimum", self.minimum), ("maximum", self.maximum)):
            if bound is not None and (wrong := _bound_fault(self.type, bound)) is not None:
                raise ValueError(f"{name}: {wrong}")
        self._check_that_something_fits()
        if self.default is not None and (wrong := self.fault_of(self.default)) is not None:
            raise ValueError(f"the default does not fit: {wrong}")
        return self

    def _check_that_something_fits(self) -> None:
        """Bounds that cross would make a form that nobody can fill in."""
        least: Any
        most: Any
        for name, least, most in (
            ("minimum is above maximum", self.minimum, self.maximum),
            ("min_length is above max_length", self.min_length, self.max_length),
        ):
            if least is not None and most is not None and least > most:
                raise ValueError(f"{name}: {least} and {most}; no value fits both")

    def fault_of(self, value: Any) -> str | None:
        """What is wrong with a value, and what would be right."""
        if (wrong := _type_fault(self.type, value)) is not None:
            return wrong
        if self.choices is not None and value not in self.choices:
            return f"{value!r:.60} is none of {', '.join(self.choices)[:500]}"
        if self.type == "text":
            return self._length_fault(value)
        if self.minimum is not None and value < self.minimum:
            return f"{value} is {self._words[0]} {self.minimum}, the {self._words[1]}"
        if self.maximum is not None and value > self.maximum:
            return f"{value} is {self._words[2]} {self.maximum}, the {self._words[3]}"
        return None

    @property
    def _words(self) -> tuple[str, str, str, str]:
        is_date = self.type == "date"
        return ("before", "first day", "after", "last day") if is_date else ("below", "least", "above", "most")

    def _length_fault(self, value: str) -> str | None:
        most = LONGEST_TEXT if self.max_length is None else self.max_length
        if len(value) > most:
            return f"it has {len(value):,} characters, {most:,} is the most"
        if self.min_length is not None and len(value) < self.min_length:
            return f"it has {len(value):,} characters, {self.min_length:,} is the least"
        return None


def with_article(type_name: str) -> str:
    """`a text`, `an integer`."""
    return f"an {type_name}" if type_name == "integer" else f"a {type_name}"


def fields_of(definition: Mapping[str, Any]) -> list[ApprovalField] | None:
    """The fields of a definition; None where they are known only when its step starts."""
    given = definition.get("approval_fields")
    if given is None:
        return []
    try:
        return [ApprovalField.model_validate(one) for one in given]
    except (ValidationError, TypeError):
        return None


def _type_fault(type_name: FieldType, value: Any) -> str | None:
    if type_name in ("text", "choice"):
        is_one = isinstance(value, str) and "\x00" not in value
    elif type_name == "boolean":
        is_one = isinstance(value, bool)
    elif type_name == "date":
        is_one = isinstance(value, str) and _is_date(value)
    elif isinstance(value, bool):
        is_one = False
    else:
        is_one = isinstance(value, int) or (type_name == "number" and isinstance(value, float) and math.isfinite(value))
    if is_one:
        return None
    wanted = WANTED.get(type_name, "a date as YYYY-MM-DD" if type_name == "date" else "a text")
    return f"must be {wanted}, not {_shown(value)}"


def _bound_fault(type_name: FieldType, bound: float | str) -> str | None:
    if type_name not in _RANGED:
        return f"{with_article(type_name)} has no bounds; number, integer and date have"
    return _type_fault("date" if type_name == "date" else "number", bound)


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"
