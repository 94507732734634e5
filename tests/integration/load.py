"""Posts runs from several clients at once while something breaks. Like careful clients, they repeat requests with the
same key.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count, cycle
from typing import Any
from uuid import uuid4

import httpx2

from tests.integration.runs import BRANCH, RUNS, sample
from vai_testkit.wait import breathe

_KINDS: tuple[dict[str, Any], ...] = (
    {"kind": "dlt_extract", "definition": {"source": "noop"}},
    {"kind": "conditional_branch", "definition": BRANCH},
    {"kind": "dlt_extract", "definition": {"source": "noop"}},
)
_HEAVY = {"kind": "dlt_extract", "definition": sample(50, source_name="under_load")}
_CLIENTS = 6


class Load:
    """`made` are the runs by idempotency key; a request without an answer, or with 503, is made again."""

    def __init__(self, api: httpx2.AsyncClient) -> None:
        self._api = api
        self.made: dict[str, str] = {}
        self.refused = 0
        self.stopping = asyncio.Event()

    @property
    def ids(self) -> list[str]:
        return list(self.made.values())

    async def keep_posting(self) -> None:
        """Post until it is told to stop. A request that has begun is repeated until it is answered."""
        bodies = cycle(_KINDS)
        for number in count():
            if self.stopping.is_set():
                return
            await self._post(_HEAVY if number == 5 else next(bodies))

    async def _post(self, body: dict[str, Any]) -> None:
        key = uuid4().hex
        while (run := await self._tried({**body, "idempotencyKey": key})) is None:
            self.refused += 1
            await breathe()
        assert self.made.setdefault(key, run["id"]) == run["id"]

    async def _tried(self, body: dict[str, Any]) -> dict[str, Any] | None:
        try:
            answer = await self._api.post(RUNS, json=body, headers={"Prefer": "respond-async"})
        except httpx2.TransportError:
            return None
        if answer.status_code == 503:
            assert answer.headers["retry-after"]
            return None
        assert answer.status_code in (200, 201), answer.text
        return dict(answer.json())


@asynccontextmanager
async def under_load(api: httpx2.AsyncClient) -> AsyncIterator[Load]:
    """Posts while the block runs."""
    load = Load(api)
    clients = [asyncio.create_task(load.keep_posting()) for _ in range(_CLIENTS)]
    try:
        yield load
    finally:
        load.stopping.set()
        await asyncio.gather(*clients)
