"""A whole worker on a real database: what it claims, how it works, and how it lets go."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from vai_common.boot import Service
from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_records.runs import statements
from vai_records.runs.statements import Lease
from vai_testkit.database import Database, new_run
from vai_testkit.toys import ToyHeavy, ToyLight
from vai_testkit.wait import wait_for
from vai_testkit.working import working
from vai_worker import wiring as running_module
from vai_worker import worker as worker_module
from vai_worker.owned import Owned
from vai_worker.worker import Worker

LIGHT, HEAVY = "http_request", "dlt_extract"


@pytest.fixture(autouse=True)
def readable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own process stays readable to them."""
    monkeypatch.setattr(running_module, "hide_memory", lambda: None)


class Work:
    """A worker with its toys."""

    def __init__(self, database: Database, service: Service[Any], worker: Worker, light: ToyLight, heavy: ToyHeavy):
        self.database, self.service, self.worker, self.light, self.heavy = database, service, worker, light, heavy

    async def made(self, kind: str = LIGHT, **definition: Any) -> UUID:
        """A queued run that has been rung for."""
        run = new_run(kind=kind, definition=definition)
        await self.database.make(run)
        self.service.bell.ring(kind, [run.id])
        return run.id

    async def comes_to(self, run_id: UUID, place: str) -> Any:
        """The run's row as soon as it stands there."""

        async def there() -> bool:
            return await self.database.where(run_id) == place

        await wait_for(there, timeout=60, what=f"the run is {place}")
        return await self.database.run(run_id)

    async def ask(self, run_id: UUID, control: str) -> None:
        """What the gateway writes when somebody pauses or cancels a leased run."""
        await self.database.change(run_id, "control = $2", control)

    async def beat(self) -> None:
        await self.worker._life.beat_once()

    async def events(self, run_id: UUID) -> list[str]:
        return [entry["event"] for entry in await self.database.log(run_id)]


@pytest.fixture
async def work(own_database: Database) -> AsyncIterator[Work]:
    light, heavy = ToyLight(), ToyHeavy()
    async with working(own_database.url, light, heavy, slots=4) as (service, worker):
        yield Work(own_database, service, worker, light, heavy)
        light.go.set()


async def test_a_light_run_is_claimed_done_and_told(work: Work) -> None:
    run_id = await work.made(result={"status_code": 200})
    row = await work.comes_to(run_id, "completed/done")
    assert (row["result"], row["epoch"], row["retry_count"]) == ({"status_code": 200}, 1, 0)
    assert await work.events(run_id) == ["lease_acquired", "run_completed"]
    assert [event["type"] for event in await work.database.events(run_id)] == ["action.started", "action.completed"]


@pytest.mark.parametrize(
    ("result", "how"), [({"failed_resources": ["a"]}, "with errors"), ({"failed_resources": []}, "successfully")]
)
async def test_what_failed_in_part_is_not_called_a_success(work: Work, result: dict[str, Any], how: str) -> None:
    run_id = await work.made(result=result)
    await work.comes_to(run_id, "completed/done")
    entry = (await work.database.log(run_id))[-1]
    assert entry["message"].startswith(f"Run completed {how} in ")
    assert entry["level"] == ("warning" if result["failed_resources"] else "info")


async def test_a_heavy_run_is_done_in_a_child(work: Work) -> None:
    run_id = await work.made(HEAVY, do="talk")
    row = await work.comes_to(run_id, "completed/done")
    assert row["progress"] == {"schema_version": 2, "done": 3}
    assert await work.events(run_id) == ["lease_acquired", "extraction_started", "slow", "run_completed"]
    assert [entry["seq"] for entry in await work.database.log(run_id)] == [1, 2, 3, 4]


async def test_without_a_ring_what_waits_is_found_within_a_moment(work: Work) -> None:
    run = new_run(kind=LIGHT, definition={})
    await work.database.make(run)
    await work.comes_to(run.id, "completed/done")


async def test_the_same_hint_twice_runs_once(work: Work) -> None:
    run_id = await work.made(wait=True)
    for _ in range(5):
        work.service.bell.ring(LIGHT, [run_id, run_id])
    await wait_for(lambda: work.light.began, what="it began")
    work.light.go.set()
    row = await work.comes_to(run_id, "completed/done")
    work.service.bell.ring(LIGHT, [run_id])
    await work.comes_to(await work.made(), "completed/done")
    assert row["epoch"] == 1
    assert len([run for run in work.light.began if run.id == run_id]) == 1


