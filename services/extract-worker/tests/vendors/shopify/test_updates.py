"""What is new is told by the time of its update: no row of a second is lost or doubled, whoever dies in between."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vai_common.clock import now
from vai_common.errors import Retryable
from vai_extract_worker.loading import loading
from vai_testkit.servers.json_api import Say
from vai_testkit.vendors.shopify import ShopifyServer
from vai_testkit.vendors.shopify.shop import BEGIN


class Killed(BaseException):
    """The child is gone: nothing of it is said any more."""


def numbers(bench: Any, table: str = "orders") -> list[int]:
    found: list[int] = bench.column(table, "id")
    return found


def test_the_next_run_brings_what_was_updated_and_what_is_new_whatever_their_ids(
    bench: Any, shopify: ShopifyServer
) -> None:
    asked = {"incremental": True, "resources": ["orders", "order_line_items"]}
    assert bench.extract("shopify", **asked)["recordsProcessed"] > 42
    old = shopify.shop.touch("orders", 3, BEGIN + timedelta(days=30), note="changed")
    new = shopify.shop.add_order(BEGIN + timedelta(days=30))  # in the same second
    bench.next_run()
    bench.extract("shopify", **asked)
    assert sorted(numbers(bench)) == sorted(int(row["legacyResourceId"]) for row in (old, new))
    assert len(shopify.bulk.known) == 2  # of the first load
    assert set(bench.column("order_line_items", "order_id")) == set(numbers(bench))
    assert len(numbers(bench, "order_line_items")) == len(old["lineItems"]) + len(new["lineItems"])
    bench.next_run()
    assert bench.extract("shopify", **asked)["recordsProcessed"] == 0


def test_rows_of_the_last_second_that_come_later_are_not_lost(bench: Any, shopify: ShopifyServer) -> None:
    asked = {"incremental": True, "resources": ["orders"]}
    bench.extract("shopify", **asked)
    last = max(row["updatedAt"] for row in shopify.shop.rows["orders"])
    late = shopify.shop.add_order(datetime.fromisoformat(last))
    unfound = shopify.shop.add_order(datetime.fromisoformat(last) - timedelta(minutes=4))  # the search found it late
    bench.next_run()
    bench.extract("shopify", **asked)
    assert sorted(numbers(bench)) == sorted(int(row["legacyResourceId"]) for row in (late, unfound))


def test_many_rows_of_one_second_at_the_edge_of_a_page_come_once(bench: Any, shopify: ShopifyServer) -> None:
    for row in shopify.shop.rows["orders"]:
        row["updatedAt"] = "2026-02-01T00:00:00Z"
    bench.extract("shopify", bulk="never", incremental=True, resources=["orders"])
    assert len(shopify.asked_with("orders(")) > 2  # pages of one second
    assert len(numbers(bench)) == len(set(numbers(bench))) == 42


def test_rows_that_move_while_they_are_read_are_not_lost(bench: Any, shopify: ShopifyServer) -> None:
    """What is updated leaves the pages that are to come; the next run has it."""
    moved: list[int] = []
    answer = shopify.api.default

    def meanwhile(ask: Any) -> Any:
        said = answer(ask)
        if len(shopify.asked_with("orders(")) == 2 and not moved:
            for number in (1, 30, 41):
                row = shopify.shop.touch("orders", number, now(), note="moved")
                moved.append(int(row["legacyResourceId"]))
        return said

    shopify.api.default = meanwhile
    asked = {"bulk": "never", "incremental": True, "resources": ["orders"]}
    bench.extract("shopify", **asked)
    seen = numbers(bench)
    assert moved
    bench.next_run()
    for row in shopify.shop.rows["orders"]:  # a second later they lie before the end of the window
        row["updatedAt"] = min(row["updatedAt"], f"{now() - timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}")
    bench.extract("shopify", **asked)
    assert set(seen) | set(numbers(bench)) == {int(row["legacyResourceId"]) for row in shopify.shop.rows["orders"]}
    assert set(moved) <= set(numbers(bench)) | set(seen)


def test_a_row_that_is_updated_while_all_are_read_is_there_once(bench: Any, shopify: ShopifyServer) -> None:
    answer = shopify.api.default

    def meanwhile(ask: Any) -> Any:
        said = answer(ask)
        if len(shopify.asked_with("orders(")) == 3:
            for number in (1, 30, 41):
                shopify.shop.touch("orders", number, now(), note="moved")
        return said

    shopify.api.default = meanwhile
    bench.extract("shopify", bulk="never", resources=["orders"])
    assert len(numbers(bench)) == len(set(numbers(bench))) == 42


@pytest.mark.parametrize(("how", "end", "rows"), [("never", "2026-02-22", 42), ("always", "2026-01-13", 12)])
def test_kill_9_in_the_middle_of_many_slices_leaves_each_row_once(
    bench: Any, shopify: ShopifyServer, monkeypatch: pytest.MonkeyPatch, how: str, end: str, rows: int
) -> None:
    """Of 52 (12) slices most have one order each; it dies after each seventh commit."""
    for number, row in enumerate(shopify.shop.rows["orders"]):
        row["updatedAt"] = f"{BEGIN + timedelta(days=number):%Y-%m-%dT%H:%M:%SZ}"
    asked = {"bulk": how, "slice_days": 1, "start_date": "2026-01-01", "end_date": end}
    commit, left = bench._commit, [0]

    def dying(payload: dict[str, Any]) -> dict[str, Any]:
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        found: dict[str, Any] = commit(payload)
        return found

    monkeypatch.setattr(bench, "_commit", dying)
    deaths = 0
    while True:
        left[0] = 8
        bench.epoch += 1
        try:
            bench.extract("shopify", resources=["orders"], **asked)
            break
        except Killed:
            deaths += 1
    assert deaths == (7 if rows == 42 else 1)
    assert len(numbers(bench)) == len(set(numbers(bench))) == rows
    asked_for = [one["variables"].get("search") for one in shopify.asked_with("orders(")]
    if how == "never":
        assert max(asked_for.count(search) for search in asked_for) <= 4  # in whose commit it died; half is too dear


def test_an_attempt_goes_on_within_a_slice(bench: Any, shopify: ShopifyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "COMMIT_SECONDS", 0.0)
    answer = shopify.api.default
    broken: list[bool] = []

    def breaking(ask: Any) -> Any:
        if len(shopify.asked_with("orders(")) == 3 and not broken:
            broken.append(True)
            shopify.say = [Say({"errors": "Service Unavailable"}, 503)] * 3
        return answer(ask)

    shopify.api.default = breaking
    asked = {"bulk": "never", "incremental": True, "resources": ["orders"], "retry": {"max_attempts": 2}}
    with pytest.raises(Retryable):
        bench.extract("shopify", **asked)
    before = len(shopify.asked_with("orders("))
    bench.attempt = 2
    bench.extract("shopify", **asked)
    assert shopify.queries[before]["variables"]["after"]  # not from the beginning
    assert len(numbers(bench)) == len(set(numbers(bench))) == 42


def test_a_place_that_the_vendor_has_forgotten_begins_the_slice_anew(
    bench: Any, shopify: ShopifyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "COMMIT_SECONDS", 0.0)
    answer, asked = shopify.api.default, {"bulk": "never", "incremental": True, "resources": ["orders"]}

    def forgetful(ask: Any) -> Any:
        if len(shopify.asked_with("orders(")) == 3:
            shopify.say = [Say({"errors": "Service Unavailable"}, 503)] * 3
        return answer(ask)

    shopify.api.default = forgetful
    with pytest.raises(Retryable):
        bench.extract("shopify", **asked)
    bench.checkpoint = json.loads(json.dumps(bench.checkpoint).replace("eyJsYXN0X2", "x"))
    shopify.api.default = answer
    bench.extract("shopify", **asked)
    assert [one for one in shopify.queries if str(one["variables"]["after"]).startswith("x")]
    assert len(set(numbers(bench))) == 42


def test_a_backfill_adds_a_window_and_leaves_the_cursor(bench: Any, shopify: ShopifyServer) -> None:
    bench.extract("shopify", incremental=True, resources=["orders"])
    saved = dict(bench.cursors)
    bench.next_run()
    bench.extract("shopify", resources=["orders"], start_date="2026-01-01T01:00:00Z", end_date="2026-01-01T02:00:00Z")
    assert set(bench.column("orders", "updated_at")) == {datetime(2026, 1, 1, 1, tzinfo=UTC)}
    assert bench.cursors == saved


def test_deletions_are_told_once(bench: Any, shopify: ShopifyServer) -> None:
    asked = {"incremental": True, "resources": ["deletions"]}
    bench.extract("shopify", **asked)
    assert set(bench.column("deletions", "subject_type")) == {"PRODUCT", "COLLECTION"}
    assert bench.column("deletions", "subject_id")[0] == 900_000
    bench.next_run()
    assert bench.extract("shopify", **asked)["recordsProcessed"] == 0
