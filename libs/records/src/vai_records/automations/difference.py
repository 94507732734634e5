"""What is different in another version of an automation, place by place, as people read it."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Literal, NamedTuple

from vai_records.validation.masking import MARKER

Json = dict[str, Any]
Place = tuple[str | int, ...]
Sort = Literal["added", "removed", "changed"]

MOST = 1_000
"""Changes that are told; two versions that have nothing in common have no more to say."""

_MISSING = object()


class Change(NamedTuple):
    """One place that is different; a step is named by its key, an input by its name. None stands for nothing there."""

    place: Place
    sort: Sort
    before: Any
    after: Any

    def as_json(self) -> Json:
        return {"place": list(self.place), "change": self.sort, "before": self.before, "after": self.after}


def difference(old: Json, new: Json, old_secrets: Json | None, new_secrets: Json | None) -> list[Change]:
    """All changes from `old` to `new`, two definitions as they are stored; the first `MOST`.

    Of write-only values ({step key: values}) only the places that have another value are told, and never a value.
    """
    found = _differs((), _by_name(old), _by_name(new))
    secret = _differs(("steps",), old_secrets or {}, new_secrets or {})
    return list(islice(_both(found, secret), MOST))


def _both(found: Iterator[Change], secret: Iterator[Change]) -> Iterator[Change]:
    """A secret that has come or gone shows in the definition already, as its marker."""
    told = []
    for change in found:
        told.append(change.place)
        yield change
    for change in secret:
        if not any(change.place[: len(place)] == place for place in told):
            yield Change(change.place, "changed", MARKER, MARKER)


def _by_name(definition: Json) -> Json:
    """The steps by their keys, their order beside them, so that a step that only moved is not told as another."""
    steps = {step["key"]: _plain(step) for step in definition["steps"]}
    return {**definition, "steps": steps, "order of steps": list(steps)}


def _plain(step: Json) -> Json:
    waits = [
        one["step"] if not one["ports"] else {"step": one["step"], "ports": one["ports"]} for one in step["depends_on"]
    ]
    return {name: value for name, value in step.items() if name != "key"} | {"depends_on": waits}


def _differs(place: Place, old: Any, new: Any) -> Iterator[Change]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _differs((*place, key), old.get(key, _MISSING), new.get(key, _MISSING))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new) and place != ("order of steps",):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differs((*place, index), one, other)
    elif old is _MISSING:
        yield Change(place, "added", None, new)
    elif new is _MISSING:
        yield Change(place, "removed", old, None)
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield Change(place, "changed", old, new)