async def test_a_run_that_is_rung_for_while_the_worker_looks_is_found_at_once(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "PULL_SECONDS", 60.0)
    light, late, pull, looks = ToyLight(), new_run(kind=LIGHT, definition={}), statements.pull, []
    async with working(own_database.url, light, slots=1) as (_, worker):

        async def late_for_the_first_look(*arguments: Any) -> list[Any]:
            rows = await pull(*arguments)
            looks.append(rows)
            if len(looks) == 1:
                await own_database.make(late)
                worker._on_hint(LIGHT, [late.id])
            return rows

        monkeypatch.setattr(statements, "pull", late_for_the_first_look)
        await worker._grow_hungry()
        await wait_for(lambda: [run.id for run in light.began] == [late.id], what="it is at work")


async def test_no_more_runs_are_held_than_there_are_slots(work: Work) -> None:
    ids = [await work.made(wait=True) for _ in range(7)]
    await wait_for(lambda: len(work.light.began) == 4, what="the slots are full")
    assert work.worker.free == 0
    leased = [run_id for run_id in ids if await work.database.where(run_id) == "running/leased"]
    assert len(leased) == 4
    work.light.go.set()
    for run_id in ids:
        await work.comes_to(run_id, "completed/done")


@pytest.mark.parametrize(
    ("error", "place", "code"),
    [
        (Permanent(ErrorCode.DATA_ERROR, "bad"), "failed/done", "DATA_ERROR"),
        (Retryable(ErrorCode.RATE_LIMITED, "slow", retry_after=60), "running/delayed", "RATE_LIMITED"),
        (KeyError("a bug"), "running/delayed", "INTERNAL_ERROR"),
    ],
)
async def test_what_a_kind_raises_decides_what_follows(work: Work, error: Exception, place: str, code: str) -> None:
    def act(run: Owned) -> dict[str, Any]:
        raise error

    work.light.act = act
    row = await work.comes_to(await work.made(), place)
    assert row["error"]["code"] == code


async def test_the_last_attempt_fails_for_good(work: Work) -> None:
    run_id = await work.made(HEAVY, do="retryable", retry={"max_attempts": 1})
    row = await work.comes_to(run_id, "failed/done")
    assert (row["error"]["code"], row["error"]["retryable"]) == ("RATE_LIMITED", True)
    assert (await work.events(run_id))[-1] == "run_failed"


@pytest.mark.parametrize(
    "result",
    [{"text": "a\x00b"}, {"number": 2**70}, {"set": {1}}, {"lone": "\ud800"}],
    ids=["nul", "big", "set", "lone"],
)
async def test_a_result_that_cannot_be_stored_ends_its_run_all_the_same(work: Work, result: dict[str, Any]) -> None:
    work.light.act = lambda run: result
    run_id = await work.made()

    async def ended() -> bool:
        return (await work.database.where(run_id)).endswith("/done")

    await wait_for(ended, timeout=20, what="the run has ended")
    row = await work.database.run(run_id)
    if row["status"] == "failed":
        assert row["error"]["code"] == "DATA_ERROR"
    else:
        assert row["result"] == {"text": "a\N{REPLACEMENT CHARACTER}b"}


async def test_a_cancel_stops_a_run_at_the_next_beat(work: Work) -> None:
    run_id = await work.made(wait=True)
    await wait_for(lambda: work.light.began, what="it began")
    await work.ask(run_id, "cancel")
    await work.beat()
    await work.comes_to(run_id, "cancelled/done")
    assert (await work.events(run_id))[-1] == "run_cancelled"


async def test_a_cancel_stops_a_child_at_the_next_beat(work: Work) -> None:
    run_id = await work.made(HEAVY, do="deaf")
    await work.comes_to(run_id, "running/leased")
    await wait_for(lambda: work.worker._owned[run_id].progress is None, what="it is held")
    await work.ask(run_id, "cancel")
    await work.beat()
    await work.comes_to(run_id, "cancelled/done")


