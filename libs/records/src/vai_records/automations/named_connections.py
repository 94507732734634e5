"""Connections that steps name and that are not there: told when an automation is saved, since its runs would fail."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from vai_common.queries import Queries
from vai_records.automations import references
from vai_records.automations.body import Places
from vai_records.connections import connections
from vai_records.connections.connections import Unresolved
from vai_records.definitions.base import ConnectionReference
from vai_records.refused import Fault, Place
from vai_records.validation.checks import CONNECTION_KEYS

Json = dict[str, Any]

_MOST = 50
"""Connections that are looked up for one automation."""


async def missing(conn: Queries, org_id: UUID, steps: Sequence[Json], at: Places) -> list[Fault]:
    """A warning for each place that names a connection which no run would find. References are filled later."""
    places: dict[str | ConnectionReference, list[tuple[Place, str]]] = {}
    for place, step in enumerate(steps):
        for key, named in _named(step["definition"]):
            places.setdefault(named, []).append((at.definition(place, key), step["key"]))
    found: list[Fault] = []
    for named in list(places)[:_MOST]:
        try:
            await connections.resolve(conn, org_id, named)
        except Unresolved as error:
            found += [(here, f"the step {key} will fail: {error}", "unknown_connection") for here, key in places[named]]
    return found


def _named(definition: Json) -> Iterator[tuple[str, str | ConnectionReference]]:
    for key in CONNECTION_KEYS:
        given = references.without_static(definition.get(key))
        if isinstance(given, str) and not references.holds_reference(given):
            yield key, given
        elif isinstance(given, dict) and not references.holds_reference(given):
            try:
                yield key, ConnectionReference.model_validate(given)
            except ValidationError:
                continue  # told by the check of the definition
