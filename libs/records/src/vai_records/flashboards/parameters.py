"""The parameters of a flashboard, and the SQL that their values become (docs/flashboards.md).

A value never becomes SQL by itself: it is written as a literal of its type where `{{ name }}` stands outside of
strings, names and comments.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, model_validator

from vai_records.definitions.sql_text import fill_placeholders
from vai_records.strict import Number, Strict, short

MOST_PARAMETERS: Final = 20
MOST_CHOICES: Final = 200

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Value = Annotated[str, Field(max_length=1_000)] | Number | bool

_RELATIVE = re.compile(r"today(?:([+-])(\d{1,5})d)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


class Parameter(Strict):
    """A value that the SQL of tiles names as `{{ name }}`; people change it in a form on the page."""

    model_config = ConfigDict(frozen=True)

    name: Name
    type: Literal["date", "text", "number", "boolean"]
    label: str | None = Field(default=None, max_length=200, description="In the form; the name, if it is not given.")
    default: Value = Field(
        description="Where no value is given. A date is 2026-01-31, or relative: today, today-30d, today+7d (UTC)."
    )
    choices: Annotated[list[Value], Field(max_length=MOST_CHOICES), short(MOST_CHOICES)] = Field(
        default=[], description="The only values that it may have; any, if none is listed."
    )

    @model_validator(mode="after")
    def _fits(self) -> "Parameter":
        for value in (self.default, *self.choices):
            if (fault := self.fault_of(value)) is not None:
                raise ValueError(fault)
        if self.choices and self.default not in self.choices:
            raise ValueError(f"the default {_told(self.default)} is not among the choices: add it, or choose another")
        return self

    def fault_of(self, value: Any) -> str | None:
        """Why the value cannot be this parameter's; None if it can."""
        if self.type == "boolean":
            return None if isinstance(value, bool) else f"{_told(value)} is neither true nor false"
        if self.type == "number":
            fits = isinstance(value, int | float) and not isinstance(value, bool)
            return None if fits else f"{_told(value)} is no number"
        if not isinstance(value, str):
            return f"{_told(value)} is no text: write it in quotes"
        if "\0" in value:
            return "a text must not have a NUL character"
        if self.type == "date" and _day(value, date(2000, 1, 1)) is None:
            return f"{_told(value)} is no date: write 2026-01-31, today, or today-30d"
        return None

    def refuses(self, value: Any) -> str | None:
        """The same for a value that somebody gives, which must be one of the choices, too."""
        fault = self.fault_of(value)
        if fault is None and self.choices and value not in self.choices:
            return f"{_told(value)} is not one of {', '.join(map(_told, self.choices[:20]))}"
        return fault


Parameters = Annotated[list[Parameter], Field(max_length=MOST_PARAMETERS), short(MOST_PARAMETERS)]
Values = Annotated[dict[Name, Value], Field(max_length=MOST_PARAMETERS), short(MOST_PARAMETERS)]


def fault_in(parameters: Sequence[Parameter], values: Mapping[str, Any]) -> tuple[str, str] | None:
    """The first value that cannot be, by its name, and why; None if all can."""
    known = {each.name: each for each in parameters}
    for name, value in values.items():
        if name not in known:
            there = ", ".join(known) or "none"
            return name, f"there is no parameter {name!r}; there are: {there}"
        if (fault := known[name].refuses(value)) is not None:
            return name, fault
    return None


def settled(parameters: Sequence[Parameter], values: Mapping[str, Any], today: date) -> dict[str, Any]:
    """The value of each parameter; relative dates count from `today`."""
    found = {each.name: values.get(each.name, each.default) for each in parameters}
    for each in parameters:
        if each.type == "date":
            day = _day(str(found[each.name]), today)
            found[each.name] = day.isoformat() if day else found[each.name]
    return found


def filled(sql: str, parameters: Sequence[Parameter], values: Mapping[str, Any]) -> str:
    """The SQL with each `{{ name }}` replaced by a literal; `values` are those of `settled`.

    Raises ValueError for a name that is no parameter's.
    """
    kinds = {each.name: each.type for each in parameters}

    def literal(name: str) -> str:
        if name not in kinds:
            there = ", ".join(kinds) or "none"
            raise ValueError(f"{{{{ {name[:100]} }}}} is no parameter of the flashboard; there are: {there}")
        return _literal(kinds[name], values[name])

    return fill_placeholders(sql, literal)


def _literal(kind: str, value: Any) -> str:
    if kind == "boolean":
        return "TRUE" if value else "FALSE"
    if kind == "number":
        return f"({value!r})"  # -1 after a minus would begin a comment
    text = "'" + str(value).replace("'", "''") + "'"
    return f"DATE {text}" if kind == "date" else text


def _day(value: str, today: date) -> date | None:
    if relative := _RELATIVE.fullmatch(value):
        days = int(relative[2] or 0)
        try:
            return today + timedelta(days=-days if relative[1] == "-" else days)
        except OverflowError:
            return None
    try:
        return date.fromisoformat(value) if _DATE.fullmatch(value) else None
    except ValueError:
        return None


def _told(value: Any) -> str:
    return repr(value)[:60]
