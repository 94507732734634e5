"""What an automation declares as its inputs, and what it is given (decision 45)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from vai_records.automations.body import SECRET, fits
from vai_records.secrets.hiding import SHORTEST_MARKED
from vai_records.validation.masking import MARKER
from vai_records.variables.store import MOST_BYTES

Json = dict[str, Any]
Wrong = Literal["missing", "null", "type", "not_sealed"]

SCHEDULED_FOR = "scheduledFor"
"""The only input that a schedule brings: the time that it stands for."""

BY_HAND: Final = "a secret input is given by hand alone"


def with_defaults(declared: Json, inputs: Json) -> Json:
    """The inputs with the defaults of those that were not given; null is not given where one is required."""
    given = {name: value for name, value in inputs.items() if value is not None or not _is_required(declared, name)}
    return {**{name: one.get("default") for name, one in declared.items()}, **given}


def wrong_inputs(
    declared: Mapping[str, Json], inputs: Json, *, is_sealed: bool | None = None
) -> Iterator[tuple[str, Wrong]]:
    """The inputs that do not fit what is declared; null is a value for one that is not required, of any type.

    `is_sealed`: they are as they are kept, a secret as its marker, and whether the run has sealed ones. None: as given.
    """
    for name, one in declared.items():
        if inputs.get(name) is None:
            if is_needed(one):
                yield name, "null" if name in inputs else "missing"
        elif one.get("type") == SECRET and is_sealed is not None:
            if not is_sealed or inputs[name] != MARKER:
                yield name, "not_sealed"
        elif not fits(inputs[name], one.get("type")):
            yield name, "type"


def is_needed(declared: Json) -> bool:
    """Whether an automation cannot begin without this input."""
    return bool(declared.get("required")) and declared.get("default") is None


def secret_names(declared: Mapping[str, Json]) -> frozenset[str]:
    """The inputs whose values are secret."""
    return frozenset(name for name, one in declared.items() if one.get("type") == SECRET)


def apart(declared: Mapping[str, Json], inputs: Json) -> tuple[Json, Json]:
    """The inputs as they are kept, with a marker for each secret; and the secrets (decision 78)."""
    secrets = {name: inputs[name] for name in secret_names(declared) if inputs.get(name) is not None}
    return {**inputs, **dict.fromkeys(secrets, MARKER)}, secrets


def secret_text_fault(text: str) -> str | None:
    """What is wrong with the text of a secret; it is not shown."""
    if len(text) < SHORTEST_MARKED:
        return f"a secret has at least {SHORTEST_MARKED} characters: shorter ones could not be told from other text"
    if (size := len(text.encode())) > MOST_BYTES:
        return f"it has {size:,} bytes, {MOST_BYTES:,} is the most"
    return None


def _is_required(declared: Json, name: str) -> bool:
    return bool(declared.get(name, {}).get("required"))
