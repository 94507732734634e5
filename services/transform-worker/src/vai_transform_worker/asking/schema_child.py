"""Describes tables of the lake, or of a connection's database, in the child process (rule 12): columns, share of NULLs,
samples, likely keys and joins.

Of a large table only a part is read, and the result says so. Each table is read once for all its columns. A column that
seems to have personal data or secrets shows none of its values.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import duckdb

from vai_common.errors import ErrorCode, Permanent
from vai_records.definitions.explain_schema import ExplainSchema
from vai_transform_worker.asking import views
from vai_transform_worker.asking.database_tables import of_database
from vai_transform_worker.asking.joins import Side, likely_joins
from vai_transform_worker.asking.meanings import put_into
from vai_transform_worker.asking.seen_tables import Seen, has_time
from vai_transform_worker.asking.sensitive import masked_as, may_show
from vai_transform_worker.failures import query_failure
from vai_transform_worker.interruption import Watch
from vai_transform_worker.query import engine
from vai_worker.children.job import Job
from vai_worker.children.link import Link
from vai_worker.lake.places import Lake
from vai_worker.reading.quoting import quoted
from vai_worker.reading.sources import Source

MOST_COLUMNS = 300
"""How many columns of one table are described. The others have only a name and a type."""

_LONGEST = 200
_LOOKED_AT = 50
_AT_ONCE = 40  # columns in one query
_ORDERED = {
    *("boolean", "tinyint", "smallint", "integer", "bigint", "hugeint", "utinyint", "usmallint", "uinteger", "ubigint"),
    *("float", "double", "decimal", "varchar", "date", "time", "timestamp", "timestamp with time zone", "uuid"),
}

Json = dict[str, Any]


@dataclass
class _Looked:
    told: Json
    sides: list[Side] = field(default_factory=list)


def explain(job: Job, link: Link) -> Json:
    """The entry of `explain_schema`: returns the run's result."""
    definition = ExplainSchema.model_validate(job.definition)
    memory_mb, spill_mb = job.prepared["memory_mb"], job.prepared["spill_mb"]
    with Watch(link, job.prepared["seconds"]) as watch, engine.opened(memory_mb, spill_mb) as connection:
        watch.interrupts(connection.interrupt)
        try:
            of = _of_lake if job.connection is None else of_database
            left: list[str] = []
            tables = [_looked(connection, definition, seen) for seen in of(job, connection, watch, definition, left)]
            joins = likely_joins(connection, [side for each in tables for side in each.sides])
        except (duckdb.Error, UnicodeDecodeError) as error:
            watch.check()
            raise query_failure(error, memory_mb, spill_mb, "", rows_read=True) from error
        finally:
            watch.interrupts(None)
    told = [each.told for each in tables]
    found = {"joins": joins, "left_out": left}
    if not (job.prepared["asks"] and told):
        return {"tables": told, **found, "inferred": False}
    said = link.ask("meanings", {"tables": told, "joins": joins})
    meanings = said.pop("meanings")
    if meanings is not None:
        put_into(told, meanings)
    return {"tables": told, **found, "inferred": meanings is not None, **said}


def _of_lake(
    job: Job, connection: duckdb.DuckDBPyConnection, watch: Watch, definition: ExplainSchema, left: list[str]
) -> Iterator[Seen]:
    """The tables that were prepared; `left` gets the names of those that are not described."""
    sources = [Source(**each) for each in job.prepared["sources"]]
    about = {each["dataset"]: each for each in job.prepared["about"]}
    views.expose(connection, Lake(job.lake_url, job.org_id), [each for each in sources if not each.is_blank])
    for each in sources:
        if each.is_blank:
            watch.warn("table_is_empty", f"{each.dataset} has no rows and no columns yet", {"dataset": each.dataset})
        if each.is_blank or not has_time(watch, job, left):
            left.append(each.dataset)
            continue
        row = connection.execute(f"SELECT count(*) FROM {each.view}").fetchone()
        rows = int(row[0]) if row else 0
        seen = min(rows, definition.sample_rows)
        # the first rows: a random sample would have to read all rows
        view = f"(SELECT * FROM {each.view} LIMIT {seen:d})" if rows > seen else each.view
        yield Seen(each.dataset, view, each.view, rows, seen, rows > seen, about[each.dataset])
        watch.check()
    left += job.prepared["left_out"]


