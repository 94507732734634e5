"""A definition that somebody saves, of which parts are known only when a run is made of it."""

from typing import Any

from vai_records.automations.references import is_written, may_name
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
    if faults := [fault for fault in error.faults if _is_written(definition, fault, depth)]:
        raise Refused(faults) from None


def _is_written(definition: Json, fault: Fault, depth: int) -> bool:
    """Whether the fault is in what is written, and not in what a name stands for."""
    place, _, kind = fault
    return is_written(definition, place[depth:], misspelled=kind == checks.MISSPELLED, plain=True)
