"""explain_schema on a real DuckDB and real tables, in a folder."""

from typing import Any

import pytest

from vai_testkit.link import RecordingLink
from vai_transform_worker.asking.schema_child import explain
from vai_transform_worker.asking.sensitive import masked_as
from vai_worker.children.job import Job

Json = dict[str, Any]


def explained(shop: Any, *names: str, **definition: Any) -> Json:
    sources = [
        {"name": name, "dataset": name, **(shop.inputs.get(name) or shop.inputs[name.removeprefix("silver.")])}
        for name in names
    ]
    prepared = {
        "memory_mb": 256,
        "spill_mb": 100,
        "seconds": 20.0,
        "sources": sources,
        "about": [{"dataset": name, "age_seconds": 1.0} for name in names],
        "left_out": [],
        "asks": False,
    }
    job = Job("run-1", shop.org_id, 1, 1, "explain_schema", definition, None, None, shop.url, prepared)
    shop.link = RecordingLink()
    return explain(job, shop.link)


@pytest.fixture
def shop(workshop: Any) -> Any:
    customers = [{"id": n, "email": f"c{n}@example.com", "token": "x" * n, "tier": "gold"} for n in range(1, 21)]
    orders = [
        {"order_no": f"A-{n}", "customer_id": n % 25 + 1, "total": n / 4, "note": None if n % 4 else "gift"}
        for n in range(200)
    ]
    workshop.silver("stg_customers", customers)
    workshop.silver("orders", orders)
    workshop.bronze("shop.events", [{"order_no": f"A-{n}", "at": n} for n in range(50)])
    return workshop


def columns(result: Json, table: int = 0) -> dict[str, Json]:
    return {each["name"]: each for each in result["tables"][table]["columns"]}


def test_a_table_tells_its_columns_with_shares_ends_and_samples(shop: Any) -> None:
    result = explained(shop, "silver.orders")
    (table,) = result["tables"]
    assert (table["rows"], table["sampled"], table["age_seconds"]) == (200, False, 1.0)
    assert table["likely_keys"] == ["order_no"]
    told = columns(result)
    assert (told["note"]["null_share"], told["note"]["samples"], told["note"]["distinct"]) == (0.75, ["gift"], 1)
    assert (told["total"]["type"], told["total"]["min"], told["total"]["max"]) == ("DOUBLE", "0.0", "49.75")
    assert len(told["order_no"]["samples"]) == 5
    assert (told["order_no"]["distinct"], told["order_no"]["distinct_share"]) == (200, 1.0)


def test_personal_data_and_secrets_are_not_shown(shop: Any) -> None:
    result = explained(shop, "silver.stg_customers")
    told = columns(result)
    assert (told["email"]["masked"], told["token"]["masked"], told["tier"]["masked"]) == (
        "personal data",
        "secret",
        None,
    )
    for name in ("email", "token"):
        assert (told[name]["samples"], told[name]["min"], told[name]["max"]) == ([], None, None)
    assert "@example.com" not in str(result)


@pytest.mark.parametrize(
    ("name", "values", "found"),
    [
        ("contact", ["ada@example.org", "b@example.org"], "personal data"),
        ("x", ["+49 30 1234567"], "personal data"),
        ("x", ["DE89370400440532013000"], "personal data"),
        ("x", ["4111 1111 1111 1111"], "personal data"),
        ("customerEmail", [], "personal data"),
        ("shipping_address", [], "personal data"),
        ("api_key", [], "secret"),
        ("x", ["sk-abcdefghijklmnop1234"], "secret"),
        ("x", ["Bearer abcdefghijklmnop"], "secret"),
        ("amount", ["1234567", "7654321"], None),
        ("day", ["2026-01-01", "2026-01-02"], None),
        ("description", ["a tower", "a gate"], None),
        ("zipped", ["yes"], None),
    ],
)
def test_what_looks_personal_or_secret_is_known_by_name_or_form(
    name: str, values: list[str], found: str | None
) -> None:
    assert masked_as(name, values) == found


def test_likely_joins_are_found_by_names_and_by_values_that_are_shared(shop: Any) -> None:
    joins = explained(shop, "silver.orders", "silver.stg_customers", "bronze.shop.events")["joins"]
    assert {"dataset": "silver.stg_customers", "column": "id"} in [each["to"] for each in joins]
    (to_customer,) = [each for each in joins if each["from"]["column"] == "customer_id"]
    assert (to_customer["overlap"], to_customer["by_name"]) == (0.8, True)
    (to_order,) = [each for each in joins if each["from"] == {"dataset": "bronze.shop.events", "column": "order_no"}]
    assert (to_order["to"]["dataset"], to_order["overlap"]) == ("silver.orders", 1.0)


def test_a_large_table_is_looked_at_in_part_and_says_so(workshop: Any) -> None:
    workshop.silver("many", [{"n": n, "half": n // 2} for n in range(5_000)])
    (table,) = explained(workshop, "silver.many", sample_rows=1_000)["tables"]
    assert (table["rows"], table["sampled"], table["rows_looked_at"]) == (5_000, True, 1_000)


def test_odd_tables_are_told_too(workshop: Any) -> None:
    workshop.silver("odd", [{'a "b"': [1, 2], "s": {"x": 1}, "ünï": "ü" * 1_000}])
    workshop.inputs["bronze.shop.none"] = {"files": [], "columns": []}
    result = explained(workshop, "silver.odd", "bronze.shop.none")
    told = columns(result)
    assert (told['a "b"']["samples"], told['a "b"']["min"]) == (["[1, 2]"], None)
    assert (len(told["ünï"]["samples"][0]), told["s"]["distinct"]) == (200, 1)
    assert result["left_out"] == ["bronze.shop.none"]
