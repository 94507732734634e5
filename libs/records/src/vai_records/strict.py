"""Models of what comes from outside: each JSON value is taken for what it is (rule 21).

A string is no number, a boolean no number, a number no string, 1 is not true. A whole number is taken where any number
is wanted. Ids, times and words of a list are strings, as JSON has no other way to write them. Every number has a least
and a greatest value, every string, list and object a greatest size (a test walks all models).

`model_validate(value, strict=False)` reads what an older version has stored: it cast where this one refuses.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

MOST_KEYS = 200
"""More than any model has; so many unknown ones are told as one fault."""


class Strict(BaseModel):
    """An object whose keys and types are exactly those that it lists."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _has_not_too_many_keys(cls, given: Any) -> Any:
        if isinstance(given, dict) and len(given) > MOST_KEYS:
            raise PydanticCustomError("too_many_keys", "An object with {count} keys; it may have {most}", {
                "count": len(given), "most": MOST_KEYS,
            })  # fmt: skip
        return given


def short(most: int) -> BeforeValidator:
    """A list or an object of at most `most`: told before each of its values is looked at."""

    def check(value: Any) -> Any:
        if isinstance(value, list | dict) and len(value) > most:
            raise PydanticCustomError("too_long", "There are {count}; there may be {most}", {
                "count": len(value), "most": most,
            })  # fmt: skip
        return value

    return BeforeValidator(check)


Name = Annotated[str, Field(min_length=1, max_length=255, pattern=r"\S")]
"""What people call something: not blank."""


def _whole_where_it_is(value: float) -> float | int:
    """30 is written as it was given, not as 30.0."""
    return int(value) if value.is_integer() else value


def _really_true(value: Any) -> Any:
    if value is not True:
        raise PydanticCustomError("literal_error", "Input should be true")
    return value


def in_utc(moment: datetime) -> datetime:
    """The moment itself. Raises ValueError where its date in UTC is before the year 1 or after 9999."""
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("in UTC this time is before the year 1 or after 9999") from None
    return moment


def _written_out(value: Any) -> Any:
    if isinstance(value, str) and not re.match(r"\d{4}-\d\d-\d\d", value):
        raise ValueError("write a time as in RFC 3339: 2026-11-22T00:00:00Z")
    if isinstance(value, bool | int | float):
        raise ValueError("a time is a string as in RFC 3339: 2026-11-22T00:00:00Z")
    return value


Number = Annotated[float, PlainSerializer(_whole_where_it_is, return_type=int | float)]
"""Any finite JSON number."""

Whole = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
"""A whole number of 64 bits."""

Text = Annotated[str, Field(max_length=1_048_576)]
"""Any string that fits in a body."""

Id = Annotated[UUID, Field(strict=False)]

WrittenOut = BeforeValidator(_written_out)
"""For dates and times: pydantic alone takes a number, or its digits, for seconds since 1970."""

Time = Annotated[AwareDatetime, Field(strict=False), WrittenOut, AfterValidator(in_utc)]
"""An instant, with its time zone; it has a date in UTC, too."""

ReallyTrue = BeforeValidator(_really_true)
"""For Literal[True], which takes 1 for it."""
