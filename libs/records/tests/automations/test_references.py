"""References: what they become, what they say when they lead nowhere, and that no value becomes SQL (decision 44)."""

from functools import partial
from typing import Any

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vai_records.automations.references import (
    SQL_KINDS,
    BadReference,
    Reference,
    holds_reference,
    is_reference,
    references_in,
    resolve,
    without_static,
)
from vai_records.definitions import definition_model
from vai_records.definitions.kinds import KINDS
from vai_records.definitions.sql_text import used_placeholders

VALUES: dict[str, Any] = {
    "inputs": {
        "day": "2026-01-22",
        "count": 3,
        "rate": 0.5,
        "yes": True,
        "nothing": None,
        "list": ["a", "b"],
        "notification": {"email": "ann@example.com"},
        "Order Id": 7,
        "trap": "$/inputs/day",
    },
    "steps": {
        "extract": {
            "status": "completed",
            "result": {"destination_path": "s3://lake/orders", "per_resource_rows": {"orders": 12}},
        },
        "noop": {"status": "skipped", "result": None},
    },
}


def resolved(value: Any, kind: str = "http_request") -> Any:
    return resolve(kind, {"value": value}, partial(Reference.look_up, values=VALUES))["value"]


def sql(text: str, kind: str = "duckdb_transform", **inputs: Any) -> str:
    values = {"inputs": inputs, "steps": VALUES["steps"]}
    return str(resolve(kind, {"sql": text}, partial(Reference.look_up, values=values))["sql"])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # alone, a value keeps its type
        ("$/inputs/day", "2026-01-22"),
        ("$/inputs/count", 3),
        ("$/inputs/rate", 0.5),
        ("$/inputs/yes", True),
        ("$/inputs/nothing", None),
        ("$/inputs/list", ["a", "b"]),
        ("$/inputs/list/1", "b"),
        ("$/inputs/notification", {"email": "ann@example.com"}),
        ("$/inputs/notification/email", "ann@example.com"),
        ("$/steps/extract/result", VALUES["steps"]["extract"]["result"]),
        ("$/steps/extract/result/per_resource_rows/orders", 12),
        ("$/steps/extract/status", "completed"),
        ("$/steps/noop/status", "skipped"),
        ("$/steps/noop/result", None),
        # within a text it becomes text
        ("of $/inputs/day", "of 2026-01-22"),
        ("$/inputs/count rows", "3 rows"),
        ("$/inputs/day,$/inputs/count", "2026-01-22,3"),
        ("Got $/inputs/count.", "Got 3."),
        ("$/inputs/count.", "3."),
        ("($/inputs/yes)", "(true)"),
        ('"$/inputs/list"', '"["a","b"]"'),
        ("https://x.test/$/inputs/day?n=$/inputs/count", "https://x.test/2026-01-22?n=3"),
        # nested, as objects, and as they are
        ({"a": [{"b": "$/inputs/count"}]}, {"a": [{"b": 3}]}),
        ({"kind": "reference", "ref": "$/inputs/count"}, 3),
        ({"kind": "reference", "ref": "$/inputs/Order Id"}, 7),
        ({"kind": "static", "values": ["$/inputs/count"]}, ["$/inputs/count"]),
        ([{"kind": "static", "values": 1}], [1]),
        ({"kind": "static", "values": 1, "more": 2}, {"kind": "static", "values": 1, "more": 2}),
        # what is found is not looked at again
        ("$/inputs/trap", "$/inputs/day"),
        ("see $/inputs/trap", "see $/inputs/day"),
        # no references
        ("$5/month", "$5/month"),
        ("a $/b", "a $/b"),
        ("$", "$"),
        (1, 1),
    ],
)
def test_a_reference_becomes_its_value(value: Any, expected: Any) -> None:
    found = resolved(value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("$/inputs/day-$/inputs/count", "inputs has Order Id, count, day"),
        ("$/inputs/missing", "$/inputs/missing leads nowhere: inputs has Order Id, count, day"),
        ("$/inputs/day/year", "$/inputs/day/year leads nowhere: inputs/day is \"2026-01-22\", not 'year'"),
        ("$/inputs/list/2", "inputs/list has 2 items, not '2'"),
        ("$/inputs/list/" + "9" * 5_000, "inputs/list has 2 items"),
        ("$/inputs/list/²", "inputs/list has 2 items"),
        ("$/inputs/list/-1", "inputs/list has 2 items"),
        ("$/inputs/nothing/at/all", "inputs/nothing is null, not 'at'"),
        ("$/steps/gone/result", "steps has extract, noop, not 'gone'"),
        ("$/steps/noop/result/rows", "steps/noop/result is null, not 'rows'"),
        ("$/steps/extract/result/per_resource_rows/items", "steps/extract/result/per_resource_rows has orders, not"),
    ],
)
def test_one_that_leads_nowhere_says_what_is_there_instead(reference: str, message: str) -> None:
    with pytest.raises(BadReference) as caught:
        resolved(reference)
    assert message in str(caught.value)
    assert reference in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$/", "$/ is no reference: write $/inputs/<name>"),
        ("$/input/day", "is no reference"),
        ("$/inputs", "is no reference"),
        ("$/inputs/", "is no reference"),
        ("$/steps/extract", "of a step there are $/steps/extract/result/… and $/steps/extract/status"),
        ("$/steps/extract/output", "of a step there are"),
        ("$/steps/extract/status/code", "a status has no fields"),
        ("at $/steps/extract/rows today", "of a step there are"),
    ],
)
def test_a_slip_is_told_before_anything_runs(text: str, message: str) -> None:
    with pytest.raises(BadReference) as caught:
        list(references_in({"a": [text]}))
    assert message in str(caught.value)
    with pytest.raises(BadReference):
        list(references_in({"kind": "reference", "ref": text.removeprefix("at ").removesuffix(" today")}))


