"""The rows of files that `file_sync` has transferred: what is there, what a run changed, what is garbage."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from vai_records.lake import synced_files
from vai_records.lake.synced_files import NewSynced, folder_place
from vai_testkit.database import new_run

PLACE = folder_place("in")


def new(path: str, sha256: str = "1", change: str = "added", location: str | None = None) -> NewSynced:
    return NewSynced(path, location or f"files/run=x/{path}-{sha256}", 5, sha256, {"size": 5}, change)


async def told(pool: Any, org_id: UUID, run_id: UUID) -> list[tuple[str, str]]:
    found = await synced_files.changes(pool, org_id, run_id, PLACE, "", 100)
    return [(one.path, one.change) for one in found]


async def test_a_run_and_its_retry_tell_what_they_changed(own_database: Any) -> None:
    pool, org_id = await own_database.pool("extract-worker"), uuid4()
    first = new_run(org_id=org_id)
    again = new_run(org_id=org_id, retry_of=first.id)
    await own_database.make(first, again)
    await synced_files.commit(pool, org_id, first.id, PLACE, [new("a"), new("b"), new("ä/c"), new("old")])
    await synced_files.commit(pool, org_id, again.id, PLACE, [new("b", "2", "changed"), new("d", change="kept")])
    await synced_files.commit(pool, org_id, again.id, PLACE, [new("a", change="same")])
    await synced_files.remove(pool, org_id, again.id, PLACE, [("old", 5), ("stranger", 7)])
    there = await synced_files.there(pool, org_id, PLACE, "", 100)
    assert [(one.path, one.sha256) for one in there] == [("a", "1"), ("b", "2"), ("d", "1"), ("ä/c", "1")]
    changed = [("a", "added"), ("b", "changed"), ("old", "removed"), ("stranger", "removed"), ("ä/c", "added")]
    assert await told(pool, org_id, again.id) == changed
    assert await synced_files.there(pool, uuid4(), PLACE, "", 100) == []
    assert [one.path for one in await synced_files.there(pool, org_id, PLACE, "b", 1)] == ["d"]


async def test_what_was_replaced_is_deleted_later_and_what_nobody_committed_is_garbage(own_database: Any) -> None:
    pool, org_id, run_id = await own_database.pool("extract-worker"), uuid4(), uuid4()
    kept, lost = (f"{org_id}/files/run={run_id}/e1-{name}" for name in ("kept", "lost"))
    await synced_files.commit(pool, org_id, run_id, PLACE, [new("a", location=kept)])
    assert await synced_files.unknown(pool, [kept, lost]) == [lost]
    await synced_files.commit(pool, org_id, run_id, PLACE, [new("a", "2", "changed")])
    assert await synced_files.gone(pool, timedelta(days=1), 10) == []
    (gone,) = await synced_files.gone(pool, timedelta(0), 10)
    assert gone.location == kept
    await synced_files.forget(pool, [gone.id])
    assert await synced_files.gone(pool, timedelta(0), 10) == []
