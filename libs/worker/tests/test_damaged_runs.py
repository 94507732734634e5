"""A run in a worker's hands whose log cannot be written any more is let go all the same (rule 23)."""

from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent
from vai_common.ids import uuid7
from vai_records.metrics import runs_given_up
from vai_testkit.database import Database
from vai_testkit.owned import claimed
from vai_testkit.rings import MemoryBell
from vai_worker.endings import Endings
from vai_worker.lifecycle import Held, Holder
from vai_worker.owned import Means, Owned
from vai_worker.perform import Performer
from vai_worker.releases import Releases
from vai_worker.reports import Reports

FULL = 2_147_483_647
HOLDER = Holder(uuid7(), "w")


async def _held(database: Database, control: str | None, **columns: Any) -> Owned:
    run_id = await database.put("running", "leased", lease_owner=HOLDER.id, control=control, log_seq=FULL, **columns)
    pool = await database.pool("extract-worker")
    means = Means(pool, None, Reports(pool, "w"), None, "", lambda rows: None)  # type: ignore[arg-type]
    return Owned(claimed(await database.run(run_id)), means)


@pytest.mark.parametrize("control", [None, "pause", "cancel"])
@pytest.mark.parametrize("came_to", ["complete", "fail", "raise"])
async def test_whatever_its_work_came_to_it_ends(
    database: Database, control: str | None, came_to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, ended = await _held(database, control), list[Any]()
    pool = await database.pool("extract-worker")
    endings = Endings(pool, HOLDER, lambda run: None, ended.extend)

    async def work(_self: Performer, _run: Owned) -> dict[str, Any]:
        if came_to == "complete":
            return {"recordsProcessed": 1}
        raise Permanent(ErrorCode.DATA_ERROR, "bad") if came_to == "fail" else ValueError("odd")

    monkeypatch.setattr(Performer, "_work", work)
    count = runs_given_up.labels(kind=run.kind)._value.get()
    await Performer({}, endings, None).perform(run)  # type: ignore[arg-type]
    row = await database.run(run.id)
    assert (row["status"], row["phase"]) == ("cancelled" if control == "cancel" else "failed", "done")
    assert [each["id"] for each in ended] == [run.id]
    assert runs_given_up.labels(kind=run.kind)._value.get() == count + 1


@pytest.mark.parametrize("control", [None, "pause", "cancel"])
@pytest.mark.parametrize("stuck", [True, False])
async def test_a_lease_that_nobody_knows_is_ended_where_it_is_alone(
    database: Database, control: str | None, stuck: bool
) -> None:
    run, ended = await _held(database, control), list[Any]()
    pool = await database.pool("extract-worker")
    releases = Releases(pool, HOLDER, MemoryBell(), ended.extend)
    held = [Held(run.id, run.epoch, False)]
    if not stuck:
        with pytest.raises(Exception, match="out of range"):
            await releases.let_go(held, "Its worker stopped")
        return
    assert await releases.let_go(held, "Its worker had lost sight of it", stuck=True) == {run.id}
    assert await database.where(run.id) == f"{'cancelled' if control == 'cancel' else 'failed'}/done"
    assert [each["id"] for each in ended] == [run.id]
