"""What alerts read beside the queues: who serves a kind, what is held, the journal, schedules, the database server."""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from vai_common.clock import now
from vai_common.ids import uuid7
from vai_run_dispatcher.backlog import measure_server_once, measure_size_once, measure_waiting_once
from vai_run_dispatcher.queues import measure_once, measure_organisations_once
from vai_testkit.database import Database


def _gauge(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"vai_{name}", labels)


async def test_who_serves_a_kind_is_counted_and_the_dead_are_not(own_database: Database) -> None:
    pool = await own_database.pool("run-dispatcher")
    for kinds, stopping, ago in ((["file_sync"], False, 1), (["file_sync"], True, 1), (["file_sync"], False, 60)):
        await pool.execute(
            "INSERT INTO processes (id, service, kinds, slots, http_address, host, pid, lock_key, stopping, beat_at)"
            " VALUES ($1, 'extract-worker', $2, 8, 'h:1', 'h', 1, $3, $4, $5)",
            *(uuid7(), kinds, ago + stopping, stopping, now() - timedelta(seconds=ago)),
        )
    await measure_once(pool)
    assert (_gauge("kind_workers", kind="file_sync"), _gauge("kind_slots", kind="file_sync")) == (1, 8)
    assert _gauge("kind_workers", kind="dlt_extract") == 0


async def test_what_waits_outside_the_queues_is_counted(own_database: Database) -> None:
    pool = await own_database.pool("run-dispatcher")
    await measure_waiting_once(pool)
    assert _gauge("journal_unpublished_events") == _gauge("journal_oldest_unpublished_seconds") == 0
    assert _gauge("schedule_overdue_seconds") == 0

    for _ in range(2):
        await own_database.put("awaiting_approval", "held", held_for="approval")
    owner = await own_database.owner()
    await owner.execute(
        "INSERT INTO events (subject_id, sequence, type, occurred_at, org_id, data)"
        " VALUES ($1, 1, 'action.completed', now() - interval '90 s', $1, '{}')",
        uuid7(),
    )
    await measure_waiting_once(pool)
    assert (_gauge("runs_held", reason="approval"), _gauge("runs_held", reason="limit")) == (2, 0)
    assert _gauge("journal_unpublished_events") == 1
    assert _gauge("journal_oldest_unpublished_seconds") == pytest.approx(90, abs=20)


async def test_the_database_server_is_measured(own_database: Database) -> None:
    pool = await own_database.pool("run-dispatcher")
    await measure_server_once(pool)
    await measure_size_once(pool)
    assert 0 < (_gauge("database_connections") or 0) < (_gauge("database_connections_limit") or 0)
    assert (_gauge("database_size_bytes") or 0) > 1_000_000


async def test_organisations_are_told_apart_while_they_have_live_runs(own_database: Database) -> None:
    pool = await own_database.pool("run-dispatcher")
    await own_database.put("pending", "queued")
    slug = await pool.fetchval(
        "INSERT INTO organisations (id, name, slug) SELECT org_id, 'o', 'o-1' FROM runs"
        " ON CONFLICT (id) DO UPDATE SET slug = 'o-1' RETURNING slug"
    )
    await measure_organisations_once(pool)
    assert _gauge("organisation_runs_live", organisation=slug, phase="queued") == 1
    await (await own_database.owner()).execute("DELETE FROM runs")
    await measure_organisations_once(pool)
    assert _gauge("organisation_runs_live", organisation=slug, phase="queued") is None
