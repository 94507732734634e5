"""Compares files with the platform: what has to be made, what changed, and carries it out."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import typer

from vai.errors import Conflict, Invalid, NotFound, VaiError
from vai.models.answers import Json

from .defaults import Defaults, in_short, is_nothing, same
from .documents import FROM_ENV, KEPT, Document, filled, is_from_env
from .sorts import SORTS, NoConnection, Platform, There

Operation = Literal["create", "update", "keep"]


@dataclass(frozen=True)
class Step:
    """What a document means: its object is made, changed in these places, or left as it is."""

    document: Document
    operation: Operation
    changes: tuple[str, ...] = ()
    there: There | None = None

    def to_json(self) -> Json:
        of = {"type": self.document.type, "slug": self.document.slug, "file": self.document.place}
        return of | {"operation": self.operation, "changes": list(self.changes)}


def planned(platform: Platform, documents: Iterable[Document], secrets: bool) -> list[Step]:
    """A step for each document, in the order in which they are carried out. With `secrets` all secrets are sent again.

    What a file does not name stays as it is. Raises BadParameter for what cannot be changed.
    """
    order = list(SORTS)
    defaults = Defaults(platform.client)
    return [
        _step(platform, each, secrets, defaults) for each in sorted(documents, key=lambda each: order.index(each.type))
    ]


def missing(steps: Iterable[Step], environment: Mapping[str, str]) -> list[str]:
    """The environment variables that what has to be sent needs, and that are not set, or empty: an empty
    secret is one that a pipeline forgot.
    """
    sent = (each for each in steps if each.operation != "keep")
    return sorted({name for each in sent for name in each.document.variables() if not environment.get(name)})


def _step(platform: Platform, document: Document, secrets: bool, defaults: Defaults) -> Step:
    sort = SORTS[document.type]
    there = sort.find(platform, document.slug)
    if unknown := list(_unknown_secrets(document.body, there.body if there else None, "")):
        raise _stuck(document, f"{', '.join(unknown)}: no secret is stored; put {{{FROM_ENV}: NAME}} in its place")
    if there is None:
        return Step(document, "create")
    changes = tuple(
        place
        for name, wanted in document.body.items()
        for place in _differences_of(wanted, there.body.get(name), name, None if sort.named else defaults)
    )
    for name in sorted(sort.fixed.intersection(changes)):
        before, after = there.body.get(name), document.body[name]
        raise _stuck(
            document, f"{name} is {before!r} and cannot become {after!r}; take another slug, or delete it first"
        )
    if secrets:
        changes += tuple(place for place in _secret_places(document.body, "") if place not in changes)
    return Step(document, "update" if changes else "keep", changes, there)


def _differences_of(wanted: Any, there: Any, place: str, defaults: Defaults | None) -> Iterator[str]:
    """Without `defaults` a value is taken as it is, unless it comes from the environment or is kept."""
    if defaults is not None:
        yield from differences(wanted, there, place, defaults)
    elif there == KEPT and (wanted == KEPT or is_from_env(wanted)):
        return
    elif not same(os.environ.get(wanted[FROM_ENV]) if is_from_env(wanted) else wanted, there):
        yield place


def _stuck(document: Document, why: str) -> typer.BadParameter:
    return typer.BadParameter(f"nothing was changed: {document.place}: {document.label}: {why}", param_hint="-f")


def differences(wanted: Any, there: Any, place: str, defaults: Defaults) -> Iterator[str]:
    """The places in which they differ. What the platform has filled in is no difference, and a secret that is stored
    is taken as equal to one from the environment, as the API shows neither.
    """
    if there == KEPT and (wanted == KEPT or any(_secret_places(wanted, place))):
        return
    if is_from_env(wanted):
        if os.environ.get(wanted[FROM_ENV]) != there:
            yield place
    elif isinstance(wanted, dict) and isinstance(there, dict):
        for name in dict.fromkeys([*wanted, *there]):
            if name in wanted or not defaults.has(name, there[name]):
                yield from differences(wanted.get(name), there.get(name), f"{place}.{name}", defaults)
    elif isinstance(wanted, list) and isinstance(there, list) and len(wanted) == len(there):
        for number, (one, other) in enumerate(zip(wanted, there, strict=True)):
            yield from differences(one, other, f"{place}[{number}]", defaults)
    elif isinstance(there, dict) and in_short(wanted, there):
        return
    elif not (is_nothing(wanted) and is_nothing(there)) and not same(wanted, there):
        yield place


def _unknown_secrets(wanted: Any, there: Any, place: str) -> Iterator[str]:
    """Where a file says of a secret that it stays as it is, and there is none."""
    if wanted == KEPT:
        if there != KEPT:
            yield place
    elif isinstance(wanted, dict):
        for name, inner in wanted.items():
            known = there.get(name) if isinstance(there, dict) else None
            yield from _unknown_secrets(inner, known, f"{place}.{name}".removeprefix("."))
    elif isinstance(wanted, list):
        for number, inner in enumerate(wanted):
            known = there[number] if isinstance(there, list) and number < len(there) else None
            yield from _unknown_secrets(inner, known, f"{place}[{number}]")


def _secret_places(value: Any, place: str) -> Iterator[str]:
    if is_from_env(value):
        yield place
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _secret_places(inner, f"{place}.{name}".removeprefix("."))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _secret_places(inner, f"{place}[{number}]")


@dataclass(frozen=True)
class Failed:
    """A step that the platform has refused."""

    step: Step
    error: VaiError


def carried_out(platform: Platform, steps: Iterable[Step], environment: Mapping[str, str]) -> Iterator[Step | Failed]:
    """Each step when it is done. One that is refused is tried again after the others: they may be what it names."""
    left = [each for each in steps if each.operation != "keep"]
    while left:
        refused: list[Failed] = []
        for step in left:
            try:
                _carry_out(platform, step, environment)
            except (Invalid, NotFound, Conflict, NoConnection) as error:
                refused.append(Failed(step, error))
            else:
                yield step
        if len(refused) == len(left):
            yield from refused
            return
        left = [each.step for each in refused]


def _carry_out(platform: Platform, step: Step, environment: Mapping[str, str]) -> None:
    document, sort = step.document, SORTS[step.document.type]
    if step.there is None:
        sort.create(platform, document.slug, filled(document.body, environment))
        return
    names = {place.partition(".")[0].partition("[")[0] for place in step.changes}
    sort.update(platform, step.there, filled({name: document.body[name] for name in names}, environment))
