"""The values of an approval: every field of the definition, checked; a fault names its field."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from vai_records.approvals.fields import WANTED, ApprovalField, fields_of
from vai_records.refused import Fault, Refused

Json = dict[str, Any]

MOST_BYTES: Final = 16_384
"""Of all values of one approval, as JSON."""


def filled(definition: Mapping[str, Any], given: Mapping[str, Any]) -> Json | None:
    """The values of all fields, with defaults, and null for what is left out; None where nothing is asked for.

    Raises `Refused` that names each field.
    """
    fields = fields_of(definition) or []
    faults = list(_faults({field.name: field for field in fields}, given))
    values = {field.name: _value(field, given) for field in fields}
    if not faults and (size := len(orjson.dumps(values))) > MOST_BYTES:
        faults.append((_AT, f"the values have {size:,} bytes as JSON, {MOST_BYTES:,} is the most", "too_long"))
    if faults:
        raise Refused(faults)
    return values if fields else None


_AT: Final = ("body", "values")


def _faults(fields: Mapping[str, ApprovalField], given: Mapping[str, Any]) -> Iterator[Fault]:
    for name in given:
        if name not in fields:
            there = f"there are {', '.join(fields)}" if fields else "this approval asks for no values"
            yield (*_AT, name), f"there is no field {name!r:.80}; {there}", "extra_forbidden"
    for name, field in fields.items():
        value = _value(field, given)
        if value is None:
            if field.required:
                yield (*_AT, name), f"the approval needs {field.title or name} ({_wanted(field)})", "missing"
        elif (wrong := field.fault_of(value)) is not None:
            yield (*_AT, name), wrong, "value_error"


def _value(field: ApprovalField, given: Mapping[str, Any]) -> Any:
    return field.default if given.get(field.name) is None else given[field.name]


def _wanted(field: ApprovalField) -> str:
    if field.choices is not None:
        return f"one of {', '.join(field.choices)[:500]}"
    return WANTED.get(field.type, "a date as YYYY-MM-DD")
