"""Finds the process that holds a run, and all that the database has about runs."""

from typing import Any
from uuid import UUID

from vai_devstack.instance import Instance
from vai_devstack.servers.process import descendants
from vai_devstack.stack import Stack
from vai_testkit.wait import wait_for

_MINE = "run_id = ANY($1::uuid[])"
_WHOSE = {
    "runs": "id = ANY($1::uuid[])",
    "run_logs": _MINE,
    "events": "subject_id = ANY($1::uuid[]) AND published_at IS NOT NULL",
    "checkpoints": _MINE,
    "lake_files": _MINE,
    "datasets": "$1::uuid[] IS NOT NULL",
}

_UPKEEP = ("upkeep", "upkept")

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


async def standing_of(database: Any, run_ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """All that the database has about runs. It must not change after they have ended.

    What the upkeep of tables notes for itself is left out: it looks at a table at any time, whoever wrote it.
    """
    ids = [UUID(run_id) for run_id in run_ids]
    return {
        table: [
            {name: value for name, value in row.items() if not name.startswith(_UPKEEP)}
            for row in await database.fetch(f"SELECT * FROM {table} WHERE {whose} ORDER BY 1, 2, 3", ids)
        ]
        for table, whose in _WHOSE.items()
    }
