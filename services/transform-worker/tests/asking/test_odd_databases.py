"""explain_schema of databases with odd names, wide and slow tables, and columns that may not be read."""

from typing import Any

import pytest

from vai_common.errors import ErrorCode, RunError
from vai_transform_worker.asking import database_tables

ODD = (
    "a",
    "A",
    "a b",
    'x"y',
    "日本",
    "c0",
    "ctid2",
    "select",
    "o'; DROP TABLE shop.orders; --",
    "x" * 63,
    "a\nb",
    "%s",
    "{}",
)


def columns_of(result: dict[str, Any], table: int = 0) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in result["tables"][table]["columns"]}


def marked(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def test_columns_keep_their_names_whatever_they_are(explained: Any) -> None:
    listed = ", ".join(f"{number} AS {marked(name)}" for number, name in enumerate(ODD))
    explained.execute(f"CREATE TABLE shop.odd AS SELECT {listed}")
    told = columns_of(explained("odd"))
    assert list(told) == list(ODD)
    assert {name: each["min"] for name, each in told.items()} == {name: str(at) for at, name in enumerate(ODD)}
    assert {each["type"] for each in told.values()} == {"integer"}


def test_names_that_differ_in_case_alone_are_joined_by_their_own(explained: Any) -> None:
    explained.execute(
        """CREATE TABLE shop.lines ("CUSTOMER_ID" text, customer_id int);
           INSERT INTO shop.lines SELECT 'x' || n, n FROM generate_series(1, 20) n"""
    )
    joins = explained("lines", "customers")["joins"]
    assert {"dataset": "shop.lines", "column": "customer_id"} in [each["from"] for each in joins]
    assert {"dataset": "shop.lines", "column": "CUSTOMER_ID"} not in [each["from"] for each in joins]


@pytest.mark.parametrize("name", ODD)
def test_a_table_may_have_any_name(explained: Any, name: str) -> None:
    explained.execute(f"CREATE TABLE shop.{marked(name)} AS SELECT 1 AS a")
    result = explained(name)
    assert [each["dataset"] for each in result["tables"]] == [f"shop.{name}"]
    explained.execute("SELECT FROM shop.orders")


@pytest.mark.parametrize("field", ["tables", "schema"])
def test_names_are_no_sql(explained: Any, field: str) -> None:
    name = "orders'; DROP TABLE shop.orders; --"
    with pytest.raises(RunError) as refused:
        explained(**{field: [name] if field == "tables" else name})
    assert refused.value.code is ErrorCode.DATA_ERROR
    explained.execute("SELECT FROM shop.orders")


def test_a_table_of_1_600_columns_is_described_in_part(explained: Any) -> None:
    explained.execute(f"CREATE TABLE shop.wide AS SELECT {', '.join(f'{n} AS c{n}' for n in range(1_600))}")
    told = columns_of(explained("wide"))
    assert len(told) == 1_600
    assert (told["c299"]["max"], told["c300"]) == ("299", {"name": "c300", "type": "integer"})


def test_huge_values_are_cut(explained: Any) -> None:
    explained.execute("CREATE TABLE shop.huge AS SELECT n, repeat('x', 40000000) AS w FROM generate_series(1, 3) n")
    result = explained("huge")
    assert (result["tables"][0]["sampled"], result["tables"][0]["rows_looked_at"]) == (True, 1)
    assert columns_of(result)["w"]["samples"] == ["x" * 200]


def test_values_that_fit_no_type_are_texts(explained: Any) -> None:
    explained.execute(
        """CREATE TABLE shop.odd AS SELECT date 'infinity' AS d, 'NaN'::numeric(10, 2) AS n,
           '-infinity'::timestamptz AS t, 10::numeric ^ 60 AS big, 'NaN'::float8 AS f, ARRAY[1, NULL] AS l,
           '\\x00ff'::bytea AS b, 'a'::bpchar(3) AS p,
           '0044-03-15 BC'::date AS old, NULL::int AS nothing, (1, 'x')::record::text AS r"""
    )
    told = columns_of(explained("odd"))
    assert (told["d"]["min"], told["n"]["min"], told["t"]["min"]) == ("infinity", "NaN", "-infinity")
    assert told["big"]["min"].startswith("1" + "0" * 60)
    assert (told["old"]["min"], told["nothing"]["null_share"]) == ("0044-03-15 BC", 1.0)


def test_a_table_without_columns_is_left_out(explained: Any) -> None:
    explained.execute("CREATE TABLE shop.bare (); INSERT INTO shop.bare DEFAULT VALUES")
    result = explained()
    assert (result["left_out"], explained.link.warnings) == (["shop.bare"], ["table_not_read"])
    assert len(result["tables"]) == 4
    with pytest.raises(RunError, match=r"no table or view shop\.bare") as refused:
        explained("bare")
    assert refused.value.code is ErrorCode.DATA_ERROR


def test_a_table_that_is_dropped_meanwhile_is_left_out(explained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = database_tables._chosen

    def dropping(*given: Any) -> Any:
        found = chosen(*given)
        explained.execute("DROP TABLE shop.nothing")
        return found

    monkeypatch.setattr(database_tables, "_chosen", dropping)
    result = explained()
    assert result["left_out"] == ["shop.nothing"]
    assert [each["dataset"] for each in result["tables"]] == ["shop.customers", "shop.orders", "shop.large"]


def test_a_slow_view_does_not_cost_the_others(explained: Any) -> None:
    explained.execute(
        "CREATE VIEW shop.again AS SELECT 1 AS a; CREATE VIEW shop.asleep AS SELECT pg_sleep(60)::text AS a"
    )
    result = explained(seconds=8.0)
    assert result["left_out"] == ["shop.asleep"]
    assert len(result["tables"]) == 5
    [(_, text, _, _)] = [each for each in explained.link.logs if each[0] == "table_not_read"]
    assert text.startswith("shop.asleep sent no row for 2 s")


def test_a_slow_view_that_was_named_ends_the_run(explained: Any) -> None:
    explained.execute("CREATE VIEW shop.asleep AS SELECT pg_sleep(60)::text AS a")
    with pytest.raises(RunError, match=r"2 s") as refused:
        explained("asleep", seconds=2.0)
    assert refused.value.code is ErrorCode.TIMEOUT


def test_what_the_user_may_not_read_is_left_out(explained: Any) -> None:
    explained.execute(
        """DO $$ BEGIN CREATE ROLE vai_reader LOGIN PASSWORD 'test'; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
           GRANT USAGE ON SCHEMA shop TO vai_reader; GRANT SELECT ON shop.nothing TO vai_reader;
           GRANT SELECT (id, tier) ON shop.customers TO vai_reader"""
    )
    try:
        result = explained(user="vai_reader")
        assert [each["dataset"] for each in result["tables"]] == ["shop.nothing"]
        assert result["left_out"] == ["shop.customers", "shop.orders", "shop.large"]
        with pytest.raises(RunError, match=r"may not read shop\.customers: grant it SELECT") as refused:
            explained("customers", user="vai_reader")
        assert refused.value.code is ErrorCode.AUTH_ERROR
    finally:
        explained.execute("DROP OWNED BY vai_reader; DROP ROLE vai_reader")


def test_one_address_or_token_among_other_values_is_not_shown(explained: Any) -> None:
    explained.execute(
        """CREATE TABLE shop.notes AS SELECT n, CASE n WHEN 7 THEN 'ann@example.com' WHEN 8 THEN 'zed: zoe@example.org'
           WHEN 9 THEN 'sk_live_4f8a9b1c2d3e4f5a6b7c' WHEN 10 THEN 'zz top, zoe@example.org'
           ELSE 'note ' || n END AS body FROM generate_series(1, 30) n"""
    )
    result = explained("notes", samples=20)
    told = columns_of(result)["body"]
    assert (told["masked"], told["min"], told["max"], len(told["samples"])) == (None, None, None, 20)
    assert not [word for word in ("ann@", "zoe@", "sk_live") if word in str(result)]
