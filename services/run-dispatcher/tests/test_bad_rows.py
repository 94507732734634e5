"""One bad row stops nobody, in each of the dispatcher's loops (rule 22)."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from common.ids import uuid7
from records.publication import Publisher
from run_dispatcher.dispatcher import Dispatcher
from testkit.database import Database
from testkit.rings import MemoryBell
from testkit.services import MemoryProducer

# Whatever is wrong with a row: every statement that would move it fails.
_POISON = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'cannot be read' USING ERRCODE = 'data_exception';
END
$$;
"""

LOOPS: dict[str, tuple[str, str, str, Callable[[Dispatcher], Awaitable[Any]]]] = {
    "approvals": ("pending/held", "held_for = 'approval'", "awaiting_approval/held", Dispatcher.hold_once),
    "late": (
        "awaiting_approval/held",
        "held_for = 'approval', due_at = now()",
        "rejected/done",
        Dispatcher.late_once,
    ),
    "retries": ("running/delayed", "due_at = now()", "running/queued", Dispatcher.retry_once),
    "parked": ("running/parked", "kind = kind", "running/queued", Dispatcher.unpark_once),
}


async def _poison(database: Database, run_id: UUID) -> None:
    owner = await database.owner()
    await owner.execute(_POISON)
    await owner.execute(
        f"CREATE TRIGGER refuse BEFORE UPDATE ON runs FOR EACH ROW WHEN (OLD.id = '{run_id}') EXECUTE FUNCTION refuse()"
    )


@pytest.mark.parametrize("loop", LOOPS)
async def test_a_row_that_cannot_be_moved_stops_no_other(own_database: Database, loop: str) -> None:
    place, given, then, turn = LOOPS[loop]
    pool = await own_database.pool("run-dispatcher")
    dispatcher = Dispatcher(pool, MemoryBell(), Publisher(pool, MemoryProducer(), uuid7()), uuid7())
    ids = [await own_database.put(*place.split("/")) for _ in range(5)]
    for run_id in ids:
        await own_database.change(run_id, given)
    bad = ids[2]
    await _poison(own_database, bad)

    await turn(dispatcher)
    assert [await own_database.where(run_id) for run_id in ids if run_id != bad] == [then] * 4
    assert await own_database.where(bad) == place

    later = await own_database.put(*place.split("/"))
    await own_database.change(later, given)
    await turn(dispatcher)
    assert await own_database.where(later) == then


async def test_an_organisation_whose_runs_cannot_be_let_in_stops_no_other(own_database: Database) -> None:
    pool, owner = await own_database.pool("run-dispatcher"), await own_database.owner()
    dispatcher = Dispatcher(pool, MemoryBell(), Publisher(pool, MemoryProducer(), uuid7()), uuid7())
    ids = []
    for _ in range(5):
        org_id = uuid7()
        await owner.execute("INSERT INTO organisations (id, slug, name) VALUES ($1, $2, 'O')", org_id, org_id.hex)
        ids.append(await own_database.put("pending", "held", held_for="limit", org_id=org_id))
    await _poison(own_database, ids[0])
    await dispatcher.limits.sweep_once()
    places = [await own_database.where(run_id) for run_id in ids]
    assert places == ["pending/held"] + ["pending/queued"] * 4
