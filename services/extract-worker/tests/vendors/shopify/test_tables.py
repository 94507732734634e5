"""Every table of a shop comes whole, each row once: page by page and in bulk, also what lies within other rows."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from vai_records.definitions.source_types import source_types
from vai_testkit.vendors.shopify import ShopifyServer
from vai_testkit.vendors.shopify.shop import MANY

HIS = "SELECT id AS customer_id, email, first_name, last_name, CAST(total_spent AS DECIMAL(18,2)) AS total_spent, "
HIS += "created_at AS created_at_utc FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY updated_at DESC) = 1"
"""The silver table of document 000."""


def counts(server: ShopifyServer) -> dict[str, int]:
    rows, nested = server.shop.rows, server.shop.nested
    return {
        "locations": 3,
        "collections": len(rows["collections"]),
        "deletions": 6,
        "products": len(rows["products"]),
        "product_variants": len(rows["productVariants"]),
        "inventory_items": len(rows["inventoryItems"]),
        "inventory_levels": len(nested("locations", "inventoryLevels")),
        "customers": len(rows["customers"]),
        "orders": len(rows["orders"]),
        "refunds": len(nested("orders", "refunds")),
        "fulfillments": len(nested("orders", "fulfillments")),
        "transactions": len(nested("orders", "transactions")),
        "order_line_items": len(nested("orders", "lineItems")),
    }


def own(table: Any) -> list[dict[str, Any]]:
    """The rows without the platform's columns, in one order."""
    names = [name for name in table.schema.names if not name.startswith("_")]
    rows: list[dict[str, Any]] = table.select(names).to_pylist()
    return sorted(rows, key=lambda row: str(row["id"]))


def test_all_of_a_shop_comes_each_row_once_and_alike_in_both_ways(bench: Any, shopify: ShopifyServer) -> None:
    wanted, seen = counts(shopify), []
    for how in ("never", "auto"):
        bench.next_run()
        shopify.api.asked.clear()
        result = bench.extract("shopify", bulk=how)
        told = bench.checkpoint["resources"].values()
        assert sum(state["requests"] for state in told) == len(shopify.api.asked)
        assert result["per_resource_rows"] == wanted
        assert list(wanted) == list(result["per_resource_rows"])  # XS to XL
        assert bool(shopify.bulk.known) is (how == "auto")
        seen.append({name: own(bench.table(name)) for name in wanted})
    assert seen[0] == seen[1]
    for table in source_types()["shopify"].resources:
        rows = seen[0][table.name]
        assert len({tuple(row[name] for name in table.primary_key) for row in rows}) == len(rows), table.name


def test_rows_are_as_the_vendor_has_them(bench: Any, shopify: ShopifyServer) -> None:
    bench.extract("shopify", bulk="never", resources=["orders", "order_line_items", "refunds", "customers"])
    rows = {row["name"]: row for row in bench.table("orders").to_pylist()}
    first, theirs = rows["#1001"], shopify.shop.rows["orders"][0]
    assert first["admin_graphql_api_id"] == f"gid://shopify/Order/{first['id']}" == theirs["id"]
    assert (first["total_price"], first["total_price_presentment"]) == (Decimal("0.95"), Decimal("0.99"))
    assert first["updated_at"] == datetime(2026, 1, 1, tzinfo=UTC)
    assert first["note"] == "Bitte klingeln 🔔\n2. Stock"
    assert first["customer_id"] is None
    assert rows["#1002"]["customer_id"] == int(shopify.shop.rows["customers"][1]["legacyResourceId"])
    lines = [row for row in bench.table("order_line_items").to_pylist() if row["order_id"] == first["id"]]
    assert len(lines) == len({row["id"] for row in lines}) == MANY  # beyond the first page of a connection
    assert {row["product_id"] is None for row in lines} == {True, False}  # some are of products long gone
    refund = next(row for row in bench.table("refunds").to_pylist() if row["order_id"] == first["id"])
    with duckdb.connect() as connection:
        (found,) = connection.execute("SELECT json_array_length(?)", [refund["refund_line_items"]]).fetchone() or (0,)
        assert found == MANY
        t = bench.table("customers")  # noqa: F841 - the SQL names it
        silver = connection.execute(HIS).fetchall()
    assert len(silver) == 9
    assert any(row[1:5] == ("ada+1@example.com", "Ada", "O'Neil 1", Decimal("17.50")) for row in silver)


@pytest.mark.parametrize("how", ["never", "always"])
def test_what_is_personal_is_not_asked_for_where_it_is_not_wanted(bench: Any, shopify: ShopifyServer, how: str) -> None:
    shopify.denied |= {"Customer.defaultEmailAddress": "read_customers", "Order.customer": "read_customers"}
    bench.extract("shopify", bulk=how, personal_data=False, resources=["customers", "orders"])
    assert {"email", "first_name"}.isdisjoint(bench.table("customers").schema.names)
    assert {"customer_id", "shipping_address"}.isdisjoint(bench.table("orders").schema.names)
    assert bench.table("orders").num_rows == 42


def test_a_value_that_does_not_fit_its_column_is_kept(bench: Any, shopify: ShopifyServer) -> None:
    shopify.shop.rows["productVariants"][3]["price"] = "0.000125"
    bench.extract("shopify", bulk="never", resources=["product_variants"])
    assert "0.000125" in bench.column("product_variants", "price")


def test_a_trial_takes_a_few_rows_no_page_that_it_does_not_need_and_no_bulk_operation(
    bench: Any, shopify: ShopifyServer
) -> None:
    bench.extract("shopify", limit_rows=5, resources=["orders"])
    assert bench.table("orders__trial").num_rows == 5
    assert {one["variables"]["after"] for one in shopify.asked_with("orders(")} == {None}
    assert not shopify.bulk.known
    assert not bench.cursors
