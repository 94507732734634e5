from typing import Any

import pytest
from pydantic import ValidationError

from vai_records.definitions.duckdb_transform import DuckdbTransform
from vai_records.definitions.sql_text import fill_placeholders, used_placeholders

CUSTOMERS = {"bronze_dataset": "bronze.shopify.customers"}


def definition(**changes: Any) -> dict[str, Any]:
    base = {"transform_name": "stg_customers", "sql": "SELECT 1 AS one", "inputs": []}
    return base | changes


def problems(**changes: Any) -> list[tuple[tuple[int | str, ...], str, str]]:
    with pytest.raises(ValidationError) as caught:
        DuckdbTransform.model_validate(definition(**changes))
    return [(error["loc"], error["type"], error["msg"]) for error in caught.value.errors()]


def test_the_silver_example_of_document_000_is_valid() -> None:
    sql = (
        "SELECT id as customer_id, email FROM {{ bronze_customers }} "
        "QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY updated_at DESC) = 1"
    )
    made = DuckdbTransform.model_validate(
        {
            "kind": "duckdb_transform",
            "transform_name": "stg_shopify_customers",
            "sql": sql,
            "inputs": [CUSTOMERS],
            "output_layer": "silver",
            "mode": "full_refresh",
        }
    )
    assert made.placeholders().keys() == {"bronze_customers", "bronze_shopify_customers", "this"}


def test_the_gold_example_of_document_000_is_valid() -> None:
    made = DuckdbTransform.model_validate(
        definition(
            transform_name="fct_order_lines",
            sql="SELECT * FROM {{ stg_lines }} li JOIN {{stg_orders}} o ON li.order_id = o.order_id",
            inputs=[{"silver_dataset": "stg_lines"}, {"silver_dataset": "stg_orders"}],
            output_layer="gold",
        )
    )
    assert set(made.placeholders()) == {"stg_lines", "stg_orders", "this"}


def test_the_layer_is_silver_and_the_mode_full_refresh_where_nothing_is_said() -> None:
    made = DuckdbTransform.model_validate({"transform_name": "a", "sql": "SELECT 1"})
    assert (made.output_layer, made.mode, made.inputs) == ("silver", "full_refresh", [])


def test_an_input_goes_by_the_name_that_it_was_given() -> None:
    made = DuckdbTransform.model_validate(
        definition(sql="SELECT * FROM {{ people }}", inputs=[CUSTOMERS | {"as": "people"}])
    )
    assert set(made.placeholders()) == {"people", "this"}
    assert made.stored()["inputs"] == [CUSTOMERS | {"as": "people"}]


def test_the_full_name_tells_two_tables_of_one_name_apart() -> None:
    both = [CUSTOMERS, {"bronze_dataset": "bronze.klaviyo.customers"}]
    sql = "SELECT * FROM {{ bronze_shopify_customers }}, {{ bronze_klaviyo_customers }}"
    assert set(DuckdbTransform.model_validate(definition(sql=sql, inputs=both)).placeholders()) == {
        "bronze_shopify_customers",
        "bronze_klaviyo_customers",
        "this",
    }


BOTH = [CUSTOMERS, {"bronze_dataset": "bronze.klaviyo.customers"}]
USE = "SELECT * FROM {{ bronze_customers }}"

