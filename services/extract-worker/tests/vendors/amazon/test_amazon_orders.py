"""The source `amazon_sp_api`: orders, tokens, quotas, and what Amazon answers to what is wrong."""

from datetime import timedelta
from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_testkit.servers.json_api import Say


def _start(server: Any, days: float) -> str:
    return str((server.shop.now - timedelta(days=days)).isoformat())


@pytest.mark.parametrize("version", ["2026-01-01", "v0"])
def test_orders_and_items_come_page_by_page_and_once(seller: Any, server: Any, version: str) -> None:
    server.shop.sell(25, days=10)
    server.page_size = 4
    seller.extract(
        "orders", "order_items", incremental=True, start_date=_start(server, 12), slice_days=5, orders_version=version
    )
    orders, items = seller.bench.table("orders"), seller.bench.table("order_items")
    assert (orders.num_rows, len(set(orders["orderId"].to_pylist()))) == (25, 25)
    assert (items.num_rows, len(set(items["orderItemId"].to_pylist()))) == (50, 50)
    assert "orderItems" not in orders.column_names
    assert server.throttled == []


@pytest.mark.parametrize("version", ["2026-01-01", "v0"])
def test_an_order_that_changes_comes_again(seller: Any, server: Any, version: str) -> None:
    server.shop.sell(6, days=3)
    asked = {"incremental": True, "orders_version": version}
    seller.extract("orders", start_date=_start(server, 5), **asked)
    seller.bench.next_run()
    changed = server.shop.orders[0]["orderId"]
    server.shop.update(changed, server.time.now() - timedelta(minutes=4))
    server.time.advance(600)
    seller.extract("orders", **asked)
    assert seller.bench.column("orders", "orderId") == [changed]


def test_a_token_that_ends_in_mid_run_is_renewed(seller: Any, server: Any) -> None:
    server.shop.sell(20, days=3)
    server.page_size = 5

    def expire(operation: str, ask: Any) -> None:
        if operation == "searchOrders" and server.asked(operation) == 2 and not seller.renewed:
            server.expire_tokens()

    server.at = expire
    seller.extract("orders", start_date=_start(server, 5))
    assert seller.bench.table("orders").num_rows == 20
    assert [list(one) for one in seller.renewed] == [["rejected"]]


def test_an_app_without_the_role_is_told_so_and_no_token_is_wasted(seller: Any, server: Any) -> None:
    server.refused = {"searchOrders"}
    with pytest.raises(Permanent) as caught:
        seller.extract("orders", start_date=_start(server, 5))
    assert caught.value.code == ErrorCode.AUTH_ERROR
    assert "role" in caught.value.message
    assert seller.renewed == []


def test_a_quota_that_somebody_else_used_up_frees_the_worker(seller: Any, server: Any) -> None:
    server.shop.sell(4, days=3)
    while server._has_room("searchOrders"):
        pass
    with pytest.raises(Retryable) as caught:
        seller.extract("orders", start_date=_start(server, 5))
    assert caught.value.code == ErrorCode.RATE_LIMITED
    assert caught.value.retry_after == pytest.approx(1 / 0.0056, rel=0.01)
    assert server.throttled == ["searchOrders"]


def test_what_came_before_a_fault_is_kept_and_the_next_attempt_goes_on_after_it(seller: Any, server: Any) -> None:
    server.shop.sell(20, days=3)
    server.page_size = 5
    said = {"errors": [{"code": "InternalFailure", "message": "We had an error."}]}
    server.at = lambda operation, ask: Say(said, 500) if server.asked(operation) >= 3 else None
    with pytest.raises(Retryable, match="InternalFailure"):
        seller.extract("orders", incremental=True, start_date=_start(server, 5))
    server.at = lambda operation, ask: None
    before = server.asked("searchOrders")
    seller.extract("orders", incremental=True, start_date=_start(server, 5))
    assert server.asked("searchOrders") - before == 2
    ids = seller.bench.column("orders", "orderId")
    assert (len(ids), len(set(ids))) == (20, 20)


def test_a_page_token_that_has_ended_says_what_to_do(seller: Any, server: Any) -> None:
    server.shop.sell(20, days=3)
    server.page_size = 5
    server.at = lambda operation, ask: Say({"errors": []}, 500) if server.asked(operation) >= 3 else None
    with pytest.raises(Retryable):
        seller.extract("orders", incremental=True, start_date=_start(server, 5))
    server.at = lambda operation, ask: None
    server.time.advance(25 * 3600)
    with pytest.raises(Permanent, match="Start a new run"):
        seller.extract("orders", incremental=True, start_date=_start(server, 5))


def test_a_token_of_the_same_page_ends_the_run_and_not_never(seller: Any, server: Any) -> None:
    server.at = lambda operation, ask: Say({"orders": [], "pagination": {"nextToken": "again"}})
    with pytest.raises(Permanent, match="same page"):
        seller.extract("orders", start_date=_start(server, 5))


def test_an_answer_that_is_no_json_is_asked_for_again(seller: Any, server: Any) -> None:
    server.shop.sell(3, days=3)
    server.at = lambda operation, ask: Say(raw=b"<html>") if server.asked(operation) == 1 else None
    seller.extract("orders", start_date=_start(server, 5))
    assert seller.bench.table("orders").num_rows == 3


def test_without_marketplaces_all_are_asked_for_in_which_the_seller_sells(seller: Any, server: Any) -> None:
    server.shop.sell(3, days=3)
    server.marketplaces = [("ATVPDKIKX0DER", "US"), ("A2EUQ1WTGCTBG2", "CA"), ("A3H6HPSLHAK3XG", "Non-Amazon US")]
    del seller.bench.connection.config["marketplaces"]
    seller.extract("orders", start_date=_start(server, 5))
    (asked, *_) = server.api.asked_for("/orders/2026-01-01/orders")
    assert asked.query["marketplaceIds"] == "ATVPDKIKX0DER,A2EUQ1WTGCTBG2"


@pytest.mark.parametrize(
    ("operation", "table", "version", "says"),
    [
        ("searchOrders", "orders", "2026-01-01", "no list orders"),
        ("searchOrders", "order_items", "2026-01-01", "no list orders"),
        ("getOrders", "orders", "v0", "no list payload.Orders"),
        ("getOrderItems", "order_items", "v0", "no list payload.OrderItems"),
        ("getReports", "settlements", "v0", "no list reports"),
        ("getReports", "merchant_listings", "v0", "no list reports"),
    ],
)
@pytest.mark.parametrize("body", [{}, {"payload": None}, {"orders": None, "payload": {}}, {"reports": [None]}])
def test_an_answer_without_its_list_is_not_an_empty_one(
    seller: Any, server: Any, operation: str, table: str, version: str, says: str, body: dict[str, Any]
) -> None:
    server.shop.sell(2, days=3)
    server.at = lambda asked, ask: Say(body) if asked == operation else None
    with pytest.raises(Permanent, match=says) as caught:
        seller.extract(table, start_date=_start(server, 5), orders_version=version)
    assert caught.value.code is ErrorCode.DATA_ERROR
    assert not any(commit["complete"] for commit in seller.bench.commits)
