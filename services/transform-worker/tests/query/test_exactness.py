"""Any rows into any table: what is stored is what plain DuckDB says, or nothing is and the error names the column.

The types and values are drawn by Hypothesis; one connection and one table for all, without a lake of its own.
"""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import given
from hypothesis import strategies as st

from vai_common.errors import RunError
from vai_transform_worker.failures import query_failure
from vai_transform_worker.query.exact import exact
from vai_transform_worker.table.delta_types import storable_query, stored_type, untyped
from vai_transform_worker.table.fitting import fit, meet

VALUES = {
    "TINYINT": ["0", "-128", "127"],
    "SMALLINT": ["0", "-32768", "32767"],
    "INTEGER": ["0", "-2147483648", "2147483647"],
    "BIGINT": ["0", "9007199254740993", "-9223372036854775808", "9223372036854775807"],
    "UBIGINT": ["0", "18446744073709551615"],
    "HUGEINT": ["0", "9223372036854775807", "9223372036854775808"],
    "FLOAT": ["0.5", "'nan'", "'inf'", "16777216"],
    "DOUBLE": ["7.9", "'nan'", "'-inf'", "1e300", "9007199254740992"],
    "DECIMAL(4,2)": ["10.25", "-99.99"],
    "DECIMAL(2,1)": ["1.5", "9.9"],
    "DECIMAL(38,0)": ["99999999999999999999999999999999999999"],
    "BOOLEAN": ["true", "false"],
    "VARCHAR": ["'00501'", "' 13 '", "'1'", "''", "'x'"],
    "BLOB": ["'\\xFF'"],
    "DATE": ["'2024-01-01'", "'0001-01-01'", "'9999-12-31'"],
    "TIMESTAMP": ["'2024-02-02 23:59:59.123456'", "'infinity'"],
    "TIMESTAMP_NS": ["'2024-02-02 23:59:59.123456789'", "'2024-02-02 23:59:59.123456'"],
    "TIMESTAMP WITH TIME ZONE": ["'2024-02-02 10:00:00+05'"],
    "UUID": ["'6ba7b810-9dad-11d1-80b4-00c04fd430c8'"],
}
SCALARS = st.sampled_from([(kind, value) for kind, values in VALUES.items() for value in [*values, "NULL"]])


SHAPES = [
    *[("{}", "{}")] * 3,
    ("{}[]", "[{}, NULL]"),
    ('STRUCT(a {}, "b c" VARCHAR)', "{{'a': {}, 'b c': 'x'}}"),
    ("STRUCT(a {})", "{{'a': {}}}"),
    ("MAP(VARCHAR, {})", "MAP {{'k': {}}}"),
]


@st.composite
def cells(draw: Any) -> tuple[str, str]:
    """A type and an expression of it: a scalar, or one in a list, a struct or a map."""
    kind, value = draw(SCALARS)
    shape, made = draw(st.sampled_from(SHAPES))
    full = shape.format(kind)
    return full, f"CAST({made.format(f'CAST({value} AS {kind})')} AS {full})"


@pytest.fixture(scope="module")
def engine() -> Any:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def shown(engine: Any, sql: str) -> list[Any]:
    """The values as text, so that NaN is NaN; a nested value with its types' own words."""
    found: list[Any] = engine.execute(f"SELECT CAST(x AS VARCHAR) FROM ({sql})").fetchall()
    return found


def failed(engine: Any, sql: str) -> str | None:
    """What is said where the query fails."""
    try:
        engine.sql(sql).to_arrow_table()
    except duckdb.Error as error:
        return str(query_failure(error, 1, 1, sql))
    return None


@given(cell=cells())
def test_what_a_table_holds_is_what_the_sql_gave_or_nothing_is(engine: Any, cell: tuple[str, str]) -> None:
    kind, value = cell
    sql = f"SELECT {value} AS x"
    relation = engine.sql(sql)
    stored = storable_query(sql, relation.columns, relation.types)
    if (failure := failed(engine, stored)) is not None:
        assert "Column 'x'" in failure
        assert "HUGEINT" in kind or "TIMESTAMP_NS" in kind
        return
    engine.register("rows", engine.sql(stored).to_arrow_table())
    assert shown(engine, "FROM rows") == shown(engine, sql)