async def test_a_pause_lets_a_light_call_finish(work: Work) -> None:
    run_id = await work.made(wait=True)
    await wait_for(lambda: work.light.began, what="it began")
    await work.ask(run_id, "pause")
    await work.beat()
    assert await work.database.where(run_id) == "running/leased"
    work.light.go.set()
    await work.comes_to(run_id, "completed/done")


async def test_a_pause_stops_a_child_and_keeps_what_it_has(work: Work) -> None:
    run_id = await work.made(HEAVY, do="slices")
    await wait_for(lambda: work.heavy.asked, timeout=20, what="it works")
    await work.ask(run_id, "pause")
    await work.beat()
    row = await work.comes_to(run_id, "running/paused")
    assert (row["interrupt_count"], row["retry_count"], row["control"]) == (1, 0, None)


async def test_a_pause_that_was_taken_back_lets_the_work_go_on(work: Work) -> None:
    run_id = await work.made(HEAVY, do="slices")
    await wait_for(lambda: work.heavy.asked, timeout=20, what="it works")
    work.worker._owned[run_id].ask_to_stop("pause")
    before = len(work.heavy.asked)
    await wait_for(lambda: work.heavy.asked[before:].count(("commit", {"slice": 1})), timeout=20, what="it began anew")
    assert (await work.database.run(run_id))["epoch"] == 1
    assert await work.database.where(run_id) == "running/leased"


async def test_a_failure_of_a_run_that_is_to_be_cancelled_is_a_cancellation(work: Work) -> None:
    run_id = await work.made(wait=True)

    def act(run: Owned) -> dict[str, Any]:
        raise Permanent(ErrorCode.DATA_ERROR, "bad")

    work.light.act = act
    await wait_for(lambda: work.light.began, what="it began")
    await work.ask(run_id, "cancel")
    work.light.go.set()
    await work.comes_to(run_id, "cancelled/done")


async def test_a_retry_of_a_run_that_is_to_be_paused_is_a_pause(work: Work) -> None:
    run_id = await work.made(wait=True)

    def act(run: Owned) -> dict[str, Any]:
        raise Retryable(ErrorCode.CONNECTION_ERROR, "away")

    work.light.act = act
    await wait_for(lambda: work.light.began, what="it began")
    await work.ask(run_id, "pause")
    work.light.go.set()
    await work.comes_to(run_id, "running/paused")


async def test_a_run_that_takes_too_long_fails(work: Work) -> None:
    row = await work.comes_to(await work.made(wait=True, timeout_seconds=0.2), "failed/done")
    assert row["error"]["code"] == "TIMEOUT"


async def test_a_sync_kind_has_half_a_minute_where_it_names_no_limit_and_others_have_a_day(work: Work) -> None:
    """Document 000, "Execution Model"; rule 24."""
    call, heavy = await work.made(wait=True), await work.made(HEAVY, do="deaf")
    await wait_for(lambda: work.light.began and heavy in work.worker._owned, what="both are at work")
    left = work.worker._owned[call].seconds_left
    assert left is not None
    assert 25 < left <= 30
    left = work.worker._owned[heavy].seconds_left
    assert left is not None
    assert 86_000 < left <= 86_400


async def test_a_run_that_was_taken_over_is_dropped_and_writes_nothing(work: Work) -> None:
    run_id = await work.made(wait=True)
    await wait_for(lambda: work.light.began, what="it began")
    await work.database.change(run_id, "epoch = 2, lease_owner = gen_random_uuid()")
    work.light.go.set()
    await wait_for(lambda: run_id not in work.worker._owned, what="it is dropped")
    assert await work.database.where(run_id) == "running/leased"
    assert await work.events(run_id) == ["lease_acquired"]


async def test_who_is_taken_for_dead_drops_all_its_runs(work: Work) -> None:
    light, heavy = await work.made(wait=True), await work.made(HEAVY, do="deaf")
    await wait_for(lambda: len(work.worker._owned) == 2, what="both are held")
    await (await work.database.owner()).execute("DELETE FROM processes WHERE id = $1", work.worker._life.id)
    for run_id in (light, heavy):
        await work.database.change(run_id, "epoch = epoch + 1, lease_owner = gen_random_uuid()")
    await work.beat()
    await wait_for(lambda: not work.worker._owned, timeout=20, what="both are dropped")
    assert await work.database.where(light) == await work.database.where(heavy) == "running/leased"


