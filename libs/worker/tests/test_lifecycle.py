"""How a worker lets a run go: a table of where it stands, who asks, and what becomes of it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from vai_common.clock import now
from vai_common.errors import ErrorCode, Retryable
from vai_common.ids import uuid7
from vai_records.lifecycle.transitions import PHASES
from vai_testkit.database import Database
from vai_worker import lifecycle
from vai_worker.kind import Park
from vai_worker.lifecycle import Held, Holder

HOLDER = Holder(uuid7(), "worker-1")
SLOW = Retryable(ErrorCode.RATE_LIMITED, "Slow down.", {"status": 429})
CHILD = uuid7()

Trigger = Callable[[Any, Holder, UUID, int], Awaitable[Any]]


async def _retry(conn: Any, holder: Holder, run_id: UUID, epoch: int) -> Any:
    return await lifecycle.retry(conn, holder, run_id, epoch, SLOW, 12.5)


async def _park(conn: Any, holder: Holder, run_id: UUID, epoch: int) -> Any:
    return await lifecycle.park(conn, holder, run_id, epoch, Park(CHILD, "Waiting"))


def _of(step: Callable[..., Awaitable[Any]], *more: Any, begun: bool = False, **named: Any) -> Trigger:
    """A step that takes many leases, for one of them."""

    async def take(conn: Any, holder: Holder, run_id: UUID, epoch: int) -> Any:
        return await step(conn, holder, [Held(run_id, epoch, begun)], *more, **named)

    return take


TRIGGERS: dict[str, Trigger] = {
    "retry": _retry,
    "park": _park,
    "pause": _of(lifecycle.pause),
    "pause, begun": _of(lifecycle.pause, begun=True),
    "interrupt": _of(lifecycle.interrupt, "The worker stops"),
    "interrupt, begun": _of(lifecycle.interrupt, "The worker stops", begun=True),
    "interrupt, stuck": _of(lifecycle.interrupt, "It is stuck", stuck=True),
    "cancel": _of(lifecycle.cancel),
    "fail unsafe": _of(lifecycle.fail_unsafe, "The worker stops"),
    "fail unsafe, begun": _of(lifecycle.fail_unsafe, "The worker stops", begun=True),
    "give up": _of(lifecycle.give_up, "It is stuck"),
    "give up, stuck": _of(lifecycle.give_up, "It is stuck", 2),
}
WHERE = {
    "delayed": "running/delayed",
    "parked": "running/parked",
    "paused": "running/paused",
    "queued": "running/queued",
    "cancelled": "cancelled/done",
    "failed": "failed/done",
}

# What becomes of a run that may be done again, and of one that may not, where nothing is asked of it, a pause, a
# cancel. Nothing where the step refuses it.
TABLE: dict[str, tuple[tuple[str, str, str], tuple[str, str, str]]] = {
    "retry": (("delayed", "", ""), ("delayed", "", "")),
    "park": (("parked", "", ""), ("parked", "", "")),
    "pause": (("", "paused", ""), ("", "paused", "")),
    "pause, begun": (("", "paused", ""), ("", "", "")),
    "interrupt": (("queued", "", ""), ("queued", "", "")),
    "interrupt, begun": (("queued", "", ""), ("", "", "")),
    "interrupt, stuck": (("queued", "", ""), ("queued", "", "")),
    "cancel": (("", "", "cancelled"), ("", "", "cancelled")),
    "fail unsafe": (("", "", ""), ("", "", "")),
    "fail unsafe, begun": (("", "", ""), ("failed", "failed", "")),
    "give up": (("failed", "failed", ""), ("failed", "failed", "")),
    "give up, stuck": (("", "", ""), ("", "", "")),
}


def test_the_table_has_every_step() -> None:
    assert set(TABLE) == set(TRIGGERS)


@pytest.mark.parametrize("trigger", TRIGGERS)
async def test_what_becomes_of_a_run_that_is_held(database: Database, trigger: str) -> None:
    pool = await database.pool("extract-worker")
    for may_rerun, places in zip((True, False), TABLE[trigger], strict=True):
        for control, place in zip((None, "pause", "cancel"), places, strict=True):
            run_id = await database.put(
                "running", "leased", lease_owner=HOLDER.id, control=control, may_rerun=may_rerun, kind="http_request"
            )
            moved = await TRIGGERS[trigger](pool, HOLDER, run_id, 1)
            assert bool(moved) is bool(place)
            assert await database.where(run_id) == (WHERE[place] if place else "running/leased")
            assert len(await database.log(run_id)) == int(bool(moved))
            assert len(await database.events(run_id)) == int(place in ("failed", "cancelled"))


@pytest.mark.parametrize(("kind", "is_queued"), [("http_request", False), ("dlt_extract", True)])
async def test_of_a_run_whose_maker_said_nothing_only_a_request_is_not_done_again(
    database: Database, kind: str, is_queued: bool
) -> None:
    run_id = await database.put("running", "leased", lease_owner=HOLDER.id, kind=kind)
    await database.change(run_id, "may_rerun = NULL")
    await TRIGGERS["interrupt, begun"](await database.pool("extract-worker"), HOLDER, run_id, 1)
    assert (await database.where(run_id) == "running/queued") is is_queued


async def test_turns_in_which_a_run_is_stuck_are_counted_in_a_row(database: Database) -> None:
    pool = await database.pool("extract-worker")
    run_id = await database.put("running", "leased", lease_owner=HOLDER.id)
    for turns in (1, 2):
        assert await TRIGGERS["interrupt, stuck"](pool, HOLDER, run_id, 1)
        assert (await database.run(run_id))["stuck_turns"] == turns
        await database.change(run_id, "phase = 'leased', lease_owner = $2, due_at = now()", HOLDER.id)
    assert not await TRIGGERS["interrupt, stuck"](pool, HOLDER, run_id, 1)
    assert await TRIGGERS["give up, stuck"](pool, HOLDER, run_id, 1)
    assert await database.where(run_id) == "failed/done"


@pytest.mark.parametrize("trigger", ["retry", "park", "pause", "interrupt"])
async def test_a_run_that_was_let_go_in_order_is_stuck_no_more(database: Database, trigger: str) -> None:
    control = "pause" if trigger == "pause" else None
    run_id = await database.put("running", "leased", lease_owner=HOLDER.id, control=control, stuck_turns=2)
    assert await TRIGGERS[trigger](await database.pool("extract-worker"), HOLDER, run_id, 1)
    assert (await database.run(run_id))["stuck_turns"] == 0


def _asked(trigger: str) -> str | None:
    """What must be asked of a run for the step to take it."""
    word = trigger.partition(",")[0]
    return word if word in ("pause", "cancel") else None


@pytest.mark.parametrize("trigger", TRIGGERS)
async def test_what_somebody_else_holds_is_left_alone(database: Database, trigger: str) -> None:
    pool = await database.pool("extract-worker")
    run_id = await database.put("running", "leased", control=_asked(trigger), may_rerun=False)
    assert not await TRIGGERS[trigger](pool, HOLDER, run_id, 1)
    assert await database.where(run_id) == "running/leased"


@pytest.mark.parametrize("trigger", TRIGGERS)
async def test_another_epoch_moves_nothing(database: Database, trigger: str) -> None:
    run_id = await database.put(
        "running", "leased", lease_owner=HOLDER.id, epoch=2, control=_asked(trigger), may_rerun=False
    )
    assert not await TRIGGERS[trigger](await database.pool("extract-worker"), HOLDER, run_id, 1)


@pytest.mark.parametrize("trigger", TRIGGERS)
async def test_what_is_not_leased_is_left_alone(database: Database, trigger: str) -> None:
    pool = await database.pool("extract-worker")
    for place in (f"{s}/{p}" for s, phases in PHASES.items() for p in phases if f"{s}/{p}" != "running/leased"):
        run_id = await database.put(*place.split("/"))
        assert not await TRIGGERS[trigger](pool, HOLDER, run_id, 0)
        assert await database.where(run_id) == place


async def test_an_attempt_that_is_spared_is_not_counted_and_a_quota_is_timed(database: Database) -> None:
    """Since when there is nothing but "too many requests" stays; progress begins it anew, another error ends it."""
    pool, day_ago = await database.pool("extract-worker"), now() - timedelta(days=1)
    for quota, advanced, since in ((True, False, "kept"), (True, True, "new"), (False, True, None)):
        run_id = await database.put("running", "leased", lease_owner=HOLDER.id, retry_count=1, waits_since=day_ago)
        assert await lifecycle.spare(pool, HOLDER, run_id, 1, SLOW, 12.5, quota=quota, advanced=advanced)
        row = await database.run(run_id)
        assert (row["retry_count"], row["phase"], row["error"]) == (1, "delayed", SLOW.as_json())
        found = row["waits_since"]
        assert since == (None if found is None else "kept" if found == day_ago else "new")


async def test_a_retry_waits_and_counts_and_keeps_the_error(database: Database) -> None:
    run_id = await database.put("running", "leased", lease_owner=HOLDER.id, retry_count=1)
    await _retry(await database.pool("extract-worker"), HOLDER, run_id, 1)
    row = await database.run(run_id)
    assert (row["retry_count"], row["interrupt_count"], row["error"]) == (2, 0, SLOW.as_json())
    assert 11 < (row["due_at"] - now()).total_seconds() <= 12.5
    (entry,) = await database.log(run_id)
    assert (entry["event"], entry["message"]) == ("run_retrying", "Slow down. Trying again in 12.5 s.")


@pytest.mark.parametrize(("trigger", "control"), [("interrupt", None), ("pause", "pause")])
async def test_giving_a_run_back_costs_no_retry_and_puts_it_first(
    database: Database, trigger: str, control: str | None
) -> None:
    run_id = await database.put("running", "leased", lease_owner=HOLDER.id, control=control)
    await TRIGGERS[trigger](await database.pool("extract-worker"), HOLDER, run_id, 1)
    row = await database.run(run_id)
    assert (row["retry_count"], row["interrupt_count"], row["recovered"], row["control"]) == (0, 1, True, None)
    assert (row["lease_owner"], row["due_at"]) == (None, None)
