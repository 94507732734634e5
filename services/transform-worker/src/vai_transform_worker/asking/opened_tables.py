"""Tables of the lake, open for queries that were judged: in the child process (rule 12)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from vai_common.errors import RunError
from vai_transform_worker.asking import views
from vai_transform_worker.failures import about_text, query_failure
from vai_transform_worker.interruption import Watch
from vai_transform_worker.query import engine
from vai_worker.children.job import Job
from vai_worker.lake.places import Lake
from vai_worker.reading import looking, united_files
from vai_worker.reading.sources import Source


@dataclass(frozen=True)
class Limits:
    """What a query may use, in MB: memory, and disk."""

    memory_mb: int
    spill_mb: int


@contextmanager
def opened(job: Job, watch: Watch, sources: Sequence[Source], limits: Limits) -> "Iterator[Tables]":
    """A sealed connection on which these tables, and nothing else, can be read."""
    with engine.opened(limits.memory_mb, limits.spill_mb) as connection:
        watch.interrupts(connection.interrupt)
        try:
            tables = Tables(connection, watch, limits)
            tables.expose(Lake(job.lake_url, job.org_id), sources)
            yield tables
        finally:
            watch.interrupts(None)


class Tables:
    """Answers queries. Its errors are those of the run."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, watch: Watch, limits: Limits) -> None:
        self._connection, self._watch, self._limits = connection, watch, limits
        self._as_text: Sequence[engine.AsText] = ()

    def expose(self, lake: Lake, sources: Sequence[Source]) -> None:
        """Make the views, and seal the connection."""
        with self._translated("", lambda: False):
            self._as_text = views.expose(self._connection, lake, sources)
            for each in self._as_text:
                self._watch.warn("column_read_as_text", united_files.told(*each), each._asdict())

    def rows(self, sql: str, most: int) -> dict[str, Any]:
        """The first rows of a query that `safety` has judged, and the number of all rows."""
        is_bound = False
        with self._translated(sql, lambda: is_bound):
            self._connection.sql(f"FROM ({sql}\n) AS found")  # from here on errors may quote values of rows
            is_bound = True
            return self._rows(f"({sql}\n) AS found", most)

    def _rows(self, relation: str, most: int) -> dict[str, Any]:
        found = looking.first_rows(self._connection, relation, most)
        total = len(found["rows"])
        if found["cut"] or total == most:
            row = self._connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
            total = row[0] if row else total
        return {
            "columns": found["columns"],
            "rows": found["rows"],
            "row_count": len(found["rows"]),
            "total_rows": total,
            "truncated": total > len(found["rows"]),
        }

    @contextmanager
    def _translated(self, sql: str, has_read: Callable[[], bool]) -> Iterator[None]:
        try:
            yield
        except RunError as error:
            raise about_text(error, self._as_text) from error.__cause__
        except (duckdb.Error, UnicodeDecodeError) as error:
            self._watch.check()  # interrupted: `check` knows the reason
            limits = self._limits
            failure = query_failure(error, limits.memory_mb, limits.spill_mb, sql, rows_read=has_read())
            raise about_text(failure, self._as_text) from error
