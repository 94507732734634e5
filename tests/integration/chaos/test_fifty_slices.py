"""kill -9 in the middle of fifty slices of a source: the table has the source's rows, in number and each once."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx2
import pytest

from tests.integration.holders import holder_of
from tests.integration.lake import ids_extracted
from vai_devstack.stack import Stack
from vai_testkit.servers.web import Reply, Seen, WebServer
from vai_testkit.stack import create_run, run_when
from vai_testkit.wait import wait_for

pytestmark = [pytest.mark.apart, pytest.mark.any_broker]

_SLICES = 50
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_ROWS = [
    {"id": number + 1, "made": (_BEGIN + number * timedelta(hours=1)).isoformat()} for number in range(24 * _SLICES)
]


class _Source:
    """Lists the rows of a window of days, both ends counted in. It does not answer for the deadly windows at first."""

    def __init__(self, *deadly: int) -> None:
        self.going_on = {number: asyncio.Event() for number in deadly}
        self.asked: list[int] = []

    def answer(self, seen: Seen) -> Reply:
        since, until = (datetime.fromisoformat(seen.query[name][0]) for name in ("from", "to"))
        number = (since - _BEGIN).days
        self.asked.append(number)
        found = [row for row in _ROWS if since <= datetime.fromisoformat(str(row["made"])) <= until]
        headers = {"Content-Type": "application/json"}
        return Reply(body=json.dumps(found).encode(), headers=headers, wait=self.going_on.get(number))


@pytest.mark.timeout(300)
async def test_rows_of_fifty_slices_are_there_once_though_workers_are_killed_among_them(
    mended: Stack, api: httpx2.AsyncClient, database: Any, web: WebServer
) -> None:
    source = _Source(20, 35)
    web.replies = {"/rows": source.answer}
    run = await create_run(api, "dlt_extract", _definition(web.url))
    for number, going_on in source.going_on.items():
        await wait_for(partial(source.asked.__contains__, number), 45, what=f"slice {number} is asked for")
        worker = await holder_of(mended, database, run["id"])
        await worker.kill()
        await mended.start_service("extract-worker", worker.index)
        going_on.set()
    ended = await run_when(api, run["id"], timeout=60)
    assert (ended["status"], ended["interruptCount"]) == ("completed", 2)
    assert ended["result"]["recordsProcessed"] == len(_ROWS)
    assert await ids_extracted(mended, database, run["id"]) == [row["id"] for row in _ROWS]  # total and distinct
    again = len(source.asked) - len(set(source.asked))
    assert (len(set(source.asked)), again) == (_SLICES, 2), "only the slices in which a worker died come again"
    stored = await api.get("/api/v1/datasets/bronze.fifty.rows")
    assert stored.json()["rowCount"] == len(_ROWS)


def _definition(url: str) -> dict[str, Any]:
    end = _BEGIN + _SLICES * timedelta(days=1) - timedelta(seconds=1)
    resource = {
        "name": "rows",
        "paginator": "single_page",
        "incremental": {"cursor_path": "made", "initial_value": _BEGIN.isoformat(), "end_value": end.isoformat()},
        "slices": {"days": 1, "param_start": "from", "param_end": "to", "end": "inclusive"},
    }
    return {"source": "rest_api", "source_name": "fifty", "base_url": url, "resources": [resource]}
