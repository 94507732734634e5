"""What may be said in a definition: types when an action is saved, completeness when a run is made (decision 8)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from vai_common.validation_messages import told
from vai_records.definitions import definition_model, reading
from vai_records.definitions.base import Definition
from vai_records.definitions.kinds import AGENT_ONLY, KINDS
from vai_records.definitions.presets import PRESETS
from vai_records.refused import Fault, Place, Refused, refused
from vai_records.validation.masking import PLACES, WITH_SECRETS, SecretMissing, masked, reunite, tidied
from vai_records.validation.places import meant, real_place

Json = dict[str, Any]

_BOOL = TypeAdapter(bool)

MISSPELLED = "extra_forbidden"
"""The fault of a field that is not there."""

_MAY_COME = ("missing", "not_yet")
"""Faults of an action that only keep it from being run."""

CONNECTION_KEYS = ("connection", "connectionRef", "connection_ref")
"""Where a definition names its connection (decision 9)."""


MOST_VALUES = 20_000
"""Values in a definition, those within others counted: each is looked at several times on its way (rule 24)."""


def check_size(definition: Any, loc: Place, most: int = MOST_VALUES) -> None:
    """Raises `Refused` where a definition holds more than `most` values; it looks at no more than these."""
    rest, count = [definition], 0
    while rest:
        one = rest.pop()
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        count += len(inner)
        if count > most:
            raise refused(loc, f"more than {most:,} values; send large data as a text, or in parts", "too_many")
        rest.extend(each for each in inner if isinstance(each, dict | list))


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396: null removes a key, objects are merged, everything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def check_preset(name: str | None, kind: str) -> None:
    """Raises `Refused` where there is no such preset, or it is for another kind."""
    if name is None:
        return
    if name not in PRESETS:
        raise refused(("body", "templateId"), f"no such template; there are {', '.join(sorted(PRESETS))}")
    if PRESETS[name].kind != kind:
        raise refused(("body", "templateId"), f"the template is for {PRESETS[name].kind}, the action is {kind}")


def with_preset(name: str | None, definition: Json) -> Json:
    """The definition over its preset; a preset that this version does not know adds nothing."""
    merged: Json = merge_patch(PRESETS[name].definition, definition) if name in PRESETS else definition
    return merged


def with_connection(definition: Json, connection_id: UUID | None) -> Json:
    """The definition with the connection that stands beside it, where it names none itself."""
    if connection_id is None or any(definition.get(key) is not None for key in CONNECTION_KEYS):
        return definition
    return {**definition, CONNECTION_KEYS[0]: str(connection_id)}


def spelled(definition: Json) -> Json:
    """The definition with its fields by the names under which they are stored, so that an override meets them."""
    if "connection_ref" not in definition or "connectionRef" in definition:
        return definition
    return {"connectionRef" if key == "connection_ref" else key: value for key, value in definition.items()}


def mended(kind: str, definition: Json) -> Json:
    """A stored definition with what an older version took loosely cast as it did (`definitions.reading`)."""
    return reading.mended(definition_model(kind), definition) if KINDS[kind].available else definition


def wants_approval(definition: Json) -> bool:
    """Whether a definition asks for an approval, in any spelling that an older version took for true."""
    try:
        return _BOOL.validate_python(definition.get("requires_approval", False))
    except ValidationError:
        return False


def keep_approval(base: Json, merged: Json) -> Json:
    """A definition that was changed for one run, with the approval that the saved one asks for, and its form."""
    if not wants_approval(base):
        return merged
    form = {"approval_fields": base["approval_fields"]} if base.get("approval_fields") is not None else {}
    return {**merged, "requires_approval": True, **form}


def check_saved(kind: str, definition: Json, loc: Place) -> None:
    """Hold the fields that are there against their types; what is missing may still come (decision 8)."""
    check_size(definition, loc)
    try:
        _validated(kind, definition)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        if any(fault["type"] not in _MAY_COME for fault in faults):
            near = meant(faults, definition)
            wrong = [fault for fault in near if fault["type"] not in _MAY_COME]
            raise _refusal(kind, wrong or near, loc, definition) from error


def as_read(kind: str, definition: Json, loc: Place) -> Json:
    """What is stored of a definition that somebody saves: what was given, as its model reads it, without defaults.

    One that is not complete yet is stored as it was given (decision 8). Raises `Refused` as `check_saved` does.
    """
    refuse_agent_only(kind, (*loc[:-1], "kind"))
    check_size(definition, loc)
    try:
        return _validated(kind, definition).stored() if KINDS[kind].available else _checked(kind, definition, loc)
    except ValidationError:
        return _checked(kind, definition, loc)


def refuse_agent_only(kind: str, place: Place) -> None:
    """Raises `Refused` for a kind that belongs to agents."""
    if kind in AGENT_ONLY:
        message = f"{kind} is for the tools of agents, within their domains; use {AGENT_ONLY[kind]}"
        raise refused(place, message, "agent_only")


def _checked(kind: str, definition: Json, loc: Place) -> Json:
    check_saved(kind, definition, loc)
    return definition


def complete(kind: str, definition: Json, loc: Place) -> Definition:
    """The definition as a run needs it. Raises `Refused` that names each field."""
    if not KINDS[kind].available:
        raise refused(("body", "kind"), _no_kind(kind))
    try:
        return _validated(kind, definition)
    except ValidationError as error:
        raise _refusal(kind, error.errors(include_url=False), loc, definition) from error


def _holds_no_secrets(definition: Json) -> bool:
    """Whether there is no place for a write-only value: most definitions of an extraction need not be walked."""
    return definition.keys().isdisjoint(PLACES)


def split(kind: str, definition: Json, stored: Json | None, loc: Place) -> tuple[Json, Json | None]:
    """What may be shown of a definition, and its write-only values; markers keep what `stored` holds."""
    check_size(definition, loc)
    if kind not in WITH_SECRETS or _holds_no_secrets(definition):
        return definition, None
    try:
        return masked(definition, stored)
    except SecretMissing as error:
        raise refused((*loc, *error.field), str(error), "missing") from error


def whole(kind: str, definition: Json, stored: Json | None, loc: Place) -> Json:
    """The definition with its write-only values back in their places."""
    check_size(definition, loc)
    if kind not in WITH_SECRETS or _holds_no_secrets(definition):
        return definition
    try:
        return reunite(definition, stored)
    except SecretMissing as error:
        raise refused((*loc, *error.field), str(error), "missing") from error


def tidy(kind: str, definition: Json, loc: Place) -> Json:
    """What somebody writes over another definition, the credentials in its addresses where they are looked for."""
    check_size(definition, loc)
    if kind not in WITH_SECRETS or _holds_no_secrets(definition):
        return definition
    try:
        return tidied(definition)
    except SecretMissing as error:
        raise refused((*loc, *error.field), str(error), "missing") from error


def _validated(kind: str, definition: Json) -> Definition:
    if KINDS[kind].available:
        return definition_model(kind).model_validate(definition)
    said = definition.get("kind")
    if said not in (None, kind):
        wrong = PydanticCustomError("literal_error", "Input should be '{kind}'", {"kind": kind})
        raise ValidationError.from_exception_data(kind, [InitErrorDetails(type=wrong, loc=("kind",), input=said)])
    return Definition(kind=kind)


def _refusal(kind: str, errors: list[ErrorDetails], loc: Place, definition: Json) -> Refused:
    return Refused(_faults(kind, errors, loc, definition))


def _faults(kind: str, errors: list[ErrorDetails], loc: Place, definition: Json) -> list[Fault]:
    """Each place once: where a value may be of several types, a checker says of each why it is not that."""
    model = definition_model(kind) if KINDS[kind].available else Definition
    faults: dict[Place, Fault] = {}
    for fault in meant(errors, definition):
        place = (*loc, *real_place(fault["loc"], definition, is_missing=fault["type"] in _MAY_COME))
        faults.setdefault(place, (place, told(fault["msg"], fault["loc"], model), fault["type"]))
    return list(faults.values())


def incomplete(kind: str, definition: Json, loc: Place) -> list[Fault]:
    """What keeps a definition from being run that may be saved: its kind, or what is missing."""
    if not KINDS[kind].available:
        return [((*loc[:-1], "kind"), _no_kind(kind), "not_available")]
    try:
        _validated(kind, definition)
    except ValidationError as error:
        return _faults(kind, [fault for fault in error.errors() if fault["type"] in _MAY_COME], loc, definition)
    return []


def _no_kind(kind: str) -> str:
    known = ", ".join(sorted(name for name, found in KINDS.items() if found.available))
    return f"{kind} cannot be run by this version; it runs {known}"
