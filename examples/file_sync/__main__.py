"""Mirrors a bucket into the lake, twice, hands one file on by a link that ends, and pushes the folder back.

make up DETACH=1
.venv/bin/python -m examples.file_sync                                              (a bucket that the example serves)
.venv/bin/python -m examples.file_sync --path s3://acme/invoices --keys keys.json   (yours: nothing is written to it)
"""

import argparse
import asyncio
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx2

from examples.vendor_steps import ADVICE, OUT, save
from vai import AsyncClient, Connection, Run, VaiError
from vai.cli.screen.show import log_line
from vai.cli.settings import find_settings
from vai_testkit.servers.s3 import opened

FOLDER = "example/invoices"


async def sync(client: AsyncClient, connection: Connection, definition: dict[str, Any]) -> Run:
    """The run after its end; its log is shown meanwhile."""
    run = await client.runs.create("file_sync", {"folder": FOLDER, **definition, "connection": connection.slug})
    async for entry in client.logs.stream(run.id):
        OUT.print(log_line(entry))
    return await client.runs.wait(run.id)


async def example(client: AsyncClient, path: str, config: dict[str, Any], keys: dict[str, str], bucket: Any) -> Run:
    """All of it. Raises VaiError."""
    connection = await save(client, "s3", "Bucket of the example", config, keys)
    pull = {"path": path, "delete": bucket is not None}
    run = await sync(client, connection, pull)
    if run.succeeded and bucket is not None:
        bucket.objects["invoices/2026/2.txt"] = b"Invoice 2, corrected: 21.00 EUR"
        bucket.objects["invoices/2026/4.txt"] = b"Invoice 4: 40.00 EUR"
        del bucket.objects["invoices/2026/1.txt"]
        OUT.print("\nOne is corrected, one is new, one is gone. The next run brings that:\n")
        run = await sync(client, connection, pull)
    if run.succeeded:
        await hand_on(client)
    if run.succeeded and bucket is not None:
        OUT.print("\nThe folder is pushed to another prefix:\n")
        run = await sync(client, connection, {"path": "s3://bucket/archive", "direction": "push"})
        kept = {name: data for name, data in bucket.objects.items() if name.startswith("archive/")}
        OUT.print(f"archive/ has {len(kept)} objects: {', '.join(sorted(kept))}", markup=False)
    return run


async def hand_on(client: AsyncClient) -> None:
    """The newest file, downloaded by somebody who has its address and no key."""
    every = [artifact async for artifact in client.artifacts.iterate(folder=FOLDER)]
    newest = max(every, key=lambda artifact: artifact.created_at)
    link = await client.artifacts.share(newest.id, minutes=5)
    async with httpx2.AsyncClient() as anybody:
        answer = (await anybody.get(client.api_url + link.path)).raise_for_status()
    is_whole = hashlib.sha256(answer.content).hexdigest() == newest.sha256
    said = "the same SHA-256" if is_whole else "ANOTHER SHA-256"
    OUT.print(f"\n{newest.name} by its link, good until {link.expires_at:%H:%M}: {newest.size} bytes, {said}")


async def _main(path: str | None, keys: dict[str, str] | None) -> int:
    settings = find_settings(os.environ, Path.cwd())
    with nullcontext() if path else opened() as bucket:
        config = {"endpoint_url": bucket.url} if bucket is not None else {}
        if bucket is not None:
            bucket.objects |= {f"invoices/2026/{n}.txt": f"Invoice {n}: {n}0.00 EUR".encode() for n in (1, 2, 3)}
            keys = {"access_key_id": "a-key", "secret_access_key": "a-secret-of-the-bucket"}
        async with AsyncClient(settings.api_url, settings.api_key) as client:
            run = await example(client, path or "s3://bucket/invoices", config, keys or {}, bucket)
    return 0 if run.succeeded else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 completed, 1 not, 2 could not be carried out."""
    parser = argparse.ArgumentParser(prog="python -m examples.file_sync", description=__doc__)
    parser.add_argument("--path", help="s3://bucket/prefix; without it the example serves a bucket")
    parser.add_argument("--keys", type=Path, help='a file with {"access_key_id": "…", "secret_access_key": "…"}')
    given = parser.parse_args(arguments)
    try:
        return asyncio.run(_main(given.path, json.loads(given.keys.read_text()) if given.keys else None))
    except VaiError as error:
        OUT.print(f"{error}\n{ADVICE}", markup=False)
        return 2


if __name__ == "__main__":
    sys.exit(main())
