"""What an automation declares as its inputs, and what it is given (decision 45)."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from vai_records.automations.body import fits

Json = dict[str, Any]
Wrong = Literal["missing", "null", "type"]

SCHEDULED_FOR = "scheduledFor"
"""The only input that a schedule brings: the time that it stands for."""


def with_defaults(declared: Json, inputs: Json) -> Json:
    """The inputs with the defaults of those that were not given; null is not given where one is required."""
    given = {name: value for name, value in inputs.items() if value is not None or not _is_required(declared, name)}
    return {**{name: one.get("default") for name, one in declared.items()}, **given}


def wrong_inputs(declared: Mapping[str, Json], inputs: Json) -> Iterator[tuple[str, Wrong]]:
    """The inputs that do not fit what is declared; null is a value for one that is not required, of any type."""
    for name, one in declared.items():
        if inputs.get(name) is None:
            if is_needed(one):
                yield name, "null" if name in inputs else "missing"
        elif not fits(inputs[name], one.get("type")):
            yield name, "type"


def is_needed(declared: Json) -> bool:
    """Whether an automation cannot begin without this input."""
    return bool(declared.get("required")) and declared.get("default") is None


def _is_required(declared: Json, name: str) -> bool:
    return bool(declared.get(name, {}).get("required"))
