"""Extracts a shop at Shopify twice, the second time only what changed, and shows the first rows of bronze.

make up DETACH=1
.venv/bin/python -m examples.shopify                                         (a shop that the example serves itself)
.venv/bin/python -m examples.shopify --shop corner --token-file token.txt    (yours)
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from vai import AsyncClient, Connection, Run, VaiError
from vai.cli.settings import find_settings
from vai.cli.show import Column, clean, log_line, output, print_table
from vai_common.clock import now
from vai_testkit.vendors.shopify import TOKEN, Shop, ShopifyServer, serving_shopify

SLUG: Final = "shopify-example"
DEFINITION: Final = {
    "source": "shopify",
    "incremental": True,
    "resources": ["deletions", "orders", "order_line_items"],
}
SHOWN: Final = ["name", "updated_at", "total_price", "currency_code", "financial_status"]
ADVICE: Final = "A stack is needed: make up DETACH=1"
OUT = output()


async def example(client: AsyncClient, config: dict[str, Any], token: str, server: ShopifyServer | None) -> Run:
    """All of it. Raises VaiError."""
    connection = await save(client, config, token)
    said = await client.connections.test(connection.id)
    OUT.print(f"The connection: {said.message}\n", markup=False)
    run = await extract(client, connection)
    if run.succeeded and server is not None:
        moment = now() - timedelta(minutes=1)
        changed = server.shop.touch("orders", 7, moment, displayFinancialStatus="REFUNDED")
        new = server.shop.add_order(moment)
        OUT.print(f"\nThe order {changed['name']} was refunded, {new['name']} is new. The next run brings those:\n")
        run = await extract(client, connection)
    if run.succeeded:
        await preview(client, "bronze.shopify.orders")
    return run


async def save(client: AsyncClient, config: dict[str, Any], token: str) -> Connection:
    """A new one, or the one that is there."""
    keys = {"access_token": token}
    async for found in client.connections.iterate(SLUG):
        if found.slug == SLUG:
            return await client.connections.update(found.id, config=config, credentials=keys)
    return await client.connections.create("shopify", "Shop of the example", slug=SLUG, config=config, credentials=keys)


async def extract(client: AsyncClient, connection: Connection) -> Run:
    run = await client.runs.create("dlt_extract", DEFINITION | {"connection": connection.slug})
    async for entry in client.logs.stream(run.id):
        OUT.print(log_line(entry))
    return await client.runs.wait(run.id)


async def preview(client: AsyncClient, dataset: str) -> None:
    """The first rows, as the platform shows them."""
    found = await client.datasets.preview(dataset, rows=8)
    OUT.print(f"\n{dataset}:")
    rows = [["" if row.get(name) is None else clean(str(row[name]))[:40] for name in SHOWN] for row in found.rows]
    print_table(OUT, [Column(name, place) for place, name in enumerate(SHOWN)], rows)


async def _main(shop: str | None, token: str | None) -> int:
    settings = find_settings(os.environ, Path.cwd())
    with nullcontext() if shop else serving_shopify(Shop.stocked(orders=200)) as server:
        config = {"shop": shop or "corner"} | ({"base_url": server.url} if server else {})
        async with AsyncClient(settings.api_url, settings.api_key) as client:
            run = await example(client, config, token or TOKEN, server)
    return 0 if run.succeeded else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 completed, 1 not, 2 could not be carried out."""
    parser = argparse.ArgumentParser(prog="python -m examples.shopify", description=__doc__)
    parser.add_argument("--shop", help="what stands before .myshopify.com; else the example serves a shop of its own")
    parser.add_argument(
        "--token-file", type=Path, help="a file with the Admin API's access token of an app in the shop"
    )
    given = parser.parse_args(arguments)
    if (given.shop is None) != (given.token_file is None):
        parser.error("--shop and --token-file go together")
    token = given.token_file.read_text().strip() if given.token_file else None
    try:
        return asyncio.run(_main(given.shop, token))
    except VaiError as error:
        OUT.print(f"{error}\n{ADVICE}", markup=False)
        return 2


if __name__ == "__main__":
    sys.exit(main())
