"""The sources of vendors beside dlt's REST client, where nothing limits: Shopify, Klaviyo and Amazon.

Both read the same kept answers of the test servers (`bench.recorded`), each in a warm process, in turn. The pace that a
vendor permits is left out: it would be all that is measured. So this is the child's work alone (ask, read, type, write
parquet), without the platform around it.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator, JSONResponseCursorPaginator

from bench import plain
from bench.measure import Figure
from bench.recorded import recorded
from vai_common.clock import now
from vai_extract_worker.extract import extract
from vai_extract_worker.vendors.amazon.quotas import Allowance
from vai_records.definitions.source_types import SourceType
from vai_testkit.link import RecordingLink
from vai_testkit.servers.json_api import serving
from vai_testkit.vendors.amazon import amazon
from vai_testkit.vendors.klaviyo import Account
from vai_testkit.vendors.klaviyo_data import filled
from vai_testkit.vendors.shopify import TOKEN, Shop, serving_shopify
from vai_worker.children.job import ConnectionSecret, Job

ROWS = int(os.environ.get("VAI_BENCH_VENDOR_ROWS", "20_000"))
TURNS = int(os.environ.get("VAI_BENCH_TURNS", "5"))
_DAYS = 5

Json = dict[str, Any]


@dataclass(frozen=True)
class Vendor:
    """`definition`, `config`, `credentials` are ours; `client` is what dlt's REST client takes, `asked` its request."""

    name: str
    table: str
    rows: int
    definition: Json
    config: Json
    credentials: Json
    client: Json
    asked: Json


async def measure() -> list[Figure]:
    """One vendor after the other."""
    figures: list[Figure] = []
    with ProcessPoolExecutor(1, get_context("spawn")) as ours, ProcessPoolExecutor(1, get_context("spawn")) as other:
        loop = asyncio.get_running_loop()
        for served in (_klaviyo, _shopify, _amazon):
            with served() as vendor:
                pairs = []
                for _ in range(TURNS + 1):
                    one = await loop.run_in_executor(ours, partial(_extracted, vendor))
                    two = await loop.run_in_executor(other, partial(_by_dlt, vendor))
                    pairs.append((one, two))
            figures += _told(vendor, pairs[1:])
    return figures


def _told(vendor: Vendor, pairs: list[tuple[float, float]]) -> list[Figure]:
    ours, plainly = (median(column) for column in zip(*pairs, strict=True))
    return [
        Figure(f"{vendor.name}, {vendor.rows:,} {vendor.table}", f"{ours:.2f} s, {vendor.rows / ours:,.0f} rows/s"),
        Figure("   dlt alone", f"{plainly:.2f} s"),
        Figure("   times as fast", f"{plainly / ours:.1f}", "≥ 4"),
    ]


def _extracted(vendor: Vendor) -> float:
    """Seconds of an extraction, as a child does it."""
    prepared: Json = {"source": vendor.name, "addresses": "loopback", "files_root": None, "cursors": {}}
    connection = ConnectionSecret(str(uuid4()), "bench", vendor.name, vendor.config, vendor.credentials, renew_at=9e9)
    with (
        tempfile.TemporaryDirectory(prefix="vai-vendor-") as lake,
        patch.object(SourceType, "pace_of", lambda *_: 0.0),
        patch.object(Allowance, "take", lambda _: None),
    ):
        given = (vendor.definition, connection, None, Path(lake).as_uri(), prepared)
        job = Job(str(uuid4()), str(uuid4()), 1, 1, "dlt_extract", *given)
        start = perf_counter()
        result = extract(job, RecordingLink())
        taken = perf_counter() - start
    assert result["recordsProcessed"] == vendor.rows, result
    return taken


def _by_dlt(vendor: Vendor) -> float:
    return plain.rest_table(vendor.client, vendor.table, vendor.asked, vendor.rows)


@contextmanager
def _klaviyo() -> Iterator[Vendor]:
    since = (now() - timedelta(days=_DAYS + 1)).replace(hour=0, minute=0, second=0, microsecond=0)
    account: Account = filled(since, 10, events=0)
    for number in range(ROWS):
        account.add_event(number, since + timedelta(seconds=number * _DAYS * 86_400 / ROWS))
    with serving() as api, ExitStack() as stack:
        api.default = account.answer
        url = stack.enter_context(recorded(api.url))
        headers = {"revision": "2026-07-15", "Authorization": f"Klaviyo-API-Key {account.key}"}
        until = since + timedelta(days=_DAYS + 1)
        window = {"start_date": since.isoformat(), "end_date": until.isoformat()}
        yield Vendor(
            "klaviyo",
            "events",
            ROWS,
            {"source": "klaviyo", "resources": ["events"], **window},
            {"base_url": url},
            {"api_key": account.key},
            {
                "base_url": url,
                "headers": headers,
                "paginator": JSONLinkPaginator("links.next"),
                "data_selector": "data",
            },
            {"path": "api/events", "params": {"page[size]": 1000, "sort": "datetime"}},
        )


@contextmanager
def _shopify() -> Iterator[Vendor]:
    count = ROWS // 4
    with serving_shopify(Shop.stocked(orders=count)) as server, ExitStack() as stack:
        url = stack.enter_context(recorded(server.url))
        definition = {"source": "shopify", "resources": ["orders"], "bulk": "never"}
        config, known = {"shop": "corner", "base_url": url}, {"access_token": TOKEN}
        with ProcessPoolExecutor(1, get_context("spawn")) as other:  # what ours asks is what dlt asks
            other.submit(_extracted, Vendor("shopify", "orders", count, definition, config, known, {}, {})).result()
        asked = [one for one in server.queries if "orders(" in one["query"]][-1]  # the first one costs too much
        asked = asked | {"variables": asked["variables"] | {"after": None}}
        yield Vendor(
            "shopify",
            "orders",
            count,
            definition,
            config,
            known,
            {"base_url": url, "headers": {"X-Shopify-Access-Token": TOKEN}, "data_selector": "data.orders.nodes"},
            {
                "path": "admin/api/2026-07/graphql.json",
                "method": "POST",
                "json": asked,
                "paginator": JSONResponseCursorPaginator(
                    "data.orders.pageInfo.endCursor", cursor_body_path="variables.after"
                ),
            },
        )


@contextmanager
def _amazon() -> Iterator[Vendor]:
    count = ROWS // 4
    with amazon(1.0) as server, ExitStack() as stack:
        server.quotas = False
        server.shop.sell(count, days=_DAYS)
        token = server.new_token()
        url = stack.enter_context(recorded(server.api.url))
        start = (now() - timedelta(days=_DAYS + 2)).date().isoformat()
        definition = {"source": "amazon_sp_api", "resources": ["orders"], "start_date": start}
        yield Vendor(
            "amazon_sp_api",
            "orders",
            count,
            definition,
            {
                "base_url": url,
                "marketplaces": ["US"],
                "region": "na",
                "auth": {"type": "oauth2_refresh_token", "name": "x-amz-access-token"},
            },
            {"access_token": token},
            {"base_url": url, "headers": {"x-amz-access-token": token}, "data_selector": "orders"},
            {
                "path": "orders/2026-01-01/orders",
                "params": {
                    "marketplaceIds": "ATVPDKIKX0DER",
                    "lastUpdatedAfter": f"{start}T00:00:00Z",
                    "maxResultsPerPage": 100,
                    "includedData": "PROCEEDS,EXPENSE,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES",
                },
                "paginator": JSONResponseCursorPaginator("pagination.nextToken", cursor_param="paginationToken"),
            },
        )
