"""What is run in both engines: expressions and queries over four small tables, with NULLs and odd values in all.

Each names its table; `{t}` in a query stands for it. `differs` says what is different in Spark where the rows are not
the same; `docs/transforms.md` has the table of those, drawn from here.
"""

from typing import NamedTuple

TABLES = {
    "numbers": """
        SELECT * FROM (VALUES
            (1, 7::INTEGER, 3::BIGINT, 2.5::DOUBLE, 10.25::DECIMAL(10,2), true, 'x'),
            (2, -7, 2, -2.5, -10.25, false, 'y'),
            (3, 0, 5, 0.1, 0.00, NULL, 'x'),
            (4, NULL, NULL, NULL, NULL, true, NULL),
            (5, 2147483646, 9007199254740993, 1e300, 99999999.99, false, 'z'),
            (6, 12, 4, 3.5, 0.05, true, 'y'),
            (7, 12, 4, -3.5, 1.15, true, 'y')
        ) AS v(id, a, b, d, m, f, g)""",
    "texts": r"""
        SELECT * FROM (VALUES
            (1, 'Ärger, mit Komma', 'a,b,c'), (2, '', ','), (3, NULL, 'x'), (4, 'it''s a "quote" \ backslash', '\d+'),
            (5, ' spaces  ', 'a.b.c'), (6, '日本語', '本'), (7, 'abc', NULL), (8, '$HOME ${env:PATH} :p0', '%_'),
            (9, 'line' || chr(10) || 'two', 'n')
        ) AS v(id, s, t)""",
    "times": """
        SELECT * FROM (VALUES
            (1, DATE '2026-01-31', TIMESTAMP '2026-01-31 23:59:59.123456', TIMESTAMPTZ '2026-03-29 01:30:00+01'),
            (2, DATE '1969-12-31', TIMESTAMP '1969-12-31 12:00:00', TIMESTAMPTZ '1969-12-31 23:00:00-05'),
            (3, NULL, NULL, NULL),
            (4, DATE '2024-02-29', TIMESTAMP '2024-02-29 00:00:00', TIMESTAMPTZ '2024-02-29 00:00:00Z'),
            (5, DATE '2021-01-03', TIMESTAMP '2021-01-03 06:07:08.9', TIMESTAMPTZ '2021-01-03 06:07:08.9Z')
        ) AS v(id, day, ts, tz)""",
    "nested": """
        SELECT * FROM (VALUES
            (1, [3, 1, 2]::INTEGER[], ['b', 'a', NULL], {'x': 1, 'y': 'one'}, MAP {'k': 1, 'l': 2}),
            (2, []::INTEGER[], [], {'x': NULL, 'y': ''}, MAP {}::MAP(VARCHAR, INTEGER)),
            (3, NULL, NULL, NULL, NULL),
            (4, [5, NULL, 5], ['ü'], {'x': 4, 'y': NULL}, MAP {'k': NULL})
        ) AS v(id, l, names, r, kv)""",
}


DIFFERS = {
    "ceil(d)": "a DOUBLE beyond 2^63 is cut to it",
    "floor(d)": "a DOUBLE beyond 2^63 is cut to it",
    "CAST(d AS VARCHAR)": "`1.0E300`; DuckDB: `1e+300`",
    "substring(s, 0, 2)": "0 is the first letter, as 1 is; DuckDB: the place before it",
    "left(s, -1)": "no letters; DuckDB: all but the last",
    "strftime(ts, '%A %j')": "`31` for `%j`; DuckDB: `031`",
    "CAST(tz AS VARCHAR)": "without the zone; DuckDB: `2026-03-29 00:30:00+00`",
    "l::VARCHAR": "`[5, null, 5]`; DuckDB: `[5, NULL, 5]`",
    "r::VARCHAR": "`{1, one}`; DuckDB: `{'x': 1, 'y': one}`",
}
"""What is different in Spark, where the rows are not the same and the SQL is run nevertheless."""


GROUPS = {"numbers": "g", "texts": "t IS NULL", "times": "id % 2", "nested": "id % 2"}
"""What the aggregates of a table are grouped by."""


class Case(NamedTuple):
    """One thing that is compared."""

    what: str
    table: str
    sql: str


def each_alone(table: str, *expressions: str) -> list[Case]:
    """Expressions, each a query of its own."""
    return [Case(each, table, f"SELECT id, {each} AS found FROM {{t}}") for each in expressions]


def whole(table: str, *expressions: str) -> list[Case]:
    """Aggregates over the whole table and over its groups."""
    by = GROUPS[table]
    return [
        Case(each, table, f"SELECT {each} AS found FROM {{t}} UNION ALL SELECT {each} FROM {{t}} GROUP BY {by}")
        for each in expressions
    ]
