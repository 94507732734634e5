"""Which process holds a run, and what stands of it everywhere."""

from typing import Any
from uuid import UUID

from devstack.instance import Instance
from devstack.process import descendants
from devstack.stack import Stack
from testkit.wait import wait_for

_HOLDER = "SELECT p.pid FROM runs r JOIN processes p ON p.id = r.lease_owner WHERE r.id = $1"


async def holder_of(stack: Stack, database: Any, run_id: str) -> Instance:
    """The worker that has the run's lease, as soon as one has it."""

    async def find() -> Instance | None:
        pid = await database.fetchval(_HOLDER, UUID(run_id))
        return next((each for each in stack.instances if each.process and each.process.pid == pid), None)

    found = await wait_for(find, 20, what=f"somebody holds run {run_id}")
    assert found is not None
    return found


def tree_of(instance: Instance) -> list[int]:
    """The process with its fork server and the children of that."""
    assert instance.process is not None
    return [instance.process.pid, *descendants(instance.process.pid)]


async def standing_of(database: Any, run_ids: list[str]) -> dict[str, list[tuple[Any, ...]]]:
    """All that the database knows of runs: what must not move once they have ended."""
    ids = [UUID(run_id) for run_id in run_ids]
    queries = {
        "runs": "SELECT * FROM runs WHERE id = ANY($1) ORDER BY id",
        "logs": "SELECT run_id, seq, event, message FROM run_logs WHERE run_id = ANY($1) ORDER BY run_id, seq",
        "events": "SELECT subject_id, sequence, type FROM events WHERE subject_id = ANY($1) ORDER BY subject_id, sequence",
        "checkpoints": "SELECT run_id, state, updated_at FROM checkpoints WHERE run_id = ANY($1) ORDER BY run_id",
        "files": "SELECT path, visible, removed_at FROM lake_files WHERE run_id = ANY($1) ORDER BY path",
        "datasets": "SELECT id, row_count, write_epoch, lock_run FROM datasets ORDER BY id",
    }
    return {name: [tuple(row) for row in await database.fetch(query, ids)] for name, query in queries.items()}
