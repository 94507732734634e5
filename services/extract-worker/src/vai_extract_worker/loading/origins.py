"""Finds definitions that fill the same table, perhaps by accident, and warns of them."""

from typing import Any, Final
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson

from vai_common.ids import NIL
from vai_extract_worker.log_texts import Entry, table_shared
from vai_extract_worker.modes import mode_of
from vai_extract_worker.values.known_rows import row_digest
from vai_records.definitions.dlt_extract import DltExtract, Filesystem, RestApi, SqlDatabase
from vai_records.definitions.sources.resources import Resource

Json = dict[str, Any]

_TELLING: Final = ("path", "method", "params", "json", "data", "data_selector")
"""What makes two resources with the same name different."""


def cursor_scope(connection_id: UUID | None, action_id: UUID | None, definition: DltExtract) -> UUID:
    """To what the cursors belong: the connection, else the action, else the address."""
    if own := connection_id or action_id:
        return own
    if isinstance(definition, RestApi) and definition.base_url:
        return uuid5(NAMESPACE_URL, definition.base_url.rstrip("/"))
    if isinstance(definition, SqlDatabase) and definition.path:
        return uuid5(NAMESPACE_URL, f"file:{definition.path}")
    return NIL


def origin_of(definition: DltExtract, name: str, connection_id: UUID | None) -> str | None:
    """A digest of what a resource asks for, and from whom. None if that cannot be determined."""
    if isinstance(definition, RestApi):
        resource = next((one for one in definition.resources if one.name == name), None)
        if resource is None:
            return None
        given = resource.model_dump(mode="json", by_alias=True)
        told: list[Any] = [None if connection_id else _address(definition.base_url)]
        told += [given.get(field) for field in _TELLING]
        told.append(definition.model_dump(mode="json", include={"params"}))
        return row_digest(told).hex()
    if isinstance(definition, SqlDatabase):
        one = next((one for one in definition.resources or () if one.name == name), None)
        schema = (one and one.schema_) or definition.schema_
        return row_digest([definition.path, schema, one.relation if one else name]).hex()
    if isinstance(definition, Filesystem):
        paths = [one.path for one in definition.resources or () if one.name == name]
        return row_digest(paths or definition.path).hex()
    return None


def strangers(
    definition: DltExtract, tables: dict[str, Json], connection_id: UUID | None, action_id: UUID | None
) -> list[Entry]:
    """The warnings. `tables` are the tables of the source: {table: {filled_by: {resource: {of, action}}}}."""
    given: list[Resource] = [one for one in definition.resources or () if isinstance(one, Resource)]
    if definition.limit_rows is not None:
        return []
    entries = []
    for resource in given:
        mine = {one.name for one in given if one.table_name == resource.table_name}
        for name, who in tables.get(resource.table_name, {}).get("filled_by", {}).items():
            if name == resource.name:
                why = _difference(who, origin_of(definition, name, connection_id), connection_id, action_id)
            else:
                why = None if name in mine else f"by the resource {name}"
            if why:
                table = f"bronze.{definition.bronze_source}.{resource.table_name}"
                entries.append(table_shared(resource.name, table, why, mode_of(definition, resource).replaces))
    return entries


def _difference(who: Json, origin: str | None, connection_id: UUID | None, action_id: UUID | None) -> str | None:
    if who["of"] != origin:
        return "by a definition that asked for something else (another address, path or params)"
    if connection_id is None and who["action"] != (str(action_id) if action_id else None):
        return "by another action"
    return None


def _address(base_url: str | None) -> str:
    parts = urlsplit(base_url or "")
    return orjson.dumps([parts.hostname, parts.port, parts.path.rstrip("/")]).decode()
