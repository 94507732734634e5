"""Whatever a vendor answers in place of what it documents: rows, or an error that says so; never a fault of ours."""

from datetime import timedelta
from typing import Any

from vai_common.clock import now
from vai_common.errors import ErrorCode, RunError
from vai_records.definitions.sources.amazon_places import completed
from vai_testkit.servers.json_api import serving
from vai_testkit.vendors.amazon import amazon
from vai_testkit.vendors.bent import bend
from vai_testkit.vendors.klaviyo_data import filled
from vai_testkit.vendors.shopify import TOKEN, Shop, serving_shopify
from vai_worker.children.job import ConnectionSecret


class Attempts:
    """Extractions of one table, and the codes of their errors."""

    def __init__(self, bench: Any, source: str, **fields: Any) -> None:
        self._bench, self._source, self._fields = bench, source, fields
        self.codes: list[ErrorCode] = []

    def __call__(self) -> None:
        self._bench.next_run()
        self._bench.cursors.clear()
        try:
            self._bench.extract(self._source, **self._fields)
        except RunError as error:
            self.codes.append(error.code)

    def hold(self, places: int, least: int) -> None:
        assert places >= least
        assert ErrorCode.DATA_ERROR in self.codes
        assert ErrorCode.INTERNAL_ERROR not in self.codes


def test_klaviyo(bench: Any) -> None:
    account = filled(now() - timedelta(days=5), 3, events=1, profiles=1)
    account.limits = False
    with serving() as api:
        api.default = account.answer
        bench.connection = ConnectionSecret("id", "shop", "klaviyo", {"base_url": api.url}, {"api_key": account.key})
        attempts = Attempts(bench, "klaviyo", resources=["lists"])
        attempts.hold(len(bend(api, attempts)), 10)


def test_shopify(bench: Any) -> None:
    with serving_shopify(Shop.stocked(orders=1, products=1, customers=1)) as server:
        config = {"base_url": server.url}
        bench.connection = ConnectionSecret("id", "corner", "shopify", config, {"access_token": TOKEN})
        attempts = Attempts(bench, "shopify", resources=["inventory_levels"], bulk="never")
        attempts.hold(len(bend(server.api, attempts, lambda body: "pageInfo" in str(body))), 20)


def test_amazon(bench: Any) -> None:
    with amazon(pace=0) as server:
        server.quotas = False
        server.shop.sell(1, days=1)
        config = completed({"region": "na", "base_url": server.api.url, "marketplaces": ["US"]})
        keys = {"client_id": server.client_id, "access_token": server.new_token()}
        bench.connection = ConnectionSecret("id", "seller", "amazon_sp_api", config, keys, 4_000_000_000.0)
        begin = (now() - timedelta(days=3)).isoformat()
        attempts = Attempts(bench, "amazon_sp_api", resources=["order_items"], start_date=begin)
        attempts.hold(len(bend(server.api, attempts, lambda body: bool(body.get("orders")))), 20)
