"""docs/first-steps.md: its commands do what the page says, pasted into a shell one after the other."""

import json
import re
from pathlib import Path

import pytest

from tests.architecture.workspace import ROOT
from tests.integration.pasting import pasted
from vai_devstack.stack import Stack
from vai_testkit.pages import to_run
from vai_testkit.servers.web import Reply, Seen, WebServer

pytestmark = pytest.mark.any_broker

PAGE = ROOT / "docs/first-steps.md"
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
    told = {"VAI_HOME": str(stack.home.root), "SHOP": web.url}
    said = await pasted(to_run(PAGE, "sh"), tmp_path, told)
    ends = re.findall(r"^run \S+ completed.*?: (\d+) records?", said, re.MULTILINE)
    assert ends == ["3", "0", "3"], said
    assert "written to" in said