async def test_a_lease_that_nobody_here_knows_is_let_go_at_the_second_beat(work: Work) -> None:
    stranger = await work.database.put("running", "leased", lease_owner=work.worker._life.id, kind="file_sync")
    await wait_for(lambda: not work.worker._claiming, what="nothing is being claimed")
    work.worker._on_beat([Lease(stranger, 1, None)])
    assert await work.database.where(stranger) == "running/leased"
    await wait_for(lambda: not work.worker._claiming, what="nothing is being claimed")
    work.worker._on_beat([Lease(stranger, 1, None)])
    row = await work.comes_to(stranger, "running/queued")
    assert (row["recovered"], row["interrupt_count"]) == (True, 1)


async def test_what_is_held_is_renewed(work: Work) -> None:
    run_id = await work.made(wait=True)
    await wait_for(lambda: work.light.began, what="it began")
    await work.database.change(run_id, "due_at = now() + interval '3 s'")
    before = (await work.database.run(run_id))["due_at"]
    await work.worker.renew_once()
    assert (await work.database.run(run_id))["due_at"] > before


async def test_a_notification_of_garbage_disturbs_nobody(work: Work) -> None:
    run_id = await work.made(wait=True)
    await wait_for(lambda: work.light.began, what="it began")
    for payload in ("", "cancel", "cancel nobody", "x,y", "\x00"):
        work.worker._on_control(payload)
    work.light.go.set()
    await work.comes_to(run_id, "completed/done")


# Stopping


async def _stopped(own_database: Database, *do: dict[str, Any], control: str | None = None) -> list[Any]:
    """The rows of runs that were at work when their worker got SIGTERM."""
    light, heavy = ToyLight(), ToyHeavy(pauses_after="never")
    async with working(own_database.url, light, heavy, slots=4) as (service, worker):
        work = Work(own_database, service, worker, light, heavy)
        ids = [await work.made(HEAVY if "do" in each else LIGHT, **each) for each in do]
        await wait_for(lambda: len(worker._owned) == len(ids), what="all are held")
        for run_id in ids:
            if control:
                await work.ask(run_id, control)
        asyncio.get_running_loop().call_later(0.2, light.go.set)
    return [await own_database.run(run_id) for run_id in ids]


async def test_a_worker_that_stops_hands_heavy_runs_over_and_lets_light_calls_end(own_database: Database) -> None:
    heavy, light = await _stopped(own_database, {"do": "deaf"}, {"wait": True})
    assert (heavy["status"], heavy["phase"], heavy["recovered"]) == ("running", "queued", True)
    assert (heavy["interrupt_count"], heavy["retry_count"]) == (1, 0)
    assert [entry["event"] for entry in await own_database.log(heavy["id"])][-1] == "run_interrupted"
    assert light["status"] == "completed"
    assert await (await own_database.owner()).fetchval("SELECT count(*) FROM processes") == 0


@pytest.mark.parametrize(("control", "place"), [("pause", ("running", "paused")), ("cancel", ("cancelled", "done"))])
async def test_who_releases_a_run_carries_out_what_was_asked_of_it(
    own_database: Database, control: str, place: tuple[str, str]
) -> None:
    (row,) = await _stopped(own_database, {"do": "deaf"}, control=control)
    assert (row["status"], row["phase"]) == place


async def _says_that_it_stops(database: Database) -> bool:
    return bool(await (await database.owner()).fetchval("SELECT stopping FROM processes"))


async def test_a_worker_that_stops_claims_nothing_more(own_database: Database) -> None:
    light = ToyLight()
    async with working(own_database.url, light, slots=4) as (service, worker):
        work = Work(own_database, service, worker, light, ToyHeavy())
        busy = await work.made(wait=True)
        await wait_for(lambda: light.began, what="it began")
        stopping = asyncio.create_task(worker.stop())
        await wait_for(lambda: worker.free == 0, what="it takes nothing more")
        await wait_for(lambda: _says_that_it_stops(own_database), what="nobody sends calls here any more")
        late = await work.made()
        assert (await worker.execute(late))[0] == "no_slot"
        light.go.set()
        await stopping
    assert await own_database.where(busy) == "completed/done"
    assert await own_database.where(late) == "pending/queued"
