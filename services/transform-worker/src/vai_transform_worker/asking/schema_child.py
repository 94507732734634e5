"""Describes tables of the lake, in the child process (rule 12): columns, share of NULLs, samples, likely keys and
joins.

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
from vai_transform_worker.asking.joins import Side, likely_joins
from vai_transform_worker.asking.meanings import put_into
from vai_transform_worker.asking.sensitive import masked_as
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
_IN_TIME = 0.6  # share of the run's time after which no further table is begun

Json = dict[str, Any]


@dataclass
class _Looked:
    told: Json
    view: str
    sides: list[Side] = field(default_factory=list)


def explain(job: Job, link: Link) -> Json:
    """The entry of `explain_schema`: returns the run's result."""
    definition = ExplainSchema.model_validate(job.definition)
    sources = [Source(**each) for each in job.prepared["sources"]]
    about = {each["dataset"]: each for each in job.prepared["about"]}
    memory_mb, spill_mb = job.prepared["memory_mb"], job.prepared["spill_mb"]
    with Watch(link, job.prepared["seconds"]) as watch, engine.opened(memory_mb, spill_mb) as connection:
        watch.interrupts(connection.interrupt)
        try:
            blank = [each for each in sources if each.is_blank]
            views.expose(connection, Lake(job.lake_url, job.org_id), [each for each in sources if not each.is_blank])
            tables = list(_tables(connection, watch, definition, sources, job.prepared["seconds"]))
            joins = likely_joins(connection, [side for each in tables for side in each.sides])
        except (duckdb.Error, UnicodeDecodeError) as error:
            watch.check()
            raise query_failure(error, memory_mb, spill_mb, "", rows_read=True) from error
        finally:
            watch.interrupts(None)
    left = [each.dataset for each in sources if each.dataset not in {table.told["dataset"] for table in tables}]
    for name in (each.dataset for each in blank):
        watch.warn("table_is_empty", f"{name} has no rows and no columns yet", {"dataset": name})
    told = [about[each.told["dataset"]] | each.told for each in tables]
    found = {"joins": joins, "left_out": [*left, *job.prepared["left_out"]]}
    if not (job.prepared["asks"] and told):
        return {"tables": told, **found, "inferred": False}
    said = link.ask("meanings", {"tables": told, "joins": joins})
    meanings = said.pop("meanings")
    if meanings is not None:
        put_into(told, meanings)
    return {"tables": told, **found, "inferred": meanings is not None, **said}


def _tables(
    connection: duckdb.DuckDBPyConnection,
    watch: Watch,
    definition: ExplainSchema,
    sources: list[Source],
    seconds: float,
) -> Iterator[_Looked]:
    for source in sources:
        if source.is_blank:
            continue
        if watch.seconds > seconds * _IN_TIME:
            watch.warn(
                "tables_left_out", "There was no time to look at all tables: name fewer, or give it more time", {}
            )
            return
        yield _looked(connection, definition, source)
        watch.check()


def _looked(connection: duckdb.DuckDBPyConnection, definition: ExplainSchema, source: Source) -> _Looked:
    row = connection.execute(f"SELECT count(*) FROM {source.view}").fetchone()
    rows = int(row[0]) if row else 0
    relation = connection.sql(f"FROM {source.view}")
    typed = list(zip(relation.columns, relation.types, strict=True))
    is_sampled = rows > definition.sample_rows
    view = source.view
    if is_sampled:
        # the first rows: a random sample would have to read all rows
        view = f"(SELECT * FROM {source.view} LIMIT {definition.sample_rows:d})"
    seen = min(rows, definition.sample_rows)
    columns, sides = [], []
    for at in range(0, min(len(typed), MOST_COLUMNS), _AT_ONCE):
        part = typed[at : min(at + _AT_ONCE, MOST_COLUMNS)]
        found = connection.execute(f"SELECT {', '.join(_figures(n, k) for n, k in part)} FROM {view}").fetchone()
        assert found is not None
        for place, (name, kind) in enumerate(part):
            figures = found[4 * place : 4 * place + 4]
            told = _column(connection, view, definition, (name, kind), (seen, figures))
            columns.append(told)
            sides.append(Side(source.dataset, source.view, name, kind.id, told["distinct"], seen, told["likely_key"]))
    columns += [{"name": name, "type": str(kind)} for name, kind in typed[MOST_COLUMNS:]]
    keys = [each["name"] for each in columns if each.get("likely_key")]
    told = {"dataset": source.dataset, "rows": rows, "sampled": is_sampled, "rows_looked_at": seen, "columns": columns,
            "likely_keys": keys}  # fmt: skip
    return _Looked(told, source.view, sides)


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
    column: tuple[str, Any],
    found: tuple[int, tuple[Any, ...]],
) -> Json:
    (name, kind), (seen, (there, different, least, greatest)) = column, found
    different = min(different, there)
    is_key = bool(seen) and there == seen and different > 0.9 * seen and kind.id in _ORDERED and kind.id not in (
        "float", "double", "boolean",
    )  # fmt: skip
    if is_key:  # the number was an estimate
        row = connection.execute(f"SELECT count(DISTINCT {quoted(name)}) FROM {view}").fetchone()
        different = int(row[0]) if row else different
        is_key = different == seen
    values = _values(connection, view, name)
    hidden = masked_as(name, values)
    told: Json = {
        "name": name,
        "type": str(kind).replace('"', ""),
        "null_share": _share(seen - there, seen),
        "distinct": different,
        "distinct_share": _share(different, there),
        "min": None if hidden else least,
        "max": None if hidden else greatest,
        "samples": [] if hidden else values[: definition.samples],
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
