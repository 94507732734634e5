"""A definition that somebody saves, of which parts are known only when a run is made of it."""

from contextlib import suppress
from typing import Any

from vai_records.automations.references import holds_reference, is_reference, may_name
from vai_records.refused import Fault, Place, Refused
from vai_records.validation import checks

Json = dict[str, Any]


def saved_form(kind: str, definition: Json, loc: Place) -> Json:
    """As `checks.as_read`; what a variable or a secret stands for is not looked at, and is stored as it was given.

    Raises `Refused`.
    """
    try:
        return checks.as_read(kind, definition, loc)
    except Refused as error:
        _refuse_what_is_known(definition, error, len(loc))
        return definition


def check_saved(kind: str, definition: Json, loc: Place) -> None:
    """As `checks.check_saved`; what a variable or a secret stands for is not looked at. Raises `Refused`."""
    try:
        checks.check_saved(kind, definition, loc)
    except Refused as error:
        _refuse_what_is_known(definition, error, len(loc))


def _refuse_what_is_known(definition: Json, error: Refused, depth: int) -> None:
    if not may_name(definition):
        raise error
    if faults := [fault for fault in error.faults if _is_known(definition, fault, depth)]:
        raise Refused(faults) from None


def _is_known(definition: Json, fault: Fault, depth: int) -> bool:
    """Whether the fault is in what is written, and not in what a name stands for."""
    if fault[2] == "extra_forbidden":
        return True
    value: Any = definition
    for key in fault[0][depth:]:
        if is_reference(value, plain=True):
            return False
        with suppress(LookupError, TypeError):
            value = value[key]
    return value is definition or not holds_reference(value, plain=True)
