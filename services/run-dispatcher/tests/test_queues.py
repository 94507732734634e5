"""What scaling reads: depth and age of each kind's queue (rule 20)."""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from vai_common.clock import now
from vai_records.definitions.kinds import KINDS
from vai_run_dispatcher.queues import measure_once
from vai_testkit.database import Database


def _live(kind: str, phase: str) -> float | None:
    return REGISTRY.get_sample_value("vai_runs_live", {"kind": kind, "phase": phase})


def _age(kind: str) -> float | None:
    return REGISTRY.get_sample_value("vai_queue_oldest_seconds", {"kind": kind})


async def test_every_kind_has_its_gauges_and_those_that_emptied_are_zero(own_database: Database) -> None:
    pool = await own_database.pool("run-dispatcher")
    for ago in (5, 60, 20):
        await own_database.put("pending", "queued", kind="file_sync", updated_at=now() - timedelta(seconds=ago))
    await own_database.put("awaiting_approval", "queued", kind="call_agent")
    leased = await own_database.put("running", "leased", kind="web_search", updated_at=now() - timedelta(hours=1))
    for phase in ("delayed", "paused", "parked"):
        await own_database.put("running", phase, kind="fetch_page")

    await measure_once(pool)

    assert (_live("file_sync", "queued"), _live("file_sync", "leased")) == (3, 0)
    assert _age("file_sync") == pytest.approx(60, abs=10)
    assert (_live("call_agent", "queued"), _live("fetch_page", "queued"), _age("fetch_page")) == (1, 0, 0)
    assert (_live("web_search", "leased"), _age("web_search")) == (1, 0)
    assert all(_live(kind, phase) is not None for kind in KINDS for phase in ("queued", "leased"))

    await own_database.change(
        leased,
        "status = 'failed', phase = 'done', lease_owner = NULL, due_at = NULL, \
completed_at = now()",
    )
    await (await own_database.owner()).execute("DELETE FROM runs WHERE kind = 'file_sync'")
    await measure_once(pool)
    assert [_live("file_sync", "queued"), _age("file_sync"), _live("web_search", "leased")] == [0, 0, 0]
    assert _live("call_agent", "queued") == 1
