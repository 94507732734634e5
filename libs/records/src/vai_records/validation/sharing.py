"""Saved definitions that would write one table: who saves the second is told of the first (`table_shared`).

It may be wanted, so it is a warning. The steps of one automation are taken as knowing of each other, and so are
extractions that ask the same connection for the same.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from vai_common.queries import Pool, Row
from vai_records.definitions.sources.resources import table_name
from vai_records.refused import Fault, Place
from vai_records.validation.checks import CONNECTION_KEYS

Json = dict[str, Any]

_EXTRACT, _TRANSFORM = "dlt_extract", "duckdb_transform"
_WRITES_INTO = {
    _TRANSFORM: "coalesce(d.definition ->> 'output_layer', 'silver') || '.' || (d.definition ->> 'transform_name')",
    _EXTRACT: "coalesce(d.definition ->> 'source_name', d.definition ->> 'source')",
}
_TELLING = ("path", "method", "params", "json", "data", "data_selector")
"""What makes two resources of one name different ones."""
_MOST = 20
_LARGEST = 65_536  # bytes of a definition that is looked into, without its SQL


class _Output(NamedTuple):
    """A table that a definition writes: by what it asks whom for (None: by its SQL)."""

    table: str
    asks: Any
    connection: Any


async def told(
    pool: Pool, org_id: UUID, own_id: UUID, work: tuple[str, Json, UUID | None], at: Place = ("body", "definition")
) -> list[Fault]:
    """The warnings for `work` (a kind, its definition, its connection) of the action or automation `own_id`."""
    kind, definition, connection_id = work
    wanted = list(_outputs(kind, definition, connection_id))
    if not wanted:
        return []
    names = {output.table for output in wanted} if kind == _TRANSFORM else {_source(definition)}
    others = [
        (row["whose"], output)
        for row in await _others(pool, org_id, own_id, kind, sorted(names))
        for output in _outputs(kind, row["definition"], row["connection_id"])
    ]
    where: Place = (*at, "transform_name" if kind == _TRANSFORM else "resources")
    return [
        (where, _message(output.table, whose), "table_shared")
        for output in wanted
        for whose, other in others
        if _share(output, other)
    ][:_MOST]


async def told_of_steps(
    pool: Pool, org_id: UUID, own_id: UUID, steps: Sequence[Json], at: Callable[[int], Place]
) -> list[Fault]:
    """The same for the steps of an automation, as they are stored; a step that names a saved action is that action.

    `at` says where the definition of a step was written.
    """
    found = []
    for place, step in enumerate(steps):
        if step["kind"] in _WRITES_INTO and step["action_id"] is None:
            found += await told(pool, org_id, own_id, (step["kind"], step["definition"], None), at(place))
    return found


async def _others(pool: Pool, org_id: UUID, own_id: UUID, kind: str, names: Sequence[str]) -> Sequence[Any]:
    rows: Sequence[Row] = await pool.fetch(
        f"""SELECT d.whose, d.definition - 'sql' AS definition, d.connection_id FROM (
                SELECT format('the action %s', slug) AS whose, definition, connection_id FROM actions
                WHERE org_id = $1 AND kind = $2 AND id <> $3 AND status = 'active' AND deleted_at IS NULL
                UNION ALL
                SELECT format('the step %s of the automation %s', step ->> 'key', a.slug), step -> 'definition', NULL
                FROM automations a JOIN automation_versions v ON v.id = a.version_id
                CROSS JOIN LATERAL jsonb_array_elements(v.definition -> 'steps') step
                WHERE a.org_id = $1 AND a.id <> $3 AND a.deleted_at IS NULL
                  AND step ->> 'kind' = $2 AND step ->> 'action_id' IS NULL
            ) d WHERE {_WRITES_INTO[kind]} = ANY($4) AND pg_column_size(d.definition - 'sql') < $5 LIMIT $6""",
        *(org_id, kind, own_id, names, _LARGEST, _MOST),
    )
    return rows


def _outputs(kind: str, definition: Json, connection_id: UUID | None) -> Iterator[_Output]:
    if kind == _TRANSFORM and isinstance(name := definition.get("transform_name"), str):
        yield _Output(f"{definition.get('output_layer') or 'silver'}.{name}", None, None)
    resources = definition.get("resources") if kind == _EXTRACT else None
    for given in resources if isinstance(resources, list) else ():
        resource = given if isinstance(given, dict) else {"name": given}
        if isinstance(name := resource.get("name"), str):
            table = resource.get("table") or table_name(name)
            asks = [definition.get(field) for field in ("base_url", "path", "params")]
            asks += [resource.get(field) for field in _TELLING]
            asks[3] = resource.get("path") or name  # where it names none, it is its name
            yield _Output(f"bronze.{_source(definition)}.{table}", asks, _connection(definition, connection_id))


def _share(one: _Output, other: _Output) -> bool:
    """Whether they may not know of each other. Connections have rows of their own in a table."""
    if one.table != other.table or one.connection != other.connection:
        return False
    return one.asks is None or one.connection is None or one.asks != other.asks


def _source(definition: Json) -> str:
    return str(definition.get("source_name") or definition.get("source"))


def _connection(definition: Json, connection_id: UUID | None) -> Any:
    named = next((definition[key] for key in CONNECTION_KEYS if definition.get(key) is not None), None)
    return str(connection_id) if connection_id else named


def _message(table: str, whose: str) -> str:
    return f"{table} is written by {whose}, too; if each shall keep its rows, give one of them a table of another name"
