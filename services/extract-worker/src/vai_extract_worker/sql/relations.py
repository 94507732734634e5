"""What a database has: tables, views, their columns and keys; and what is asked of one of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Protocol

import pyarrow as pa


class Form(Enum):
    """What a column's texts become in bronze."""

    BOOL = "bool"
    WHOLE = "whole"
    UNSIGNED = "unsigned"
    SINGLE = "single"
    DOUBLE = "double"
    DECIMAL = "decimal"
    NUMBER = "number"
    """A decimal of no declared scale: each page finds the digits that it needs."""
    DATE = "date"
    LOCAL = "local"
    """Date and time without a zone."""
    INSTANT = "instant"
    TEXT = "text"
    HEX = "hex"
    BINARY = "binary"
    STORED = "stored"
    """As it is stored: SQLite, where each value has a type of its own."""


IN_TIME = (Form.DATE, Form.LOCAL, Form.INSTANT)


@dataclass(frozen=True)
class Column:
    """`kind` is the database's own type, which a literal is cast to; `read` the expression that is selected.

    `sorts`: slices may be cut by it, and a cursor may be of it.
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
    """A table or a view. `size` in bytes and `rows` are what the database guesses; None: it does not say.

    `key`: the columns that tell its rows apart; of a SQLite table without one it is the rowid.
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
    """Whether it can be locked so that nobody rewrites it."""

    @property
    def shown(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name

    def column(self, name: str) -> Column | None:
        return next((one for one in (*self.columns, *self.key) if one.name == name), None)


@dataclass(frozen=True)
class Question:
    """Rows of a relation. `where` and `marked` are conditions in SQL, "" is none: rows that fulfil `marked` come with a
    text that stands for the whole row."""

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
    """Rows in order of arrival; `marks` has the text of each marked row, null of the others."""

    table: pa.Table
    received: int
    marks: "pa.Array | pa.ChunkedArray | None" = None


class Database(Protocol):
    """One database, in at most one read-only transaction at a time, which sees one moment of it.

    All methods raise `Retryable` or `Permanent`. SQL that comes in is made of `name` and `literal` alone.
    """

    place: str

    def relations(self, schema: str | None) -> list[Relation]:
        """All tables and views of a schema (None: the user's own), without their columns."""

    def hold(self, relation: Relation) -> None:
        """Keep others from rewriting it until the transaction ends. To be called first in a transaction."""

    def described(self, relation: Relation) -> Relation:
        """With columns and key; without any where it is no longer there."""

    def begin(self) -> None:
        """Begin a transaction; connect where there is no connection."""

    def end(self) -> None:
        """End it, whatever has happened in it."""

    def name(self, name: str) -> str:
        """A quoted name."""

    def literal(self, value: str, column: Column) -> str:
        """A value of a column, as `text` tells it, in SQL."""

    def text(self, expression: str, column: Column) -> str:
        """SQL for a value of a column as text that `literal` takes."""

    def given(self, value: str | int | float | Decimal) -> str:
        """What somebody has written as a value of a column, as `literal` takes it."""

    def plain(self, value: str) -> str | int | float:
        """A value that `text` told, as one that can be reckoned with."""

    def soon(self, column: Column) -> str | None:
        """SQL for a day from now as a value of that column; None where it is no time."""

    def fetch(self, sql: str) -> list[tuple[str | None, ...]]:
        """A small answer, as text."""

    def pages(self, question: Question) -> Iterator[Answer]:
        """The rows that are asked for, in pages of some megabytes."""

    def close(self) -> None:
        """Let go of the connection."""


def from_clause(database: Database, relation: Relation) -> str:
    where = f"{database.name(relation.schema)}." if relation.schema else ""
    return where + database.name(relation.name)
