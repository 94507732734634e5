"""Chooses between two forms of an answer by the `Accept` header (RFC 9110, 12.5.1)."""

import re

_WEIGHT = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def prefers(accept: str, form: str, usual: str) -> bool:
    """Whether it names this form, and not the usual one before it: with a higher weight, or earlier with the same one.

    A range such as `*/*` names neither: then the answer has the usual form.
    """
    named = {name: (-weight, place) for place, (name, weight) in enumerate(_named(accept)) if weight > 0}
    return form in named and (usual not in named or named[form] < named[usual])


def _named(accept: str) -> list[tuple[str, float]]:
    """The names and their weights, in the order of the header. A missing or unreadable weight is 1."""
    found = []
    for one in accept.lower().split(","):
        name, *parameters = (part.strip() for part in one.split(";"))
        weights = [float(weight[1]) for part in parameters if (weight := _WEIGHT.fullmatch(part))]
        found.append((name, weights[0] if weights else 1.0))
    return found
