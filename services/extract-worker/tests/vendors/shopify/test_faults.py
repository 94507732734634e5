"""What the vendor refuses, and what goes wrong, ends as the error that it is; nothing moves a cursor too far."""

import json
from typing import Any

import pytest

from vai_common.errors import ErrorCode, Retryable, RunError
from vai_extract_worker.vendors.shopify import admin, bulk
from vai_extract_worker.vendors.shopify.selections import Columns, read
from vai_records.definitions.dlt_extract import DltExtract
from vai_testkit.servers.json_api import Say
from vai_testkit.vendors.shopify import TOKEN, ShopifyServer
from vai_worker.children.job import ConnectionSecret

LARGE = {"incremental": True, "resources": ["orders"], "bulk": "always"}


def failed(bench: Any, **asked: Any) -> RunError:
    with pytest.raises(RunError) as found:
        bench.extract("shopify", **{"resources": ["products"]} | asked)
    return found.value


def refused(said: Any, status: int, headers: dict[str, str] | None = None) -> list[Say]:
    return [Say({"errors": said}, status, headers or {})] * 5


# Accounts -------------------------------------------------------------------------------------------------------------


def test_a_token_that_was_revoked(bench: Any, shopify: ShopifyServer) -> None:
    given = bench.connection
    bench.connection = ConnectionSecret("id", "corner", "shopify", given.config, {"access_token": "shpat_revoked1"})
    error = failed(bench)
    assert (error.code, error.retryable, error.details["statusCode"]) == (ErrorCode.AUTH_ERROR, False, 401)
    assert "Invalid API key" in error.details["shopifyError"]
    assert "access_token" in error.message
    assert "shpat_revoked1" not in json.dumps(error.as_json())


@pytest.mark.parametrize(
    ("status", "code", "is_final", "words"),
    [
        (402, ErrorCode.CONNECTION_ERROR, True, "frozen"),
        (403, ErrorCode.AUTH_ERROR, True, "scopes"),
        (404, ErrorCode.CONNECTION_ERROR, True, "no such shop"),
        (423, ErrorCode.CONNECTION_ERROR, True, "locked"),
        (430, ErrorCode.RATE_LIMITED, False, "attack"),
        (429, ErrorCode.RATE_LIMITED, False, "too many requests"),
        (503, ErrorCode.CONNECTION_ERROR, False, "fails"),
    ],
)
def test_what_http_says(
    bench: Any, shopify: ShopifyServer, status: int, code: ErrorCode, is_final: bool, words: str
) -> None:
    shopify.say = refused("Unavailable", status, {"Retry-After": "30"} if status == 429 else {})
    error = failed(bench)
    assert (error.code, not error.retryable) == (code, is_final)
    assert words in error.message


@pytest.mark.parametrize("config", [{}, {"shop": "evil.example/#"}, {"shop": "two words"}])
def test_a_shop_that_is_none(bench: Any, config: dict[str, str]) -> None:
    bench.connection = ConnectionSecret("id", "corner", "shopify", config, {"access_token": TOKEN})
    error = failed(bench)
    assert (error.code, error.details["field"]) == (ErrorCode.DATA_ERROR, "config.shop")


def test_a_scope_that_is_missing(bench: Any, shopify: ShopifyServer) -> None:
    shopify.denied["QueryRoot.products"] = "read_products"
    error = failed(bench)
    assert error.code is ErrorCode.AUTH_ERROR
    assert "`read_products`" in error.message
    result = bench.extract("shopify", resources=["products", "collections"])  # the other tables are extracted
    assert (result["failed_resources"], result["per_resource_rows"]) == (["products"], {"collections": 4})


def test_a_version_that_is_no_longer_served_is_told(bench: Any, shopify: ShopifyServer) -> None:
    bench.extract("shopify", api_version="2024-04", resources=["products"])
    assert [entry for entry in bench.entries if entry[0] == "api_version_served"]
    assert "2026-01" in dict(bench.entries)["api_version_served"]
    with pytest.raises(ValueError, match="api_version"):
        DltExtract.model_validate({"source": "shopify", "api_version": "2024-05"})


# The budget -----------------------------------------------------------------------------------------------------------


