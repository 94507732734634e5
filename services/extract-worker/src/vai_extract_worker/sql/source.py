"""The source `sql_database`: tables and views of Postgres, MySQL, MariaDB or a SQLite file."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import cast

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.source import Means, Table
from vai_extract_worker.sql.opened_database import Session
from vai_extract_worker.sql.table import SqlTable
from vai_extract_worker.values.columns import free_name
from vai_records.definitions.dlt_extract import DltExtract, SqlDatabase
from vai_records.definitions.sources.resources import MOST_RESOURCES, table_name
from vai_records.definitions.sources.sql_resources import SqlResource
from vai_worker.sql.relations import Relation

_LARGE = 1 << 62


class SqlSource:
    """The resources that the definition names, or all tables of a schema, the smallest first."""

    def __init__(self, definition: DltExtract, means: Means) -> None:
        self._definition = cast(SqlDatabase, definition)
        self._session = Session(self._definition, means)

    def close(self) -> None:
        self._session.close()

    def tables(self) -> list[Table]:
        given = self._definition.resources
        wanted = given if given is not None else self._found()
        return [SqlTable(self._session, self._definition, resource) for resource in wanted]

    def _found(self) -> list[SqlResource]:
        definition = self._definition
        self._session.open()
        there = self._session.relations(definition.schema_)
        wanted = [one for one in there if self._is_wanted(one)]
        self._session.database.end()
        where = f"{self._session.database.place}, schema {definition.schema_ or 'of the user'}"
        if not wanted:
            text = (
                f"There is nothing to extract at {where}: it shows {len(there):,} tables and views, of which none is "
            )
            text += "wanted. Check the schema, the user's rights, exclude and include_views."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "schema"})
        if len(wanted) > MOST_RESOURCES:
            text = f"There are {len(wanted):,} tables at {where}, {MOST_RESOURCES:,} are possible in one definition: "
            raise Permanent(ErrorCode.DATA_ERROR, text + "exclude some, or name resources.", {"field": "resources"})
        return list(_resources(sorted(wanted, key=_weight)))

    def _is_wanted(self, relation: Relation) -> bool:
        if relation.is_view and not self._definition.include_views:
            return False
        return not any(fnmatchcase(relation.name, pattern) for pattern in self._definition.exclude)


def _weight(relation: Relation) -> tuple[bool, int, int, str]:
    return (relation.is_view, _LARGE if relation.size is None else relation.size, relation.rows or 0, relation.name)


def _resources(relations: list[Relation]) -> Iterator[SqlResource]:
    """Give each resource its own table: names that differ only in case or in signs get a number."""
    taken: set[str] = set()
    spelled = {one.name: free_name(table_name(one.name), taken) for one in sorted(relations, key=lambda one: one.name)}
    for one in relations:
        name = spelled[one.name]
        yield SqlResource(name=one.name) if name == table_name(one.name) else SqlResource(name=one.name, table=name)