def _looked(connection: duckdb.DuckDBPyConnection, definition: ExplainSchema, table: Seen) -> _Looked:
    relation = connection.sql(f"FROM {table.view}")
    typed = list(zip(relation.columns, relation.types, strict=True))
    columns, sides = [], []
    for at in range(0, min(len(typed), MOST_COLUMNS), _AT_ONCE):
        part = typed[at : min(at + _AT_ONCE, MOST_COLUMNS)]
        found = connection.execute(f"SELECT {', '.join(_figures(n, k) for n, k in part)} FROM {table.view}").fetchone()
        assert found is not None
        for place, (name, kind) in enumerate(part):
            figures = found[4 * place : 4 * place + 4]
            called, of_type = table.called.get(name, name), table.types.get(name, str(kind).replace('"', ""))
            described: Json = {"name": called, "type": of_type}
            described |= _column(connection, table.view, definition, (name, called, kind), (table.seen, figures))
            columns.append(described)
            different, is_key = described["distinct"], described["likely_key"]
            sides.append(Side(table.name, table.whole, name, called, kind.id, different, table.seen, is_key))
    columns += [
        {"name": table.called.get(name, name), "type": table.types.get(name, str(kind))}
        for name, kind in typed[MOST_COLUMNS:]
    ]
    keys = [each["name"] for each in columns if each.get("likely_key")]
    told = {"dataset": table.name, "rows": table.rows, "sampled": table.is_sampled, "rows_looked_at": table.seen,
            "columns": columns, "likely_keys": keys}  # fmt: skip
    return _Looked(table.more | told, sides)


def _figures(name: str, kind: Any) -> str:
    """SQL for: rows that are not NULL, different values, least and greatest value. As text, since JSON lacks most
    types.
    """
    one = quoted(name)
    ends = [f"left({end}({one})::VARCHAR, {_LONGEST})" if kind.id in _ORDERED else "NULL" for end in ("min", "max")]
    return f"count({one}), approx_count_distinct({one}), {', '.join(ends)}"


def _column(
    connection: duckdb.DuckDBPyConnection,
    view: str,
    definition: ExplainSchema,
    column: tuple[str, str, Any],
    found: tuple[int, tuple[Any, ...]],
) -> Json:
    """What is told of it; it is judged by the name by which it is `called`."""
    (name, called, kind), (seen, (there, different, least, greatest)) = column, found
    different = min(different, there)
    is_key = bool(seen) and there == seen and different > 0.9 * seen and kind.id in _ORDERED and kind.id not in (
        "float", "double", "boolean",
    )  # fmt: skip
    if is_key:  # the number was an estimate
        row = connection.execute(f"SELECT count(DISTINCT {quoted(name)}) FROM {view}").fetchone()
        different = int(row[0]) if row else different
        is_key = different == seen
    values = _values(connection, view, name)
    hidden = masked_as(called, values)
    told: Json = {
        "null_share": _share(seen - there, seen),
        "distinct": different,
        "distinct_share": _share(different, there),
        "min": None if hidden or not may_show(least) else least,
        "max": None if hidden or not may_show(greatest) else greatest,
        "samples": [] if hidden else [value for value in values if may_show(value)][: definition.samples],
        "masked": hidden,
        "likely_key": is_key,
    }
    return told


def _values(connection: duckdb.DuckDBPyConnection, view: str, name: str) -> list[str]:
    """A few different values, from the first rows only."""
    one = quoted(name)
    rows = connection.execute(
        f"""SELECT DISTINCT left({one}::VARCHAR, {_LONGEST}) AS value
            FROM (SELECT {one} FROM {view} WHERE {one} IS NOT NULL LIMIT 1000) LIMIT {_LOOKED_AT}"""
    ).fetchall()
    return sorted(str(value) for (value,) in rows)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def nothing_there() -> Permanent:
    """The result if there are no tables at all."""
    return Permanent(ErrorCode.DATA_ERROR, "There are no tables yet: run an extraction or a transform first.")