@given(given_cell=cells(), there_cell=cells())
def test_rows_of_any_type_into_a_table_of_any_type_are_exact_or_refused(
    engine: Any, given_cell: tuple[str, str], there_cell: tuple[str, str]
) -> None:
    source, target = (duckdb.sqltype(stored_type("x", duckdb.sqltype(kind))) for kind in (given_cell[0], there_cell[0]))
    met = meet(source, target)
    if met is None:
        with pytest.raises(RunError, match=r"column 'x' is .*Write CAST\("):
            fit("silver.t", {"x": source}, {"x": target}, [])
        return
    for cell, own in ((given_cell, source), (there_cell, target)):
        plain = f"SELECT {exact(cell[1], duckdb.sqltype(cell[0]), str(own), 'x')} AS x"
        met_sql = f"SELECT {exact('x', own, met, 'x')} AS x FROM ({plain})"
        if (failure := failed(engine, met_sql)) is not None:
            assert "Column 'x'" in failure
            continue
        before, after = shown(engine, plain), shown(engine, met_sql)
        # back again it is the same: nothing was cut, rounded or joined with another value
        again = f"SELECT {exact(f'CAST(({plain}) AS {own})', own, met, 'x')} AS x"
        back = shown(engine, f"SELECT CAST(x AS {own}) AS x FROM ({again})")
        assert back == before, (own, met, after)
    if source != target:
        refuses = pytest.raises(RunError, match="key") if met != str(target) else nullcontext()
        with refuses:
            fit("silver.t", {"x": source}, {"x": target}, ["x"])


@pytest.mark.parametrize(
    ("sql", "without_type"),
    [
        ("SELECT 1 AS x", {}),
        ("SELECT NULL AS x", {"x": "NULL"}),
        ("SELECT CASE WHEN true THEN NULL END AS x", {"x": "NULL"}),
        ("SELECT CASE WHEN true THEN NULL ELSE 1 END AS x", {}),
        ("SELECT CAST(NULL AS INTEGER) AS x", {}),
        ("SELECT max(y) AS x FROM (SELECT NULL AS y)", {"x": "NULL"}),
        ("SELECT x FROM (SELECT NULL AS x UNION ALL SELECT NULL)", {"x": "NULL"}),
        ("SELECT x FROM (SELECT NULL AS x UNION ALL SELECT 'a')", {}),
        ("SELECT [] AS x", {"x": "VARCHAR[]"}),
        ("SELECT {'a': NULL, 'b': 1} AS x", {"x": 'STRUCT("a" VARCHAR, "b" INTEGER)'}),
        ("SELECT [1, NULL] AS x", {}),
    ],
)
def test_a_null_without_a_type_is_told_from_an_integer(engine: Any, sql: str, without_type: dict[str, str]) -> None:
    def bind(text: str) -> tuple[list[str], list[Any]]:
        relation = engine.sql(text)
        return relation.columns, relation.types

    assert untyped(sql, *bind(sql), bind) == without_type


def test_nan_is_found_by_filters(tmp_path: Path) -> None:
    from vai_transform_worker.table import file_columns
    from vai_worker.reading import extensions

    with duckdb.connect() as connection:
        extensions.load(connection, "delta")
        sql = "SELECT unnest([1.0, 'nan'::DOUBLE, NULL, 2.0]) AS x, {'y': unnest([1.0, 'nan'::DOUBLE, NULL, 2.0])} AS s"
        rows = connection.sql(sql).to_arrow_table()
        write_deltalake(tmp_path, rows, writer_properties=file_columns.properties(rows.schema))
        read = f"FROM delta_scan('{tmp_path}', can_have_nan = true)"
        for where in ("x > 100", "x = 'nan'", "isnan(x)", "s.y > 100"):
            assert connection.sql(f"SELECT count(*) {read} WHERE {where}").fetchall() == [(1,)], where
    assert DeltaTable(tmp_path).version() == 0