def test_throttled_within_a_success_is_waited_for(bench: Any, shopify: ShopifyServer) -> None:
    shopify.throttles = 2
    bench.extract("shopify", resources=["products"])
    assert shopify.throttled == 2
    assert len(bench.column("products", "id")) == 6


def test_a_budget_that_stays_empty_frees_the_worker(
    bench: Any, shopify: ShopifyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "PATIENCE", 0.0)
    shopify.throttles = 10
    error = failed(bench)
    assert isinstance(error, Retryable)
    assert (error.code, bool(error.retry_after)) == (ErrorCode.RATE_LIMITED, True)


def test_the_budget_is_kept_before_the_vendor_complains(bench: Any, shopify: ShopifyServer) -> None:
    """Two thousand to begin with, and as fast as it fills: no query is refused after the first tells its cost."""
    shopify.restore, shopify.maximum = 10_000.0, 2_000.0
    bench.extract("shopify", bulk="never", resources=["order_line_items"])
    assert shopify.throttled <= 1
    assert len(shopify.queries) > 5


def test_a_query_that_costs_too_much_is_asked_for_less(bench: Any, shopify: ShopifyServer) -> None:
    bench.extract("shopify", bulk="never", resources=["orders"])
    firsts = [one["variables"]["first"] for one in shopify.asked_with("orders(")]
    assert firsts[0] == 100
    assert firsts[-1] == firsts[-2] < 100  # and remembered


def test_a_failure_of_the_vendor_is_asked_again_for_less(bench: Any, shopify: ShopifyServer) -> None:
    fault = {"errors": [{"message": "Internal error", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}
    shopify.say = [Say(fault)] * 2
    bench.extract("shopify", resources=["products"])
    assert bench.table("products").num_rows == 6
    shopify.say = [Say(fault)] * 10
    bench.next_run()
    error = failed(bench)
    assert (error.code, error.retryable) == (ErrorCode.CONNECTION_ERROR, True)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"errors": [{"message": "Field 'x' doesn't exist", "extensions": {"code": "undefinedField"}}]}, "DATA_ERROR"),
        ({"errors": "[API] This app is not approved"}, "DATA_ERROR"),
        ({"data": None}, "DATA_ERROR"),
        ([], "DATA_ERROR"),
    ],
)
def test_answers_that_are_none(bench: Any, shopify: ShopifyServer, body: Any, code: str) -> None:
    shopify.say = [Say(body)] * 3
    assert failed(bench).code.value == code


def test_a_page_that_repeats_ends(bench: Any, shopify: ShopifyServer) -> None:
    page = {"nodes": [{"id": "gid://shopify/Product/1", "updatedAt": "2026-01-01T00:00:00Z"}]}
    info = {"pageInfo": {"hasNextPage": True, "endCursor": "same"}}
    shopify.say = [Say({"data": {"products": page | info}})] * 5
    assert "twice" in failed(bench).message


# Bulk operations ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fate", ["FAILED", "CANCELED", "EXPIRED", "half"])
def test_a_bulk_operation_that_fails_moves_no_cursor(bench: Any, shopify: ShopifyServer, fate: str) -> None:
    shopify.bulk.fates = [fate]
    error = failed(bench, **LARGE)
    assert isinstance(error, Retryable)
    assert (error.code, bench.cursors) == (ErrorCode.CONNECTION_ERROR, {})
    assert not [file for commit in bench.commits for file in commit["files"]]
    bench.extract("shopify", **LARGE)  # the next attempt
    assert len(set(bench.column("orders", "id"))) == bench.table("orders").num_rows == 42


def test_a_bulk_operation_that_may_not_read_all(bench: Any, shopify: ShopifyServer) -> None:
    shopify.denied["Order.email"] = "read_customers"
    error = failed(bench, **LARGE)
    assert (error.code, error.details["errorCode"]) == (ErrorCode.AUTH_ERROR, "ACCESS_DENIED")
    assert not bench.cursors


def test_one_that_takes_too_long_is_cut_in_two(bench: Any, shopify: ShopifyServer) -> None:
    shopify.bulk.fates = ["TIMEOUT"]
    bench.extract("shopify", **LARGE, start_date="2026-01-01", end_date="2026-01-02")
    assert len(shopify.bulk.known) == 3  # the whole, and its halves
    assert [entry[0] for entry in bench.entries].count("slice_divided") == 1
    assert bench.table("orders").num_rows == len(set(bench.column("orders", "id"))) == 42


