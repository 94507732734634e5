"""The source `amazon_sp_api`: reports in all the states that Amazon has for them."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_testkit.vendors.amazon_reports import INVENTORY, LISTINGS, ORDERS, RETURNS, Outcome
from vai_worker.children.link import MAY_PAUSE, Stop


def _start(server: Any, days: float) -> str:
    moment: datetime = server.shop.now - timedelta(days=days)
    return moment.isoformat()


def test_listings_and_stock_come_with_their_marketplace(seller: Any, server: Any) -> None:
    server.shop.list_offers(7)
    seller.extract("merchant_listings", "fba_inventory")
    listings = seller.bench.table("merchant_listings")
    assert listings.num_rows == seller.bench.table("fba_inventory").num_rows == 7
    assert set(listings["marketplace_id"].to_pylist()) == {"ATVPDKIKX0DER"}
    assert listings["quantity"].to_pylist() == list(range(7))
    assert [event for event in seller.bench.link.events if event == "report"]


def test_windows_1252_and_quotes_that_nothing_closes_are_read_as_they_are(seller: Any, server: Any) -> None:
    server.shop.list_offers(5)
    seller.extract("merchant_listings")
    assert seller.bench.column("merchant_listings", "item_name") == [
        'Screen 27" curved',
        "Teekanne grün – 1,5 l",
        'Book "How to read',
        "Café crème €4",
        "Cable 2m",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file_in_utf_8_is_read_as_such_whatever_its_server_says(seller: Any, server: Any, encoding: str) -> None:
    server.reports.encodings[LISTINGS], server.reports.tells_charset = encoding, True
    server.reports.packed = False
    server.shop.list_offers(2)
    seller.extract("merchant_listings")
    assert seller.bench.column("merchant_listings", "item_name")[1] == "Teekanne grün – 1,5 l"
    assert "item_name" in seller.bench.table("merchant_listings").column_names


def test_reports_are_asked_for_65_seconds_apart_and_nothing_is_throttled(seller: Any, server: Any) -> None:
    server.shop.sell(40, days=100)
    seller.extract("all_orders", incremental=True, start_date=_start(server, 110), slice_days=10)
    came = server.came["createReport"]
    assert len(came) == 11
    assert min((after - before).total_seconds() for before, after in pairwise(came)) >= 65
    assert server.throttled == []
    assert seller.bench.table("all_orders").num_rows == 80
    assert seller.bench.table("all_orders").schema.field("quantity").type == "int64"


def test_the_next_run_brings_what_is_new_and_nothing_twice(seller: Any, server: Any) -> None:
    server.shop.sell(10, days=5)
    seller.extract("all_orders", incremental=True, start_date=_start(server, 20))
    assert seller.bench.table("all_orders").num_rows == 20
    seller.bench.next_run()
    server.time.advance(7200)
    server.shop.update(server.shop.orders[3]["orderId"], server.time.now() - timedelta(minutes=30))
    seller.extract("all_orders", incremental=True)
    assert seller.bench.column("all_orders", "order_status") == ["Shipped", "Shipped"]


def test_a_report_that_is_there_is_taken_and_not_asked_for_again(seller: Any, server: Any) -> None:
    server.shop.take_back(6)
    server.reports.next[RETURNS] = [Outcome("NEVER")]
    with pytest.raises(Retryable) as caught:
        seller.extract("fba_returns", incremental=True, start_date=_start(server, 20), report_wait_seconds=300)
    assert caught.value.code == ErrorCode.TIMEOUT
    (report,) = server.reports._all.values()
    report.outcome = Outcome()
    server.time.advance(3600)
    seller.bench.epoch += 1
    seller.extract("fba_returns", incremental=True, start_date=_start(server, 20))
    assert server.asked("createReport") == 1
    assert seller.bench.table("fba_returns").num_rows == 4


def test_stock_of_more_than_half_an_hour_ago_is_asked_for_anew(seller: Any, server: Any) -> None:
    server.shop.list_offers(2)
    seller.extract("fba_inventory")
    seller.bench.next_run()
    server.time.advance(1200)
    seller.extract("fba_inventory")
    assert server.asked("createReport") == 1
    seller.bench.next_run()
    server.time.advance(1200)
    seller.extract("fba_inventory")
    assert server.asked("createReport") == 2


def test_a_cancelled_report_that_was_asked_for_alone_has_nothing_to_report(seller: Any, server: Any) -> None:
    result = seller.extract("fba_returns", incremental=True, start_date=_start(server, 20))
    assert result["recordsProcessed"] == 0
    assert any("counts as nothing to report" in message for _, message, *_ in seller.bench.link.logs)


def test_many_windows_without_rows_cost_a_request_each_and_no_quota_more(seller: Any, server: Any) -> None:
    server.shop.take_back(1, days=1)
    seller.extract("fba_returns", incremental=True, start_date=_start(server, 500))
    windows = server.asked("createReport")
    assert windows == 17
    assert server.asked("getReports") <= 3
    assert server.throttled == []
    came = server.came["createReport"]
    assert 65 * (windows - 1) / (came[-1] - came[0]).total_seconds() >= 0.95
    assert seller.bench.table("fba_returns").num_rows == 1


def test_a_report_that_is_cancelled_since_it_was_asked_for_too_often_is_a_quota(seller: Any, server: Any) -> None:
    server.shop.list_offers(2)
    server.reports.next[INVENTORY] = [Outcome("FATAL")]
    with pytest.raises(Permanent):
        seller.extract("fba_inventory")
    server.time.advance(300)
    seller.bench.next_run()
    with pytest.raises(Retryable) as caught:
        seller.extract("fba_inventory")
    assert caught.value.code == ErrorCode.RATE_LIMITED
    assert 60 <= (caught.value.retry_after or 0) <= 1800
    assert "30 minutes" in caught.value.message
    server.time.advance(caught.value.retry_after or 0)
    seller.extract("fba_inventory")
    assert seller.bench.table("fba_inventory").num_rows == 2


def test_a_fatal_report_is_tried_in_a_smaller_window(seller: Any, server: Any) -> None:
    server.shop.sell(20, days=18)
    server.reports.largest[ORDERS] = 15
    seller.extract("all_orders", incremental=True, start_date=_start(server, 20))
    assert seller.bench.table("all_orders").num_rows == 40
    assert server.asked("createReport") == 3
    assert any("window is too large" in message for _, message in seller.bench.entries)


def test_a_report_that_fails_again_says_amazons_reason(seller: Any, server: Any) -> None:
    server.reports.next[ORDERS] = [Outcome("FATAL", "First."), Outcome("FATAL", '{"errorDetails": "No such day"}')]
    with pytest.raises(Permanent) as caught:
        seller.extract("all_orders", incremental=True, start_date=_start(server, 20))
    assert caught.value.code == ErrorCode.DATA_ERROR
    assert "No such day" in caught.value.message
    assert server.asked("createReport") == 2


def test_links_that_expire_are_asked_for_anew(seller: Any, server: Any) -> None:
    server.shop.list_offers(3)
    server.reports.link_seconds = -1

    def later(operation: str, ask: Any) -> None:
        if operation == "getReportDocument" and server.asked(operation) == 2:
            server.reports.link_seconds = 300

    server.at = later
    seller.extract("merchant_listings")
    assert (server.reports.expired, seller.bench.table("merchant_listings").num_rows) == (1, 3)
    assert seller.bench.commits[-1]["checkpoint"]["resources"]["merchant_listings"]["requests"] == len(server.api.asked)


def test_a_document_that_comes_in_half_is_fetched_again(seller: Any, server: Any) -> None:
    server.shop.list_offers(300)
    server.reports.cut = {1}
    seller.extract("merchant_listings")
    assert (server.reports.downloads, seller.bench.table("merchant_listings").num_rows) == (2, 300)


def test_a_document_that_never_comes_whole_is_a_fault_that_may_pass(seller: Any, server: Any) -> None:
    server.shop.list_offers(300)
    server.reports.cut = {1, 2, 3}
    with pytest.raises(Retryable, match="did not come, with 3 links"):
        seller.extract("merchant_listings")
    assert seller.bench.commits == []


def test_a_run_that_waits_for_a_report_may_be_paused_and_asks_for_no_second_one(seller: Any, server: Any) -> None:
    server.shop.take_back(6)

    def pause(payload: dict[str, Any]) -> dict[str, Any]:
        seller.bench.link.stopping = server.asked("getReport") >= 1
        return {}

    seller.bench.answers[MAY_PAUSE] = pause
    with pytest.raises(Stop):
        seller.extract("fba_returns", incremental=True, start_date=_start(server, 20))
    assert seller.bench.checkpoint is not None
    del seller.bench.answers[MAY_PAUSE]
    server.time.advance(1000)
    seller.extract("fba_returns", incremental=True, start_date=_start(server, 20))
    assert server.asked("createReport") == 1
    assert seller.bench.table("fba_returns").num_rows == 4


def test_a_trial_takes_so_many_rows_and_moves_no_cursor(seller: Any, server: Any) -> None:
    server.shop.sell(20, days=18)
    seller.extract("all_orders", incremental=True, start_date=_start(server, 20), limit_rows=5)
    assert seller.bench.table("all_orders__trial").num_rows == 5
    assert seller.bench.cursors == {}


def test_without_a_connection_of_its_provider_it_says_which_is_needed(seller: Any, server: Any) -> None:
    seller.bench.connection = None
    with pytest.raises(Permanent, match="amazon_sp_api"):
        seller.extract("merchant_listings")


def test_settlements_are_those_that_amazon_made_each_line_once(seller: Any, server: Any) -> None:
    for days in (80, 40, 10):
        rows = [{"settlement-id": str(days), "amount": f"{line}.5"} for line in range(4)]
        server.reports.settle(days, rows)
    seller.extract("settlements", incremental=True)
    assert server.asked("createReport") == 0
    table = seller.bench.table("settlements")
    assert table["settlement_id"].to_pylist() == ["80"] * 4 + ["40"] * 4 + ["10"] * 4
    assert table["line"].to_pylist() == [1, 2, 3, 4] * 3
    seller.bench.next_run()
    server.reports.settle(0, [{"settlement-id": "0", "amount": "1"}, {"settlement-id": "0", "amount": "1"}])
    server.time.advance(60)
    seller.extract("settlements", incremental=True)
    assert seller.bench.column("settlements", "settlement_id") == ["0", "0"]
