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

from examples.vendor_steps import ADVICE, OUT, extract, preview, save
from vai import AsyncClient, Run, VaiError
from vai.cli.settings import find_settings
from vai_common.clock import now
from vai_testkit.vendors.shopify import TOKEN, Shop, ShopifyServer, serving_shopify

DEFINITION: Final[dict[str, Any]] = {
    "source": "shopify",
    "incremental": True,
    "resources": ["deletions", "orders", "order_line_items"],
}
SHOWN: Final = ["name", "updated_at", "total_price", "currency_code", "financial_status"]


async def example(client: AsyncClient, config: dict[str, Any], token: str, server: ShopifyServer | None) -> Run:
    """All of it. Raises VaiError."""
    connection = await save(client, "shopify", "Shop of the example", config, {"access_token": token})
    said = await client.connections.test(connection.id)
    OUT.print(f"The connection: {said.message}\n", markup=False)
    run = await extract(client, connection, DEFINITION)
    if run.succeeded and server is not None:
        moment = now() - timedelta(minutes=1)
        changed = server.shop.touch("orders", 7, moment, displayFinancialStatus="REFUNDED")
        new = server.shop.add_order(moment)
        OUT.print(f"\nThe order {changed['name']} was refunded, {new['name']} is new. The next run brings those:\n")
        run = await extract(client, connection, DEFINITION)
    if run.succeeded:
        await preview(client, "bronze.shopify.orders", SHOWN)
    return run


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
