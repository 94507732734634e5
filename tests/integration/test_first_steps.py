"""docs/first-steps.md: its commands do what the page says, pasted into a shell one after the other."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import pytest

from tests.architecture.workspace import ROOT
from vai_devstack.stack import Stack
from vai_testkit.servers.web import Reply, Seen, WebServer

pytestmark = pytest.mark.any_broker

PAGE = (ROOT / "docs/first-steps.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ORDERS = [
    {"id": number, "total": f"{number}.50", "updated_at": f"2026-01-0{number}T00:00:00Z"} for number in range(1, 4)
]


def orders(seen: Seen) -> Reply:
    """The API of the page: who has the key gets what is new."""
    if seen.headers.get("x-api-key") != "s3cret":
        return Reply(401, b'{"error": "no key"}', {"content-type": "application/json"})
    since = seen.query["updated_since"][0]
    found = [order for order in ORDERS if str(order["updated_at"]) >= since]
    return Reply(body=json.dumps(found).encode(), headers={"content-type": "application/json"})


async def test_an_api_of_ones_own_becomes_a_table(stack: Stack, web: WebServer, tmp_path: Path) -> None:
    web.replies["/orders"] = orders
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VAI_")}
    environment = kept | {"VAI_HOME": str(stack.home.root), "XDG_CONFIG_HOME": str(tmp_path), "SHOP": web.url}
    script = "\n".join([f'vai() {{ {sys.executable} -m vai "$@" 2>&1; }}', "set -e", *BLOCKS])
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", script),
        cwd=tmp_path,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    ends = re.findall(r"^run \S+ completed.*?: (\d+) records?", said, re.MULTILINE)
    assert ends == ["3", "0", "3"], said
    assert "written to" in said