def test_every_reference_is_found_with_its_place() -> None:
    definition = {
        "body": {"a": ["$/inputs/day", "from $/inputs/x to $/steps/s/result/y."]},
        "connection": {"kind": "reference", "ref": "$/steps/setup/result/id"},
        "rows": {"kind": "static", "values": "$/inputs/not"},
        "both": "$/inputs/first,$/steps/s/status",
    }
    assert [(place, one.text) for place, one in references_in(definition)] == [
        (("body", "a", 0), "$/inputs/day"),
        (("body", "a", 1), "$/inputs/x"),
        (("body", "a", 1), "$/steps/s/result/y"),
        (("connection", "ref"), "$/steps/setup/result/id"),
        (("both",), "$/inputs/first"),
        (("both",), "$/steps/s/status"),
    ]
    assert holds_reference(definition)
    assert not holds_reference({"rows": definition["rows"], "n": 1})


def test_static_objects_are_taken_away_where_definitions_are_checked() -> None:
    assert without_static({"a": [{"kind": "static", "values": {"b": 1}}], "c": {"kind": "static"}}) == {
        "a": [{"b": 1}],
        "c": {"kind": "static"},
    }


# SQL ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT '$/inputs/v'", "SELECT 'it''s'"),
        ("SELECT 'a $/inputs/v b'", "SELECT 'a it''s b'"),
        (r"SELECT e'\'$/inputs/v'", r"SELECT e'\'it''s'"),
        ("SELECT DATE'$/inputs/v'", "SELECT DATE'it''s'"),
        ("FROM read_parquet('$/steps/extract/result/destination_path')", "FROM read_parquet('s3://lake/orders')"),
        # everywhere else it stays what it is; saving refuses it
        ('SELECT "$/inputs/v"', 'SELECT "$/inputs/v"'),
        ("SELECT 1 -- '$/inputs/v'", "SELECT 1 -- '$/inputs/v'"),
        ("SELECT /* '$/inputs/v' */ 1", "SELECT /* '$/inputs/v' */ 1"),
        ("SELECT $$ '$/inputs/v' $$", "SELECT $$ '$/inputs/v' $$"),
        ("SELECT $a$ '$/inputs/v' $a$", "SELECT $a$ '$/inputs/v' $a$"),
        ("SELECT $/inputs/v", "SELECT $/inputs/v"),
    ],
)
def test_in_sql_only_string_literals_are_filled(text: str, expected: str) -> None:
    assert sql(text, v="it's") == expected