def test_one_that_takes_too_long_and_has_no_beginning_is_paged(bench: Any, shopify: ShopifyServer) -> None:
    shopify.bulk.fates = ["TIMEOUT"]
    bench.extract("shopify", **LARGE)
    assert bench.table("orders").num_rows == 42
    assert "bulk_too_long" in dict(bench.entries)


def test_a_download_that_breaks_or_whose_link_expires_goes_on(bench: Any, shopify: ShopifyServer) -> None:
    shopify.broken_downloads, shopify.old_links = 2, 1
    bench.extract("shopify", bulk="always", resources=["order_line_items"])
    asked = [ask for ask in shopify.api.asked if ask.path.startswith("/bulk/")]
    assert [bool(ask.headers.get("range")) for ask in asked] == [False, False, True, True]
    assert not any("x-shopify-access-token" in ask.headers for ask in asked)  # the file is not the shop's
    rows = bench.column("order_line_items", "id")
    assert len(rows) == len(set(rows)) == len(shopify.shop.nested("orders", "lineItems"))


def test_one_that_a_dead_worker_began_is_taken(bench: Any, shopify: ShopifyServer) -> None:
    shopify.bulk.polls = 3
    asked = {"bulk": "always", "resources": ["products"], "start_date": "2026-01-01", "end_date": "2026-01-20"}
    whole = shopify.bulk.start

    def lost(query: str, **more: Any) -> Any:
        whole(query, **more)  # it works; the one who asked is gone
        shopify.bulk.start = whole  # type: ignore[method-assign]
        return whole(query, **more)

    shopify.bulk.start = lost  # type: ignore[method-assign]
    bench.extract("shopify", **asked)
    assert len(shopify.bulk.known) == 1
    assert bench.table("products").num_rows == 6


def test_one_of_somebody_else_is_waited_for(
    bench: Any, shopify: ShopifyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    shopify.bulk.start("{ customers { edges { node { id } } } }")
    asked = {"bulk": "always", "resources": ["products"]}
    bench.extract("shopify", **asked)
    assert [one.query[:12] for one in shopify.bulk.known] == ["{ customers ", "{ products(s"]
    shopify.bulk.start("{ customers { edges { node { id } } } }")
    shopify.bulk.polls = 1_000_000
    monkeypatch.setattr(bulk, "BUSY_SECONDS", 0.0)
    bench.next_run()
    error = failed(bench, **asked)
    assert isinstance(error, Retryable)
    assert (error.code, error.retry_after) == (ErrorCode.RATE_LIMITED, 60.0)


def test_one_that_stands_still_is_given_up(bench: Any, shopify: ShopifyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "STALLED_SECONDS", 0.0)
    shopify.bulk.polls = 1_000_000
    error = failed(bench, **LARGE)
    assert (error.code, error.retryable) == (ErrorCode.CONNECTION_ERROR, True)
    assert "stands still" in error.message


def test_nothing_found_in_bulk_is_nothing(bench: Any, shopify: ShopifyServer) -> None:
    shopify.shop.rows["orders"] = []
    assert bench.extract("shopify", **LARGE)["recordsProcessed"] == 0


# Texts ----------------------------------------------------------------------------------------------------------------


def test_selections_become_columns() -> None:
    parts = read("id taxSet { shopMoney { amount } presentmentMoney { amount } } customer { id } a(x: 1) { b c }")
    assert " ".join(part.text for part in parts).count("{") == 5
    money = {"shopMoney": {"amount": "1.5"}, "presentmentMoney": {"amount": "2"}}
    found = Columns(parts, {}).of({"id": "gid://shopify/Order/7", "taxSet": money, "customer": None, "a": [{"b": 1}]})
    assert found == {
        "id": 7, "admin_graphql_api_id": "gid://shopify/Order/7", "tax": "1.5", "tax_presentment": "2",
        "customer_id": None, "a": [{"b": 1}],
    }  # fmt: skip
    odd = "gid://shopify/InventoryLevel/7?inventory_item_id=9"
    assert Columns(read("id"), {}).of({"id": odd})["id"] == odd  # the number alone would be that of its place
    with pytest.raises(ValueError, match="odd brace"):
        read("id }")
