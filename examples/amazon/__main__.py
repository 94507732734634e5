"""Extracts a seller's account at Amazon twice, the second time only what changed, and shows the first rows of bronze.

make up DETACH=1
.venv/bin/python -m examples.amazon                                          (an account that the example serves itself)
.venv/bin/python -m examples.amazon --keys keys.json --marketplace DE        (yours)
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

from examples.vendor_steps import ADVICE, OUT, extract, preview, save
from vai import AsyncClient, Run, VaiError
from vai.cli.settings import find_settings
from vai_common.clock import now
from vai_testkit.vendors.amazon import AmazonServer, amazon

DAYS = 25
PACE = 60.0
QUICK = {"report_interval_seconds": 65 / PACE + 0.05, "report_poll_seconds": 0.2}
"""As long as Amazon wants it, on the clock of the account that is served here."""

SHOWN = ["orderId", "lastUpdatedTime", "salesChannel", "fulfillment"]


def fill(server: AmazonServer) -> None:
    """Orders of four weeks, a few returns, a settlement; an access token that ends after some seconds."""
    server.shop.sell(240, days=DAYS)
    server.shop.list_offers(40)
    server.shop.take_back(12)
    server.reports.settle(9, [{"settlement-id": "9001", "amount-type": "ItemPrice", "amount": "19.99"}] * 20)
    server.token_seconds = 240.0


async def example(
    client: AsyncClient, config: dict[str, Any], keys: dict[str, str], server: AmazonServer | None
) -> Run:
    """All of it. Raises VaiError."""
    connection = await save(client, "amazon_sp_api", "Amazon of the example", config, keys)
    start = (now() - timedelta(days=DAYS)).date().isoformat()
    definition = {"source": "amazon_sp_api", "incremental": True, "start_date": start, **(QUICK if server else {})}
    run = await extract(client, connection, definition)
    if run.succeeded and server is not None:
        changed = server.shop.orders[7]["orderId"]
        server.shop.update(changed, now() - timedelta(minutes=4))
        OUT.print(f"\nThe order {changed} was shipped. The next run asks for what changed:\n")
        run = await extract(client, connection, definition)
    if run.succeeded:
        await preview(client, "bronze.amazon_sp_api.orders", SHOWN)
    return run


async def _main(keys: dict[str, str] | None, marketplace: str) -> int:
    settings = find_settings(os.environ, Path.cwd())
    with nullcontext() if keys else amazon(PACE) as server:
        config: dict[str, Any] = {"marketplaces": [marketplace]}
        known = keys or {}
        if server is not None:
            fill(server)
            config |= {"base_url": server.api.url, "auth": {"access_token_url": server.token_url}}
            known = server.credentials
        async with AsyncClient(settings.api_url, settings.api_key) as client:
            run = await example(client, config, known, server)
    return 0 if run.succeeded else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 completed, 1 not, 2 could not be carried out."""
    parser = argparse.ArgumentParser(prog="python -m examples.amazon", description=__doc__)
    parser.add_argument("--keys", help="a JSON file; else the example serves an account of its own")
    parser.add_argument("--marketplace", default="US", help="of your account")
    given = parser.parse_args(arguments)
    keys = json.loads(Path(given.keys).read_text()) if given.keys else None
    try:
        return asyncio.run(_main(keys, given.marketplace))
    except VaiError as error:
        OUT.print(f"{error}\n{ADVICE}", markup=False)
        return 2


if __name__ == "__main__":
    sys.exit(main())
