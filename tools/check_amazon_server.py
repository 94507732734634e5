"""Checks the test server for Amazon (`vai_testkit.vendors.amazon`) with two SDKs from elsewhere.

Its Python is that of `tools.vendors`, which has `amzn-sp-api` and `python-amazon-sp-api`: `make check-vendors`.
"""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tools.vendors.__main__ import PYTHON, environment
from vai_testkit.vendors.amazon import AmazonServer, amazon
from vai_testkit.vendors.amazon_data import US
from vai_testkit.vendors.amazon_reports import INVENTORY, ORDERS, RETURNS, SETTLEMENT, Outcome

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def a_shop() -> Iterator[AmazonServer]:
    with amazon(pace=0) as server:
        server.shop.sell(25)
        server.shop.list_offers(5)
        server.page_size = 10
        server.time.advance(600)
        yield server


def official(server: AmazonServer) -> list[str]:
    """Amazon's own SDK: its models refuse what lacks a field, and an enum's word that they do not know."""
    from spapi import OrdersV0Api, ReportsApi, SearchOrdersApi, SellersApi, SPAPIClient, SPAPIConfig

    config = SPAPIConfig(**server.credentials, region="NA")
    client = SPAPIClient(config, oauth_endpoint=server.token_url, endpoint=server.api.url).api_client
    after = server.shop.now - timedelta(days=60)
    said = [f"{len(SellersApi(client).get_marketplace_participations().payload)} marketplace"]
    orders, token = [], None
    while True:
        more: dict[str, Any] = {"pagination_token": token} if token else {}
        page = SearchOrdersApi(client).search_orders(last_updated_after=after, marketplace_ids=[US], **more)
        orders += page.orders
        token = page.pagination and page.pagination.next_token
        if not token:
            break
    assert len({order.order_id for order in orders}) == 25
    assert orders[0].order_items[0].product.seller_sku
    said.append(f"{len(orders)} orders of 2026-01-01")
    old = OrdersV0Api(client).get_orders(last_updated_after=after.strftime("%Y-%m-%dT%H:%M:%SZ"), marketplace_ids=[US])
    items = OrdersV0Api(client).get_order_items(old.payload.orders[0].amazon_order_id)
    said.append(f"{len(old.payload.orders)} orders of v0, {len(items.payload.order_items)} items of the first")
    said += _reports_of(server, ReportsApi(client))
    server.expire_tokens()
    _refused(lambda: SellersApi(client).get_marketplace_participations(), 403)
    return said


def _reports_of(server: AmazonServer, api: Any) -> list[str]:
    from spapi.models.reports_v2021_06_30 import CreateReportSpecification

    asked = CreateReportSpecification(report_type=INVENTORY, marketplace_ids=[US])
    report_id = api.create_report(body=asked).report_id
    said: list[str] = []
    while not said or said[-1] not in ("DONE", "FATAL", "CANCELLED"):
        said.append(api.get_report(report_id).processing_status)
        server.time.advance(10)
    document = api.get_report_document(api.get_report(report_id).report_document_id)
    assert document.compression_algorithm == "GZIP"
    server.reports.next[RETURNS] = [Outcome("FATAL", "No.")]
    failed = api.create_report(body=CreateReportSpecification(report_type=RETURNS, marketplace_ids=[US])).report_id
    again = api.create_report(body=asked).report_id
    server.time.advance(60)
    told = api.get_report(failed)
    assert (told.processing_status, bool(told.report_document_id)) == ("FATAL", True)
    assert api.get_report(again).processing_status == "CANCELLED"
    _refused(
        lambda: api.create_report(body=CreateReportSpecification(report_type=SETTLEMENT, marketplace_ids=[US])), 400
    )
    listed = api.get_reports(report_types=[INVENTORY, RETURNS], page_size=2)
    assert [len(listed.reports), len(api.get_reports(next_token=listed.next_token).reports)] == [2, 1]
    return ["a report: " + ", ".join(said)]


def community(server: AmazonServer) -> list[str]:
    """python-amazon-sp-api: it also fetches, unpacks and decodes documents."""
    from sp_api.api import OrdersV0, Reports, Sellers
    from sp_api.auth import AccessTokenClient

    class Tokens(AccessTokenClient):  # type: ignore[misc]
        scheme, host = "http://", server.api.url.removeprefix("http://")

    known = server.credentials
    keys = {"lwa_app_id": known["client_id"], "lwa_client_secret": known["client_secret"]}
    keys["refresh_token"] = known["refresh_token"]
    place: Any = SimpleNamespace(endpoint=server.api.url, marketplace_id=US, region="us-east-1")
    given: dict[str, Any] = {"marketplace": place, "credentials": keys, "auth_token_client_class": Tokens}
    headers = {"x-amz-access-token": server.new_token(), "content-type": "application/json"}
    for kind in (OrdersV0, Reports, Sellers):
        kind.headers = property(lambda self: headers)  # its own `host` header assumes https
    assert Tokens(credentials=SimpleNamespace(**keys)).get_auth().access_token
    orders = OrdersV0(**given).get_orders(LastUpdatedAfter=(server.shop.now - timedelta(days=60)).isoformat())
    assert [len(orders.payload["Orders"]), bool(orders.next_token), bool(orders.rate_limit)] == [10, True, True]
    reports = Reports(**given)
    window = {"dataStartTime": server.shop.now - timedelta(days=29), "dataEndTime": server.shop.now}
    report_id = reports.create_report(reportType=ORDERS, marketplaceIds=[US], **window).payload["reportId"]
    server.time.advance(60)
    name = reports.get_report(report_id).payload["reportDocumentId"]
    text = reports.get_report_document(name, download=True, character_code="cp1252").payload["document"]
    assert "Teekanne grün" in text.removeprefix("amazon-order-id\t")
    while not server.throttled:
        _refused(lambda: Sellers(**given).get_marketplace_participation(), 429, or_taken=True)
    return [f"{len(orders.payload['Orders'])} orders of v0 and more", f"{len(text.splitlines()) - 1} lines of a report"]


def _refused(ask: Callable[[], Any], status: int, or_taken: bool = False) -> None:
    found: Any = None
    try:
        ask()
    except Exception as error:
        found = getattr(error, "status", None) or getattr(error, "code", None)
    if found != status and not (found is None and or_taken):
        raise AssertionError(f"it was to be refused with {status}, and came to {found}")


def in_the_environment_of_vendors() -> int:
    """The same, by the Python that has the SDKs. 0 where the package index does not answer, and a line says so."""
    if complaint := environment():
        sys.stdout.write(f"amazon: not run, the package index does not answer: {complaint}\n")
        return 0
    paths = os.pathsep.join(str(ROOT / f"libs/{name}/src") for name in ("testkit", "common"))
    told = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), paths))}
    return subprocess.run((str(PYTHON), __file__), env=told, check=False).returncode


def main() -> int:
    if find_spec("spapi") is None:
        return in_the_environment_of_vendors()
    logging.disable(logging.INFO)
    for name, look in (("amzn-sp-api", official), ("python-amazon-sp-api", community)):
        with a_shop() as server:
            sys.stdout.write(f"{name}: {'; '.join(look(server))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