TRAPS = (
    "'; DROP TABLE t; --",
    "''",
    "\\",
    "\\'",
    "\\'; SELECT 2; --",
    "$$",
    "$a$",
    "/*",
    "*/ --",
    "{{ orders }}",
    "$/inputs/w",
    "\n",
    "e'",
    "\u2019",
    "%",
)
CONNECTION = duckdb.connect(config={"threads": 1})
values: Any = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.sampled_from(TRAPS)
LITERALS = ("SELECT '{}'", "SELECT e'{}'", "SELECT E'{}'", "SELECT /* ' */ '{}' -- '", "SELECT '{}' || $$'$$ || ''")


@given(st.lists(st.sampled_from(TRAPS) | values, min_size=1, max_size=4).map("".join), st.sampled_from(LITERALS))
@example("\\'); DROP TABLE t; --", "SELECT e'{}'")
def test_no_value_leaves_its_literal(value: str, around: str) -> None:
    """DuckDB reads back exactly the value, by one statement."""
    filled = sql(around.format("<$/inputs/v>"), v=value, w="never")
    ((found,),) = CONNECTION.execute(filled).fetchall()
    assert len(duckdb.extract_statements(filled)) == 1
    assert found == f"<{value}>" + ("'" if "||" in around else "")


def test_every_kind_with_sql_keeps_values_within_literals() -> None:
    """A value from a webhook never becomes a part of a query, whichever kind runs it."""
    models = {name: definition_model(name).model_json_schema() for name, kind in KINDS.items() if kind.available}
    kinds = {name for name, schema in models.items() if _has_sql(schema)}
    assert kinds == SQL_KINDS
    value = partial(Reference.look_up, values={"inputs": {"v": "' OR 'a'='a"}, "steps": {}})
    for kind in sorted(kinds):
        query = {"sql": "SELECT '$/inputs/v'"}
        if "sql" in models[kind]["properties"]:
            filled = resolve(kind, query, value)
        else:
            filled = resolve(kind, {"tiles": [query]}, value)["tiles"][0]
        assert filled["sql"] == "SELECT ''' OR ''a''=''a'"


def _has_sql(schema: dict[str, Any]) -> bool:
    """Whether something in the definition is a query, at whatever depth."""
    return any("sql" in each.get("properties", {}) for each in (schema, *schema.get("$defs", {}).values()))


@given(values)
def test_no_value_becomes_a_placeholder(value: str) -> None:
    text = "SELECT '$/inputs/v', '{{ no }}' FROM {{ orders }}"
    assert used_placeholders(sql(text, v=value)) == ["orders"]


@pytest.mark.parametrize(
    ("value", "expected"), [(3, "3"), (True, "true"), (None, "null"), (["a'b"], """["a''b"]"""), ("x", "x")]
)
def test_in_a_literal_every_value_is_text(value: Any, expected: str) -> None:
    assert sql("SELECT '$/inputs/v'", v=value) == f"SELECT '{expected}'"


def test_an_identifier_that_ends_in_e_begins_no_escape_string() -> None:
    for name in ("DATE", "éE", "a$e"):
        assert sql(f"SELECT {name}'\\' || '$/inputs/v'", v="it's") == f"SELECT {name}'\\' || 'it''s'"


@pytest.mark.parametrize(
    ("value", "is_one", "holds_one"),
    [
        ("$/inputs/a", True, True),
        ("${/inputs/a|/inputs/b|0}", True, True),
        ("at $/inputs/a", False, True),
        ("a", False, False),
        ({"kind": "reference", "ref": "$/inputs/a"}, True, True),
        ({"kind": "reference", "ref": "$/inputs/a", "default": 0}, True, True),
        ({"kind": "reference", "ref": 5}, False, False),
        ({"kind": "static", "values": "$/inputs/a"}, False, False),
        ({"a": ["$/inputs/a"]}, False, True),
        ({"a": "$/nowhere/a"}, False, True),  # it cannot be a reference, which its step tells
        (5, False, False),
    ],
)
def test_what_is_a_reference_and_what_holds_one(value: Any, is_one: bool, holds_one: bool) -> None:
    assert is_reference(value) is is_one
    assert holds_reference(value) is holds_one
