"""A shop on loopback, and a bench whose connection leads to it."""

from collections.abc import Iterator
from typing import Any

import pytest

from vai_extract_worker.vendors.shopify import bulk
from vai_testkit.vendors.shopify import TOKEN, Shop, ShopifyServer, serving_shopify
from vai_worker.children.job import ConnectionSecret


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "POLL_SECONDS", (0.001, 0.001))


@pytest.fixture
def shopify(bench: Any) -> Iterator[ShopifyServer]:
    with serving_shopify(Shop.stocked(orders=42, products=6, customers=9)) as server:
        bench.connection = ConnectionSecret(
            "id", "corner", "shopify", {"base_url": server.url}, {"access_token": TOKEN}
        )
        yield server
