"""The new rows of a transform as its checks see them: `{{ rows }}`, beside the inputs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from vai_records.definitions.duckdb_transform import DuckdbTransform
from vai_records.definitions.sql_text import fill_placeholders, settled
from vai_records.definitions.transform_checks import ROWS
from vai_transform_worker.query import safety
from vai_worker.reading.quoting import quoted
from vai_worker.reading.sources import SCHEMA, Source

Bound = Callable[[str, list[Source], dict[str, Any]], object]
"""Binds SQL over these sources. Sources without columns get the columns that the SQL names."""


@dataclass(frozen=True)
class NewRows:
    """`without_type` are columns of the SQL that are always NULL and are not stored."""

    connection: duckdb.DuckDBPyConnection
    definition: DuckdbTransform
    sources: Mapping[str, Source]
    without_type: Sequence[str]
    bound: Bound

    @property
    def view(self) -> str:
        return f"{SCHEMA}.{quoted(ROWS)}"

    def expose(self, relation: str) -> None:
        """Make the view. If the output table does not exist yet, it gets the same columns."""
        nulls = "".join(f", CAST(NULL AS VARCHAR) AS {quoted(name)}" for name in self.without_type)
        self.connection.execute(f"CREATE OR REPLACE VIEW {self.view} AS SELECT *{nulls} FROM {relation}")
        for source in self.sources.values():
            if source.is_blank and source.is_own:
                empty = f"CREATE OR REPLACE VIEW {source.view} AS SELECT * FROM {self.view} WHERE false"
                self.connection.execute(empty)

    def judged(self, sql: str) -> str:
        """The SQL of a check, over views. Raises DATA_ERROR for SQL that is not allowed in a transform either."""
        filled = safety.without_end(fill_placeholders(settled(sql), self._named))
        tree = safety.check(filled, [*self.sources, ROWS])
        self.bound(filled, [each for each in self.sources.values() if not (each.is_blank and each.is_own)], tree)
        return filled

    def column_of(self, name: str, column: str) -> str:
        """The values of an input's column as `known`, as a relation."""
        source = self._source(name)
        if source.is_blank and not source.is_own:
            return "(SELECT NULL AS known WHERE false)"
        return f"(SELECT {quoted(column)} AS known FROM {source.view})"

    def _named(self, name: str) -> str:
        return self.view if name == ROWS else self._source(name).view

    def _source(self, name: str) -> Source:
        return self.sources[self.definition.placeholders()[name].name]
