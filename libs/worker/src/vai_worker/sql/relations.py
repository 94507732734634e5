"""The interface of a database: its tables and views with columns and keys, and the questions that are asked of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Protocol

import pyarrow as pa


class Form(Enum):
    """The type that a column's texts get in bronze."""

    BOOL = "bool"
    WHOLE = "whole"
    UNSIGNED = "unsigned"
    SINGLE = "single"
    DOUBLE = "double"
    DECIMAL = "decimal"
    NUMBER = "number"
    """A decimal without a declared scale. Each page uses as many digits as it needs."""
    DATE = "date"
    LOCAL = "local"
    """Date and time without a zone."""
    INSTANT = "instant"
    TEXT = "text"
    HEX = "hex"
    BINARY = "binary"
    STORED = "stored"
    """As it is stored: for SQLite, in which each value has its own type."""


IN_TIME = (Form.DATE, Form.LOCAL, Form.INSTANT)


@dataclass(frozen=True)
class Column:
    """`kind` is the database's own type, to which literals are cast. `read` is the SQL expression that is selected.

    `sorts`: slices may be cut by this column, and it may be a cursor.
    """

    name: str
    kind: str
    form: Form
    read: str
    nullable: bool = True
    precision: int = 0
    scale: int = 0
    sorts: bool = True


@dataclass(frozen=True)
class Relation:
    """A table or a view. `size` (bytes) and `rows` are the database's estimates. None: it has none.

    `key`: the columns that identify a row. For a SQLite table without a key it is the rowid.
    """

    schema: str
    name: str
    is_view: bool = False
    size: int | None = None
    rows: int | None = None
    columns: tuple[Column, ...] = ()
    key: tuple[Column, ...] = ()
    hides_rows: bool = False
    locks: bool = False
    """Whether it can be locked, so that nobody rewrites it."""

    @property
    def shown(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name

    def column(self, name: str) -> Column | None:
        return next((one for one in (*self.columns, *self.key) if one.name == name), None)


@dataclass(frozen=True)
class Question:
    """A question for rows of a relation. `where` and `marked` are SQL conditions ("": none). Rows that fulfil `marked`
    come with a text of the whole row.
    """

    relation: Relation
    columns: tuple[Column, ...]
    where: str = ""
    marked: str = ""
    limit: int | None = None

    @property
    def told_by(self) -> tuple[Column, ...]:
        """What tells a row from another one: what is asked of it, and its key; without a key all that it has."""
        others = tuple(one for one in self.relation.key if one in self.relation.columns) or self.relation.columns
        return (*self.columns, *(one for one in others if one not in self.columns))


@dataclass(frozen=True)
class Answer:
    """Rows in order of arrival. `marks` has the text of each marked row, null for the others."""

    table: pa.Table
    received: int
    marks: "pa.Array | pa.ChunkedArray | None" = None


class Database(Protocol):
    """One database, with at most one read-only transaction at a time. A transaction sees the database at one moment.

    All methods raise `Retryable` or `Permanent`. SQL that is passed in must be made with `name` and `literal` only.
    """

    place: str

    def relations(self, schema: str | None) -> list[Relation]:
        """All tables and views of a schema (None: the user's own schema), without their columns."""

    def hold(self, relation: Relation) -> None:
        """Prevent others from rewriting the table until the transaction ends. Call it first in a transaction."""

    def described(self, relation: Relation) -> Relation:
        """The relation with columns and key. Without columns if it no longer exists."""

    def begin(self) -> None:
        """Begin a transaction. Connect if there is no connection."""

    def end(self) -> None:
        """End the transaction, whatever has happened in it."""

    def name(self, name: str) -> str:
        """A quoted name."""

    def literal(self, value: str, column: Column) -> str:
        """An SQL literal for a column's value that came from `text`."""

    def text(self, expression: str, column: Column) -> str:
        """An SQL expression for a column's value as a text that `literal` takes."""

    def given(self, value: str | int | float | Decimal) -> str:
        """A value from a definition, in the form that `literal` takes."""

    def plain(self, value: str) -> str | int | float:
        """A text from `text` as a value with which one can calculate."""

    def soon(self, column: Column) -> str | None:
        """An SQL expression for the time a day from now, in the column's type. None if the column is no time."""

    def fetch(self, sql: str) -> list[tuple[str | None, ...]]:
        """The rows of a small answer, as texts."""

    def pages(self, question: Question) -> Iterator[Answer]:
        """The rows of a question, in pages of a few megabytes."""

    def close(self) -> None:
        """Close the connection."""


def from_clause(database: Database, relation: Relation) -> str:
    where = f"{database.name(relation.schema)}." if relation.schema else ""
    return where + database.name(relation.name)
