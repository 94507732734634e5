"""Extracts a Klaviyo account twice, the second time only what is new, and shows the first rows of bronze.

make up DETACH=1
.venv/bin/python -m examples.klaviyo                        (an account that the example serves itself)
.venv/bin/python -m examples.klaviyo --key pk_…             (yours)
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

from examples.vendor_steps import ADVICE, OUT, extract, preview, save
from vai import AsyncClient, Run, VaiError
from vai.cli.settings import find_settings
from vai_common.clock import now
from vai_testkit.servers.json_api import serving
from vai_testkit.vendors.klaviyo import Account
from vai_testkit.vendors.klaviyo_data import filled

TABLES = ["lists", "metrics", "profiles", "events"]
DAYS = 60


async def example(client: AsyncClient, url: str | None, account: Account | None, key: str) -> Run:
    """All of it. Raises VaiError."""
    config = {"base_url": url} if url else {}
    connection = await save(client, "klaviyo", "Klaviyo of the example", config, {"api_key": key})
    start = (now() - timedelta(days=DAYS)).date().isoformat()
    definition = {"source": "klaviyo", "resources": TABLES, "incremental": True, "start_date": start}
    run = await extract(client, connection, definition)
    if run.succeeded and account is not None:
        account.add_event(10_000_000, now() - timedelta(seconds=5))
        OUT.print("\nOne event more happened. The next run asks from the last one on:\n")
        run = await extract(client, connection, definition)
    if run.succeeded:
        await preview(client, "bronze.klaviyo.events")
    return run


async def _main(key: str | None) -> int:
    settings = find_settings(os.environ, Path.cwd())
    account = None if key else filled(now() - timedelta(days=DAYS - 5), 50, events=5_000)
    with serving() if account else nullcontext() as api:
        if api is not None and account is not None:
            api.default = account.answer
        async with AsyncClient(settings.api_url, settings.api_key) as client:
            run = await example(client, api.url if api else None, account, key or (account.key if account else ""))
    return 0 if run.succeeded else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 completed, 1 not, 2 could not be carried out."""
    parser = argparse.ArgumentParser(prog="python -m examples.klaviyo", description=__doc__)
    parser.add_argument("--key", help="a private key of your account; else the example serves an account of its own")
    try:
        return asyncio.run(_main(parser.parse_args(arguments).key))
    except VaiError as error:
        OUT.print(f"{error}\n{ADVICE}", markup=False)
        return 2


if __name__ == "__main__":
    sys.exit(main())
