"""A vendor's pace, kept by all who ask: four runs in two workers on one connection, where 10 a second are permitted."""

import asyncio
import json
from itertools import pairwise
from typing import Any

from bench.load import Connection
from bench.measure import Figure, percentile
from vai_devstack.stack import Stack
from vai_records.definitions.source_types import source_types
from vai_testkit.servers.json_api import serving
from vai_testkit.stack import client_of, create_run, run_when
from vai_testkit.vendors.klaviyo import Account

RUNS = 4
PAGES = 30
_PER_PAGE = 200


async def measure(stack: Stack) -> list[Figure]:
    """How the requests stood, as the vendor saw them."""
    account = Account()
    for number in range(PAGES * _PER_PAGE):
        account.add("metrics", f"M{number:06d}", {"name": "Placed Order", "updated": "2026-01-01T00:00:00+00:00"})
    with serving() as api:
        api.default = account.answer
        await _connect(stack, api.url, account.key)
        runs = await asyncio.gather(*(_run(stack, f"copy_{number}") for number in range(RUNS)))
    source = source_types()["klaviyo"]
    pace = source.pace_of(next(one for one in source.resources if one.name == "metrics"))
    moments = sorted(account.asked["metrics"])
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    ideal = (len(moments) - 1) * pace
    return [
        Figure("requests", f"{len(moments)} by {len(set().union(*(run['workers'] for run in runs)))} workers"),
        Figure("answers 429", str(account.refused), "0"),
        Figure("between two, p1 / p50", f"{percentile(gaps, 0.01) * 1e3:.0f} / {percentile(gaps, 0.5) * 1e3:.0f} ms",
               f"{pace * 1e3:.0f} ms"),
        Figure("most in any second", str(max(sum(a <= b < a + 1 for b in moments) for a in moments)), "10"),
        Figure("pace beside what the vendor permits", f"{ideal / (moments[-1] - moments[0]):.2f}", "≥ 0.95"),
    ]  # fmt: skip


async def _connect(stack: Stack, url: str, key: str) -> None:
    body = {"provider": "klaviyo", "name": "Klaviyo", "slug": "klaviyo", "config": {"base_url": url}}
    async with Connection(stack.api_url, stack.api_key) as client:
        wanted = json.dumps(body | {"credentials": {"api_key": key}}).encode()
        answer = await client.request("POST", "/api/v1/connections", wanted)
        assert answer.status == 201, answer.body


async def _run(stack: Stack, source_name: str) -> dict[str, Any]:
    definition = {"source": "klaviyo", "source_name": source_name, "resources": ["metrics"], "connection": "klaviyo"}
    async with client_of(stack) as api:
        run = await create_run(api, "dlt_extract", definition)
        ended = await run_when(api, run["id"], timeout=120.0)
        assert ended["status"] == "completed", ended
        logs = (await api.get(f"/api/v1/action-runs/{run['id']}/logs")).json()["entries"]
        return {"workers": {entry["workerId"] for entry in logs if entry["event"] == "lease_acquired"}}
