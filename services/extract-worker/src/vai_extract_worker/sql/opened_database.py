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
from vai_extract_worker.sql import faults
from vai_extract_worker.sql.relations import Column, Database, Relation
from vai_extract_worker.sql.texts import Typing
from vai_records.connections.credentials import split_address
from vai_records.connections.databases import MYSQL, POSTGRES, database_of
from vai_records.connections.databases import Database as Place
from vai_records.definitions.dlt_extract import SqlDatabase


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
    place, seconds = _place(means), definition.read_timeout_seconds
    if place.kind in MYSQL:
        from vai_extract_worker.sql.mysql import Mysql

        return Mysql(place, means.policy, typing, means.link.check, seconds)
    from vai_extract_worker.sql.postgres import Postgres

    return Postgres(place, means.policy, typing, means.link.check, seconds)


def _place(means: Means) -> Place:
    connection = means.job.connection
    if connection is None:
        text = "sql_database needs a connection (Postgres, MySQL, MariaDB), or the path of a SQLite file."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "connection"})
    address = split_address(connection.config.get("url") or connection.config.get("base_url"))
    place = database_of(connection.provider, connection.config, connection.credentials, address)
    if place is None or place.kind not in (POSTGRES | MYSQL) - {"redshift"}:
        text = (
            f"The connection {connection.slug} leads to no Postgres, MySQL or MariaDB. Give it the provider postgres "
        )
        text += "or mysql with config.host and config.database, or a config.url such as postgresql://host:5432/name."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "connection"})
    if not place.user:
        text = f"The connection {connection.slug} has no user: store username and password as its credentials."
        raise Permanent(ErrorCode.AUTH_ERROR, text, {"field": "connection"})
    return place


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
