"""Extracts a Postgres database twice, the second time only what changed, and shows the first rows of bronze.

make up DETACH=1
.venv/bin/python -m examples.sql_database                                       (a database that the example makes)
.venv/bin/python -m examples.sql_database --address-file shop.txt               (yours: every table of its user)
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from examples.sql_database.shop import Shop, opened_shop
from examples.vendor_steps import ADVICE, OUT, extract, preview, save
from vai import AsyncClient, Run, VaiError
from vai.cli.settings import find_settings

OWN: Final[dict[str, Any]] = {
    "source": "sql_database",
    "source_name": "corner",
    "schema": "shop",
    "resources": [
        "customers",
        {"name": "orders", "incremental": "updated_at", "slices": {"days": 7}},
        {"name": "spent"},
    ],
}
"""A table, a table of which each run brings what has changed since the last one, and a view."""

SHOWN: Final = ["id", "customer_id", "total", "state", "paid", "updated_at"]


async def example(client: AsyncClient, address: str, shop: Shop | None) -> Run:
    """All of it. Raises VaiError."""
    config, credentials = _connection(address)
    connection = await save(client, "postgres", "Database of the example", config, credentials)
    said = await client.connections.test(connection.id)
    OUT.print(f"The connection: {said.message}\n", markup=False)
    if shop is None:
        return await extract(client, connection, {"source": "sql_database"})
    run = await extract(client, connection, OWN)
    if run.succeeded:
        await shop.change()
        OUT.print("\nTwo orders were paid, and one is new. The next run brings those three:\n")
        run = await extract(client, connection, OWN)
    if run.succeeded:
        await preview(client, "bronze.corner.orders", SHOWN)
        await preview(client, "bronze.corner.spent")
    return run


def _connection(address: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The config and the credentials for `postgresql://user:password@host:port/database`."""
    there = urlsplit(address)
    config = {"host": there.hostname, "port": there.port or 5432, "database": there.path.lstrip("/")}
    return config, {"username": unquote(there.username or ""), "password": unquote(there.password or "")}


async def _main(address: str | None) -> int:
    settings = find_settings(os.environ, Path.cwd())
    async with AsyncExitStack() as stack:
        shop = None if address else await stack.enter_async_context(opened_shop())
        client = await stack.enter_async_context(AsyncClient(settings.api_url, settings.api_key))
        run = await example(client, address or (shop.address if shop else ""), shop)
    return 0 if run.succeeded else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 completed, 1 not, 2 could not be carried out."""
    parser = argparse.ArgumentParser(prog="python -m examples.sql_database", description=__doc__)
    text = "a file with postgresql://user:password@host/database; without it the example makes a database"
    parser.add_argument("--address-file", type=Path, help=text)
    given = parser.parse_args(arguments)
    try:
        return asyncio.run(_main(given.address_file.read_text().strip() if given.address_file else None))
    except VaiError as error:
        OUT.print(f"{error}\n{ADVICE}", markup=False)
        return 2


if __name__ == "__main__":
    sys.exit(main())
