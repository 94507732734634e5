"""What the tests ask the REST API and the tables about runs."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import httpx2

from vai_testkit.wait import wait_for

Json = dict[str, Any]

RUNS = "/api/v1/action-runs"
BRANCH: Json = {"input": {"event": {"n": 1}}, "conditions": [{"field": "event.n", "operator": "eq", "value": 1}]}
"""A definition of `conditional_branch` that ends at once."""

TERMINAL = ("action.completed", "action.failed", "action.cancelled", "action.rejected")


def sample(rows: int = 10, **fields: Any) -> Json:
    """A definition of `dlt_extract` with made-up rows; `source_name` keeps a test's table its own."""
    return {"source": "sample", "rows": rows, **fields}


async def decide(api: httpx2.AsyncClient, run_id: str, verb: str, **request: Any) -> httpx2.Response:
    """POST /action-runs/{id}/{verb}, whatever the answer."""
    return await api.post(f"{RUNS}/{run_id}/{verb}", **request)


async def deferred(api: httpx2.AsyncClient, kind: str, definition: Json, **fields: Any) -> Json:
    """A run that is only made; `execute` starts it."""
    body = {"kind": kind, "definition": definition, **fields}
    answer = await api.post(RUNS, params={"defer": "true"}, json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def run_of(api: httpx2.AsyncClient, run_id: str) -> Json:
    answer = await api.get(f"{RUNS}/{run_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def shown_as(api: httpx2.AsyncClient, run_id: str, *words: str, timeout: float = 20.0) -> Json:
    """The run as soon as its `displayStatus` is one of these words."""
    seen: Json = {}

    async def is_shown() -> bool:
        seen.update(await run_of(api, run_id))
        return seen["displayStatus"] in words

    await wait_for(is_shown, timeout, every=0.05, what=f"run {run_id} shown as {words}, last {seen.get('status')}")
    return seen


async def log_of(api: httpx2.AsyncClient, run_id: str) -> list[Json]:
    """The whole log, page by page."""
    entries: list[Json] = []
    after: str | None = None
    while True:
        params = {"limit": "500"} | ({"after": after} if after else {})
        page = (await api.get(f"{RUNS}/{run_id}/logs", params=params)).json()
        entries += page["entries"]
        if not page["hasMore"]:
            return entries
        after = page["nextCursor"]


async def logged(api: httpx2.AsyncClient, run_id: str, event: str, times: int = 1, timeout: float = 30.0) -> list[Json]:
    """The log as soon as it has this event so many times."""
    entries: list[Json] = []

    async def is_logged() -> bool:
        entries[:] = await log_of(api, run_id)
        return words(entries).count(event) >= times

    await wait_for(is_logged, timeout, every=0.05, what=f"{event} in the log of run {run_id}")
    return entries


def words(entries: Iterable[Json]) -> list[str]:
    """The events of a log, in order."""
    return [entry["event"] for entry in entries]


async def journal(database: Any, run_ids: Sequence[str]) -> dict[str, list[Any]]:
    """The journal's rows of these runs, by run and in their order."""
    rows = await database.fetch(
        "SELECT * FROM events WHERE subject_id = ANY($1::uuid[]) ORDER BY subject_id, sequence",
        [UUID(run_id) for run_id in run_ids],
    )
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[str(row["subject_id"])].append(row)
    return found


async def all_ended(database: Any, run_ids: Sequence[str], timeout: float = 60.0) -> None:
    """Returns when every one of these runs has ended."""
    ids = [UUID(run_id) for run_id in run_ids]
    left = "SELECT id, status, phase FROM runs WHERE id = ANY($1::uuid[]) AND phase <> 'done'"

    async def none_left() -> bool:
        return not await database.fetch(left, ids)

    await wait_for(none_left, timeout, every=0.1, what=f"all {len(ids)} runs ended")


async def all_published(database: Any, run_ids: Sequence[str], timeout: float = 60.0) -> None:
    """Returns when every event of these runs is on Kafka."""
    ids = [UUID(run_id) for run_id in run_ids]
    left = "SELECT 1 FROM events WHERE subject_id = ANY($1::uuid[]) AND published_at IS NULL LIMIT 1"

    async def none_left() -> bool:
        return not await database.fetch(left, ids)

    await wait_for(none_left, timeout, every=0.1, what=f"all events of {len(ids)} runs are published")


def assert_told_once(told: dict[str, list[Any]], run_ids: Sequence[str]) -> None:
    """Each run has events 1, 2, … without a gap, began at most once, and has just one end, which is the last."""
    for run_id in run_ids:
        rows = told[run_id]
        types = [row["type"] for row in rows]
        assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1)), (run_id, types)
        assert sum(kind in TERMINAL for kind in types) == 1, (run_id, types)
        assert types[-1] in TERMINAL, (run_id, types)
        assert types.count("action.started") <= 1, (run_id, types)
