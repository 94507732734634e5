"""The database of one run. It is opened once, its tables are listed once, and if it cannot be reached it is not tried
again.
"""

from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from typing import cast

import pyarrow as pa

from vai_common.errors import ErrorCode, Permanent, RunError
from vai_extract_worker.files.folders import LocalShelf, shelf_of
from vai_extract_worker.source import Means
from vai_records.definitions.dlt_extract import SqlDatabase
from vai_worker.sql import faults
from vai_worker.sql.behind import database_behind
from vai_worker.sql.relations import Column, Database, Relation
from vai_worker.sql.texts import Typing


class Session:
    """One transaction at a time. If a connection fails, no other one is tried in the same attempt."""

    def __init__(self, definition: SqlDatabase, means: Means) -> None:
        self.means = means
        self._typing = Typing(definition.unusual_dates)
        self.database = _database(definition, means, self._typing)
        self._relations: dict[str | None, list[Relation]] = {}
        self._refusal: RunError | None = None

    def relations(self, schema: str | None) -> list[Relation]:
        """All tables of a schema, as they were when the attempt first asked."""
        if schema not in self._relations:
            self._relations[schema] = self.database.relations(schema)
        return self._relations[schema]

    def open(self) -> None:
        """Begin a transaction. If an earlier connection failed, it raises that error again."""
        if self._refusal is not None:
            raise self._refusal
        try:
            self.database.begin()
        except RunError as error:
            self._refusal = error
            raise

    def begin(self, schema: str | None, name: str) -> Relation:
        """Begin the transaction in which a table is read. Raises `Gone` if the table does not exist."""
        self.open()
        self._typing.nulled = Counter()
        if schema not in self._relations:
            self.relations(schema)
            self.open()
        found = self._named(schema, name)
        self.database.hold(found)
        described = self.database.described(found)
        if not described.columns:
            del self._relations[schema]
            found = self._named(schema, name)
            text = f"{found.shown} has no columns, so that there is nothing to extract."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"table": found.shown})
        return described

    def _named(self, schema: str | None, name: str) -> Relation:
        found = self.relations(schema)
        relation = next((one for one in found if one.name == name), None)
        if relation is None:
            names = [one.name for one in found]
            near = [one for one in names if one.lower() == name.lower()] or get_close_matches(name, names, 3)
            raise faults.gone(f"{schema}.{name}" if schema else name, near)
        return relation

    def empty(self, columns: Sequence[Column]) -> pa.Table:
        """A page without rows, with these columns."""
        none = pa.array([], pa.string())
        typed = [self._typing.typed(none, column) for column in columns]
        return pa.table(typed, [column.name for column in columns])

    def nulled(self) -> dict[str, int]:
        """How many unusual dates of the table became null, by column."""
        return self._typing.nulled

    def close(self) -> None:
        self.database.close()


def _database(definition: SqlDatabase, means: Means, typing: Typing) -> Database:
    if definition.path is not None:
        from vai_extract_worker.sql.sqlite import Sqlite

        return Sqlite(_file(definition.path, means), definition.path, means.link.check)
    return database_behind(
        means.job.connection, means.policy, typing, means.link.check, definition.read_timeout_seconds
    )


def _file(path: str, means: Means) -> str:
    """The path of the one file that a glob names. Raises `Permanent` if there is none, or several."""
    if path.startswith("s3://"):
        text = "A SQLite file is read in place, so it cannot be of a bucket: put it under the folder of files."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "path"})
    shelf = cast(LocalShelf, shelf_of(path, means))
    found = list(shelf.files(path))
    if len(found) != 1:
        text = f"{path} names {len(found):,} files; it has to be one SQLite file under the folder of files."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "path", "path": path})
    return str(shelf.place(found[0]))
