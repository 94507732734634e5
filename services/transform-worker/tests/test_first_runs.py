"""One definition is right for the first run and for all others: the same SQL, before and after there is a table."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from vai_common.errors import Permanent

MERGED = {"mode": "incremental_merge", "merge_keys": ["id"]}
TEXTS = [{"id": 1, "u": "2026-01-01T00:00:00Z", "v": "5"}]

OWN_TABLE = [
    "u::TIMESTAMPTZ u | b WHERE u::TIMESTAMPTZ >= (SELECT coalesce(max(u), TIMESTAMPTZ '1970-01-01') FROM {{ this }})",
    "u::TIMESTAMPTZ u | b WHERE u::TIMESTAMPTZ >= "
    "(SELECT coalesce(max(t.u), TIMESTAMPTZ '1970-01-01') FROM {{ this }} t)",
    "u::TIMESTAMPTZ u | b WHERE u::TIMESTAMPTZ >= "
    "(SELECT coalesce(max(u) - INTERVAL 1 DAY, TIMESTAMPTZ '1970-01-01') FROM {{ this }})",
    "u::TIMESTAMP u | b WHERE u::TIMESTAMP >= (SELECT coalesce(max(u), '1970-01-01') FROM {{ this }})",
    "u::TIMESTAMP AS U | b WHERE u::TIMESTAMP >= (SELECT coalesce(max(u), '1970-01-01') FROM {{ this }})",
    "v::INTEGER v | b WHERE v::INTEGER >= (SELECT coalesce(max(v), 0) FROM {{ this }})",
    "v::INTEGER v | b WHERE v::INTEGER >= coalesce((SELECT max(v) FROM {{ this }}), 0)",
    "u::DATE u | b WHERE u::DATE > (SELECT max(u) - 3 FROM {{ this }}) OR NOT EXISTS (SELECT 1 FROM {{ this }})",
    "v::DECIMAL(10,2) v | b WHERE NOT EXISTS "
    "(SELECT 1 FROM {{ this }} t WHERE t.id = b.id AND t.v = b.v::DECIMAL(10,2))",
    "u::TIMESTAMPTZ u | b, (SELECT coalesce(max(u), TIMESTAMPTZ '1970-01-01') AS m FROM {{ this }}) "
    "WHERE u::TIMESTAMPTZ >= m",
    "u::DATE u | b, (SELECT max(u) - INTERVAL 1 DAY AS m FROM {{ this }}) WHERE u::DATE >= m OR m IS NULL",
    "u::TIMESTAMPTZ u, v::DOUBLE v | b WHERE u::TIMESTAMPTZ >= (SELECT coalesce(max(u) - INTERVAL 1 HOUR, 'epoch') "
    "FROM {{ this }} WHERE v - 1 > 0) OR v::DOUBLE >= coalesce((SELECT max(v) * 2 FROM {{ this }}), 0)",
    "b.u::TIMESTAMP u, t.v + 1 AS v | b LEFT JOIN {{ this }} t USING (id)",
    "b.u::DATE u, coalesce(t.v, 0) + b.v::INTEGER AS v | b LEFT JOIN {{ this }} t USING (id)",
    "greatest(t.u, b.u::TIMESTAMPTZ) u | b LEFT JOIN {{ this }} t ON t.id = b.id",
    "epoch(u::TIMESTAMP)::BIGINT u | b WHERE epoch(u::TIMESTAMP) >= coalesce((SELECT max(u) FROM {{ this }}), 0)",
    "u::DATE u | b QUALIFY row_number() OVER (PARTITION BY id ORDER BY u) = 1 "
    "AND u::DATE >= coalesce((SELECT max(u) - INTERVAL 3 DAY FROM {{ this }}), DATE '1970-01-01')",
    "[v::INTEGER] v | b WHERE v::INTEGER >= coalesce((SELECT max(v[1]) FROM {{ this }}), 0)",
    "{'n': v::INTEGER} v | b WHERE v::INTEGER >= coalesce((SELECT max(t.v.n) FROM {{ this }} t), 0)",
    "year(u::DATE) y, u::DATE u | b WHERE u::DATE >= "
    "(SELECT coalesce(date_trunc('month', max(u)), DATE '2000-01-01') FROM {{ this }} WHERE y > 1)",
]


@pytest.mark.parametrize("form", OWN_TABLE)
def test_the_own_table_has_the_types_that_the_sql_gives(workshop: Any, form: str) -> None:
    given, rest = form.split(" | ")
    sql = f"SELECT b.id, {given} FROM {{{{ bronze_b }}}} {rest}"
    kinds = []
    for _ in range(2):
        workshop.run(sql, workshop.bronze("x.b", TEXTS), **MERGED)
        kinds.append(workshop.columns)
        assert [row[0] for row in workshop.rows()] == [1]
    assert kinds[0] == kinds[1]


JSON = [
    "j::JSON j",
    "j::JSON->'a' j",
    "[j::JSON] l, j::JSON j",
    "NULL::JSON j",
    "{'a': j::JSON} j",
    "1 AS z, j::JSON j",
]


@pytest.mark.parametrize("given", JSON)
def test_json_is_text_in_the_table_and_fits_into_it(workshop: Any, given: str) -> None:
    for rows in ([{"id": 1, "j": '{"a":1}'}], [{"id": 1, "j": '{"a":2}'}, {"id": 2, "j": "{}"}], [{"id": 3, "j": "1"}]):
        workshop.run(f"SELECT id, {given} FROM {{{{ bronze_b }}}}", workshop.bronze("x.b", rows), **MERGED)
    assert workshop.rows("SELECT id FROM out ORDER BY id") == [(1,), (2,), (3,)]


def test_json_may_be_a_key(workshop: Any) -> None:
    table = workshop.bronze("x.b", [{"id": 1, "j": '{"a":1}'}])
    for _ in range(2):
        workshop.run("SELECT j::JSON j, id FROM {{ bronze_b }}", table, mode="incremental_merge", merge_keys=["j"])
    assert workshop.rows() == [('{"a":1}', 1)]


NOTHING = {
    "v + 1 AS v": 1.5,
    "v * 2 AS v": Decimal("1.55"),
    "coalesce(v, 0) AS v": 1.5,
    "coalesce(v, 'none') AS v": "x",
    "CASE WHEN v > 5 THEN v ELSE 0 END AS v": 7.5,
    "abs(v) v, round(v, 2) r, greatest(v, 0) g": 7.555,
    "list(v) l FROM {{ b }} GROUP BY id": 7.5,
    "sum(v) s, avg(v) a FROM {{ b }} GROUP BY id": 2.5,
    "v - DATE '2026-01-01' n": date(2026, 1, 5),
    "v + INTERVAL 1 DAY d": date(2026, 1, 5),
    "upper(v) v": "x",
    "now() AS at": 1,
    "v": [1],
}


@pytest.mark.parametrize(
    ("key", "given"), [*(("id", each) for each in NOTHING), *(("id::BIGINT AS id", each) for each in list(NOTHING)[:3])]
)
def test_what_comes_of_nothing_fixes_no_types(workshop: Any, key: str, given: str) -> None:
    sql = f"SELECT {key}, {given}" if "FROM" in given else f"SELECT {key}, {given} FROM {{{{ b }}}}"
    nothing, value = workshop.bronze("x.b") | {"as": "b"}, NOTHING[given]
    for _ in range(2):
        workshop.run(sql, nothing, **MERGED)
        assert workshop.asked("wrote")[0]["row_count"] == 0
    for number in (1, 2):
        workshop.run(sql, workshop.bronze("x.b", [{"id": number, "v": value}]) | {"as": "b"}, **MERGED)
    columns = workshop.columns
    workshop.bronze("x.b")
    workshop.run(sql, nothing, **MERGED)
    assert ([row[0] for row in workshop.rows()], workshop.columns) == ([1, 2], columns)


def test_a_table_without_rows_takes_the_types_of_the_first_and_keeps_its_other_columns(workshop: Any) -> None:
    workshop.run("SELECT 1 AS id, 2 AS \"V\", DATE '2026-01-01' AS d WHERE false", **MERGED)
    workshop.run("SELECT 'a' AS id, 1.5::DOUBLE AS v, true AS new", **MERGED)
    assert workshop.rows() == [("a", 1.5, None, True)]
    assert workshop.columns == [
        {"name": "id", "type": "VARCHAR"},
        {"name": "V", "type": "DOUBLE"},
        {"name": "d", "type": "DATE"},
        {"name": "new", "type": "BOOLEAN"},
    ]


def test_a_missing_key_is_told_of_over_nothing_too(workshop: Any) -> None:
    with pytest.raises(Permanent, match="'id', which the SQL does not give"):
        workshop.run("SELECT other::BIGINT AS other FROM {{ bronze_b }}", workshop.bronze("x.b"), **MERGED)
