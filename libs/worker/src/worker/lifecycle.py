"""The worker's slice of the lifecycle, by name: how a leased run is let go. Its claim and its end are in records.hot.

Cancel beats a retry and a failure, never a completion (decision 20): the steps below refuse a run with another
`control` than they carry out, and whoever is refused reads the row.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from common.errors import RunError
from records.hot import Entry
from records.lifecycle import Phase, Status
from records.transitions import Step, apply
from worker.kind import Park

_OURS = "r.epoch = $6 AND r.lease_owner = $7"

RETRY = Step(
    Status.RUNNING,
    (Phase.LEASED,),
    Status.RUNNING,
    Phase.DELAYED,
    sets="retry_count = retry_count + 1, error = $8::jsonb, due_at = clock_timestamp() + $9 * interval '1 s'",
    guard=f"{_OURS} AND r.control IS NULL",
)
PAUSE = Step(
    Status.RUNNING,
    (Phase.LEASED,),
    Status.RUNNING,
    Phase.PAUSED,
    sets="control = NULL, interrupt_count = interrupt_count + 1, recovered = true",
    guard=f"{_OURS} AND r.control = 'pause'",
)
INTERRUPT = Step(
    Status.RUNNING,
    (Phase.LEASED,),
    Status.RUNNING,
    Phase.QUEUED,
    sets="interrupt_count = interrupt_count + 1, recovered = true",
    guard="r.lease_owner = $6 AND r.control IS NULL",
)
PARK = Step(Status.RUNNING, (Phase.LEASED,), Status.RUNNING, Phase.PARKED, guard=f"{_OURS} AND r.control IS NULL")


@dataclass(frozen=True)
class Holder:
    """Who holds the leases: the process and the name that its log entries bear."""

    id: UUID
    name: str


async def retry(conn: Any, holder: Holder, run_id: UUID, epoch: int, error: RunError, seconds: float) -> bool:
    """leased → delayed: the run will be tried again in `seconds`. False where the row says otherwise."""
    entry = Entry("run_retrying", f"{error.message} Trying again in {seconds:.1f} s.", error.as_json(), "warning")
    values = (epoch, holder.id, error.as_json(), seconds)
    return bool(await apply(conn, RETRY, [run_id], *values, entry=entry, worker=holder.name))


async def pause(conn: Any, holder: Holder, run_id: UUID, epoch: int) -> bool:
    """leased → paused. False where nobody wants the pause any more."""
    entry = Entry("run_paused", "Paused; what is extracted so far is kept.", {})
    return bool(await apply(conn, PAUSE, [run_id], epoch, holder.id, entry=entry, worker=holder.name))


async def interrupt(conn: Any, holder: Holder, run_ids: list[UUID], why: str) -> list[Any]:
    """leased → queued, all in one statement: this worker stops, another goes on. Answers the rows."""
    entry = Entry("run_interrupted", f"{why}; the checkpoint is saved and another worker goes on.", {}, "warning")
    return await apply(conn, INTERRUPT, run_ids, holder.id, entry=entry, worker=holder.name)


async def park(conn: Any, holder: Holder, run_id: UUID, epoch: int, parked: Park) -> bool:
    """leased → parked: the run waits for something else and holds no slot."""
    entry = Entry("waiting_for_child", parked.message, {"id": str(parked.awaited)})
    return bool(await apply(conn, PARK, [run_id], epoch, holder.id, entry=entry, worker=holder.name))
