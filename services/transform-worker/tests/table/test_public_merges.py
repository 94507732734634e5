"""What users of dlt, Delta Lake and dbt have reported of merges, in each way by which a table is merged."""

from typing import Any

import pytest

from vai_common.errors import Permanent
from vai_transform_worker.table import merging

from .test_merging import MERGED, WAYS


@pytest.fixture(params=sorted(WAYS))
def shop(request: pytest.FixtureRequest, workshop: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in WAYS[request.param].items():
        monkeypatch.setattr(merging, name, value)
    return workshop


def test_a_list_that_became_shorter_is_replaced_whole(shop: Any) -> None:
    """dlt 1600: elements of nested lists that the source had removed stayed."""
    shop.run("SELECT 1 AS id, [{'sku': 'a', 'n': 1}, {'sku': 'b', 'n': 2}] AS lines UNION ALL SELECT 2, []", **MERGED)
    shop.run("SELECT 1 AS id, [{'sku': 'b', 'n': 3}] AS lines UNION ALL SELECT 3, NULL", **MERGED)
    assert shop.rows("SELECT * FROM out ORDER BY id") == [(1, [{"sku": "b", "n": 3}]), (2, []), (3, None)]


def test_a_merge_of_the_table_into_itself_changes_what_the_sql_says(shop: Any) -> None:
    """delta 482: rows that were taken from the table itself lost the columns that had not changed."""
    shop.run("SELECT range AS id, range * 2 AS n, 'x' || range AS t FROM range(50)", **MERGED)
    shop.run("SELECT id, n + 1 AS n, t FROM {{ this }} WHERE id % 5 = 0", **MERGED)
    expected = [(i, i * 2 + (i % 5 == 0), f"x{i}") for i in range(50)]
    assert shop.rows("SELECT * FROM out ORDER BY id") == expected


KEYS = [
    ("'a'", "'a '"),
    ("''", "NULL::VARCHAR"),
    ("'é'", "'e\u0301'"),
    ("'ß'", "'ss'"),
    ("'A'", "'a'"),
    ("0.1::DOUBLE + 0.2", "0.3::DOUBLE"),
    ("'nan'::DOUBLE", "NULL::DOUBLE"),
    ("TIMESTAMP '2026-03-29 02:30:00.000001'", "TIMESTAMP '2026-03-29 02:30:00'"),
    ("[1, NULL]", "[1]"),
    ("{'a': 1, 'b': NULL::INT}", "{'a': NULL::INT, 'b': 1}"),
    ("'\\x00'::BLOB", "''::BLOB"),
]


@pytest.mark.parametrize(("one", "other"), KEYS)
def test_keys_that_are_nearly_the_same_are_two(shop: Any, one: str, other: str) -> None:
    """dbt-core 7873, delta 461, 1330: rows of one key that were inserted anew in each run, or taken for another's."""
    for turn in range(3):
        shop.run(f"SELECT {one} AS id, 'one {turn}' AS t UNION ALL SELECT {other}, 'other {turn}'", **MERGED)
    assert sorted(shop.rows("SELECT t FROM out")) == [("one 2",), ("other 2",)]
    shop.run(f"SELECT {other} AS id, 'last' AS t", **MERGED)
    assert sorted(shop.rows("SELECT t FROM out")) == [("last",), ("one 2",)]


SAME = [
    ("0.0::DOUBLE", "-0.0::DOUBLE"),
    ("1.10::DECIMAL(9,2)", "1.1::DECIMAL(9,2)"),
    ("TIMESTAMPTZ '2026-03-29 01:30:00+01'", "TIMESTAMPTZ '2026-03-29 00:30:00+00'"),
    ("'nan'::DOUBLE", "'-nan'::DOUBLE"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_keys_in_two_spellings_are_one(shop: Any, one: str, other: str) -> None:
    shop.run(f"SELECT {one} AS id, 'one' AS t", **MERGED)
    shop.run(f"SELECT {other} AS id, 'other' AS t", **MERGED)
    assert shop.rows("SELECT t FROM out") == [("other",)]
    with pytest.raises(Permanent, match="2 rows with the same merge_keys"):
        shop.run(f"SELECT {one} AS id, 'one' AS t UNION ALL SELECT {other}, 'other'", **MERGED)