REFUSED: list[tuple[dict[str, Any], tuple[Any, ...], str]] = [
    ({"transform_name": "1st"}, ("transform_name",), "use a letter"),
    ({"transform_name": "../gold"}, ("transform_name",), "use a letter"),
    ({"transform_name": "_delta_log"}, ("transform_name",), "use a letter"),
    ({"sql": ""}, ("sql",), "at least 1 character"),
    *(({"sql": sql}, ("sql",), "there is no query") for sql in ("  \n", ";", "-- later", "/* /* */ */ ;\t", "\ufeff")),
    ({"sql": "SELECT '\0'"}, ("sql",), "NUL"),
    ({"output_layer": "bronze"}, ("output_layer",), "'silver' or 'gold'"),
    ({"mode": "append"}, ("mode",), "'full_refresh' or 'incremental_merge'"),
    ({"mode": "incremental_merge"}, ("merge_keys",), "needs merge_keys"),
    ({"mode": "incremental_merge", "merge_keys": ["id", "id"]}, ("merge_keys", 1), "twice"),
    ({"inputs": [{}]}, ("inputs", 0), "name one dataset"),
    ({"inputs": [CUSTOMERS | {"silver_dataset": "x"}]}, ("inputs", 0), "name one dataset"),
    ({"inputs": [{"bronze_dataset": "customers"}]}, ("inputs", 0, "bronze_dataset"), "bronze.<source>.<table>"),
    ({"inputs": [{"silver_dataset": "bronze.x"}]}, ("inputs", 0, "silver_dataset"), "silver.<name> or gold.<name>"),
    ({"inputs": [{"silver_dataset": "gold.1st"}]}, ("inputs", 0, "silver_dataset"), "use a letter"),
    ({"inputs": [CUSTOMERS], "sql": "SELECT 1"}, ("inputs", 0), "not used"),
    ({"inputs": [CUSTOMERS], "sql": "SELECT '{{ bronze_customers }}'"}, ("inputs", 0), "not used"),
    ({"inputs": [CUSTOMERS], "sql": "SELECT 1 -- {{ bronze_customers }}"}, ("inputs", 0), "not used"),
    ({"sql": "SELECT * FROM {{ orders }}"}, ("sql",), "none of the inputs; there are: this"),
    ({"inputs": [CUSTOMERS], "sql": USE + ", {{ ref('x') }}"}, ("sql",), "bronze_customers, bronze_shopify"),
    ({"inputs": BOTH, "sql": USE}, ("sql",), "could be bronze.shopify.customers, bronze.klaviyo.customers"),
    ({"inputs": [CUSTOMERS, CUSTOMERS], "sql": USE}, ("inputs", 1), "another input is called"),
    ({"sql": "SELECT $/inputs/day"}, ("sql",), "inside a string literal"),
    ({"sql": "SELECT $$ $/inputs/day $$"}, ("sql",), "inside a string literal"),
    ({"sql": "SELECT 1 /* open /* and */"}, ("sql",), "the comment that begins in line 1"),
    ({"sql": "SELECT 1,\n'it"}, ("sql",), 'the string that begins in line 2 ("\'it") never ends'),
    ({"kind": "http_request"}, ("kind",), "duckdb_transform"),
    ({"schedule": "daily"}, ("schedule",), "Extra inputs"),
]


@pytest.mark.parametrize(("changes", "loc", "words"), REFUSED)
def test_a_definition_that_cannot_work_is_refused_and_the_field_named(
    changes: dict[str, Any], loc: tuple[Any, ...], words: str
) -> None:
    assert any(where == loc and words in message for where, _, message in problems(**changes)), problems(**changes)


def test_a_reference_inside_a_literal_is_allowed() -> None:
    sql = "SELECT * FROM read_parquet('$/steps/extract/result/destination_path')"
    assert DuckdbTransform.model_validate(definition(sql=sql)).sql == sql


def test_placeholders_are_filled_everywhere_but_in_text() -> None:
    sql = (
        """SELECT '{{ a }}', e'\\'{{ a }}', "{{ a }}", $$ {{ a }} $$ /* {{ a }} */ FROM {{ A }} JOIN {{a}} -- {{ a }}"""
    )
    filled = """SELECT '{{ a }}', e'\\'{{ a }}', "{{ a }}", $$ {{ a }} $$ /* {{ a }} */ FROM <a> JOIN <a> -- {{ a }}"""
    assert used_placeholders(sql) == ["a", "a"]
    assert fill_placeholders(sql, lambda name: f"<{name}>") == filled


def test_a_typed_literal_is_no_escape_string() -> None:
    assert used_placeholders("SELECT DATE'2020-01-01\\' FROM {{ a }}") == ["a"]
