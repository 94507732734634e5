"""Whatever the database does to whatever statement: every run ends or goes on; what may not happen twice does not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from vai_common import batcher as batcher_module
from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_common.ids import uuid7
from vai_common.messages.bell import ROOM
from vai_records.events.run_end import offer_room
from vai_testkit.database import Database
from vai_testkit.faulty_pool import Fault
from vai_testkit.owned import claimed
from vai_testkit.rings import MemoryBell
from vai_testkit.wait import wait_for
from vai_worker import wiring as running_module
from vai_worker import worker as worker_module
from vai_worker.endings import Endings
from vai_worker.kind import Park
from vai_worker.lifecycle import Holder
from vai_worker.owned import Means, Owned
from vai_worker.reports import Reports

from .saboteur import BESIDE, LAST_RESORTS, STATEMENTS, Sabotaged, Toy, sabotaged

RARE = ("renew", "cancel", "claim", "pull", "progress")
"""Statements that may not come by in the second that these runs take."""


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_module, "hide_memory", lambda: None)
    monkeypatch.setattr(batcher_module, "AGAIN_SECONDS", 0.02)


@pytest_asyncio.fixture
async def work(database: Database) -> AsyncIterator[Sabotaged]:
    async with sabotaged(database) as work:
        yield work


@pytest.mark.parametrize("fault", Fault)
async def test_every_run_ends_or_goes_on_whatever_fails(work: Sabotaged, fault: Fault) -> None:
    for word in STATEMENTS:
        work.fail(word, fault, times=2)
        post = await work.made("http_request", may_rerun=False, method="POST", url="https://x.example/")
        get = await work.made("http_request", method="GET", url="https://x.example/")
        sliced = await work.made("dlt_extract", source="sample")
        others = [await work.made(kind) for kind in ("approval_gate", "call_automation", "web_search")]
        ids = [post, get, sliced, *others]
        statuses = dict(zip(ids, await work.settle(*ids), strict=True))
        assert work.struck or word in RARE, word
        assert work.sender.hits[post] <= 1, word
        for run_id in ids:
            if fault is Fault.ABSURD and statuses[run_id] == "failed":
                continue  # perhaps by the last resort, which tells less (`test_damaged_runs`)
            words = await work.assert_told_once(run_id)
            # An absurd error is the run's; the database's trouble is not.
            excused = fault is Fault.ABSURD or word in BESIDE or run_id == post
            assert excused or statuses[run_id] == "completed", (word, words)
        if statuses[sliced] == "completed":
            done = [entry["data"]["slice"] for entry in await work.database.log(sliced) if "slice" in entry["data"]]
            assert done == sorted(set(done)), (word, done)


async def test_an_ending_is_kept_for_as_long_as_the_database_is_read_only(work: Sabotaged) -> None:
    """Whatever the watch of beats says meanwhile, the run stays where it is."""
    run_id = await work.made("http_request", may_rerun=False, method="POST", url="https://x.example/")
    work.fail("finish", Fault.READ_ONLY, times=6)
    assert await work.settle(run_id) == ["completed"]
    assert (work.sender.hits[run_id], (await work.database.run(run_id))["interrupt_count"]) == (1, 0)


def _nothing_ends(work: Sabotaged) -> None:
    """No ending as computed can be stored, nor a plain one before the third turn."""

    def hit(text: str, values: tuple[Any, ...]) -> Fault | None:
        plain = text == STATEMENTS["give up"] and values[-1] == 0
        if plain or text in (STATEMENTS["finish"], *LAST_RESORTS.values()):
            return Fault.ABSURD
        return None

    work.pool.hit = hit


async def test_what_cannot_be_let_go_three_times_is_ended(work: Sabotaged) -> None:
    _nothing_ends(work)
    run_id = await work.made("approval_gate")
    assert await work.settle(run_id) == ["failed"]
    row = await work.database.run(run_id)
    assert (row["error"]["code"], row["epoch"], row["stuck_turns"]) == ("INTERNAL_ERROR", 3, 2)
    assert "3 times in a row" in row["error"]["message"]


async def test_what_cannot_be_let_go_and_may_not_be_done_twice_fails_at_once(work: Sabotaged) -> None:
    _nothing_ends(work)
    run_id = await work.made("http_request", may_rerun=False, method="POST", url="https://x.example/")
    assert await work.settle(run_id) == ["failed"]
    row = await work.database.run(run_id)
    assert "may not be done twice: look whether it took effect" in row["error"]["message"]
    assert (work.sender.hits[run_id], row["epoch"]) == (1, 1)


async def test_a_cancel_of_what_cannot_be_let_go_takes_effect_at_the_next_beat(work: Sabotaged) -> None:
    stuck = await work.database.put("running", "leased", lease_owner=work.worker._life.id, kind="file_sync")
    await work.database.change(stuck, "control = 'cancel'")
    await work.beat()

    async def cancelled() -> bool:
        return await work.database.where(stuck) == "cancelled/done"

    await wait_for(cancelled, what="it is cancelled")


@pytest.mark.parametrize("secrets", [b"", b"\x01no envelope", b"\x01\x02k9" + b"x" * 40])
async def test_a_secret_that_does_not_open_ends_its_run(work: Sabotaged, secrets: bytes) -> None:
    async def look(toy: Toy, run: Owned) -> None:
        assert run.definition

    work.sender._act = look
    run_id = await work.database.put("pending", "queued", kind="http_request", secrets=secrets)
    assert await work.settle(run_id) == ["failed"]
    assert (await work.database.run(run_id))["error"]["code"] == "INTERNAL_ERROR"


@pytest.mark.parametrize("error", [asyncio.CancelledError(), RuntimeError("a bug"), OSError("odd"), TimeoutError()])
async def test_a_bug_after_the_effect_sends_nothing_twice(work: Sabotaged, error: BaseException) -> None:
    async def send_and_break(toy: Toy, run: Owned) -> None:
        await run.steady()
        toy.hits[run.id] += 1
        raise error

    work.sender._act = send_and_break
    post = await work.made("http_request", may_rerun=False, method="POST", url="https://x.example/")
    assert await work.settle(post) == ["failed"]
    assert work.sender.hits[post] == 1


# A database that went back in time


async def test_a_run_that_a_restored_database_brings_back_is_not_done_twice(work: Sabotaged) -> None:
    run_id = await work.made("http_request", may_rerun=False, method="POST", url="https://x.example/")
    assert await work.settle(run_id) == ["completed"]
    back = (
        "status = 'running', phase = 'leased', lease_owner = $2, completed_at = NULL, due_at = now() + interval '80 s'"
    )
    await work.database.change(run_id, back, work.worker._life.id)
    assert await work.settle(run_id) == ["failed"]
    assert work.sender.hits[run_id] == 1


@pytest.mark.parametrize(("left", "place"), [("interval '20 s'", "failed"), ("interval '89 s'", "completed")])
async def test_a_lease_that_was_never_worked_on_is_done_once_if_that_is_certain(
    work: Sabotaged, left: str, place: str
) -> None:
    """An old lease may be one of those that are forgotten here; a young one is a claim whose answer was lost."""
    run_id = await work.database.put(
        "running", "leased", lease_owner=work.worker._life.id, kind="http_request", may_rerun=False, event_seq=1
    )
    await work.database.change(run_id, f"due_at = clock_timestamp() + {left}")
    assert await work.settle(run_id) == [place]
    assert work.sender.hits[run_id] == int(place == "completed")


# Whose run it is


@pytest.mark.parametrize("control", [None, "pause", "cancel"])
@pytest.mark.parametrize("taken", ["epoch = epoch + 1", "lease_owner = gen_random_uuid()"])
async def test_an_ending_acts_on_no_run_of_another_epoch_or_owner(
    database: Database, control: str | None, taken: str
) -> None:
    """Also where the same process has claimed it again."""
    pool, holder = await database.pool("extract-worker"), Holder(uuid7(), "w")
    endings = Endings(pool, holder, lambda run: None, lambda rows: None)
    means = Means(pool, None, Reports(pool, "w"), None, "", lambda rows: None)  # type: ignore[arg-type]
    run_id = await database.put("running", "leased", lease_owner=holder.id)
    run = Owned(claimed(await database.run(run_id)), means)
    await database.change(run_id, f"{taken}, control = $2", control)
    for error in (Permanent(ErrorCode.DATA_ERROR, "bad"), Retryable(ErrorCode.RATE_LIMITED, "slow")):
        assert await asyncio.wait_for(endings.fail(run, error), 10) is None
    assert await asyncio.wait_for(endings.park(run, Park(uuid7(), "waits")), 10) is None
    assert await asyncio.wait_for(endings.give_up(run, error), 10) is None
    assert await database.where(run_id) == "running/leased"
    assert (await database.run(run_id))["control"] == control


LEAVING: dict[str, Callable[[Endings, Owned], Awaitable[Any]]] = {
    "retry": lambda endings, run: endings.fail(run, Retryable(ErrorCode.RATE_LIMITED, "slow")),
    "park": lambda endings, run: endings.park(run, Park(uuid7(), "waits")),
    "pause": lambda endings, run: endings.pause(run),
}


@pytest.mark.parametrize("how", LEAVING)
async def test_a_run_that_goes_on_later_offers_its_room(database: Database, how: str) -> None:
    pool, holder, org_id = await database.pool("extract-worker"), Holder(uuid7(), "w"), uuid7()
    left: list[Any] = []
    endings = Endings(pool, holder, lambda run: None, lambda rows: None, left.extend)
    means = Means(pool, None, Reports(pool, "w"), None, "", lambda rows: None)  # type: ignore[arg-type]
    run_id = await database.put("running", "leased", lease_owner=holder.id, org_id=org_id)
    await database.put("pending", "held", held_for="limit", org_id=org_id)
    run = Owned(claimed(await database.run(run_id)), means)
    if how == "pause":
        await database.change(run_id, "control = 'pause'")
    await LEAVING[how](endings, run)
    bell = MemoryBell()
    offer_room(left, bell)
    assert bell.rung == [(ROOM, org_id)]


# Stopping


async def _stopped_with(database: Database, monkeypatch: pytest.MonkeyPatch, seconds: float, may_rerun: bool) -> Any:
    """The row and the hits of a call that takes so long and is under way when its worker gets SIGTERM."""
    monkeypatch.setattr(worker_module, "DRAIN_SECONDS", 0.2)
    monkeypatch.setattr(worker_module, "LETTING_GO_SECONDS", 4.5)  # of the ten seconds of a stop one is left
    over = asyncio.Event()

    async def slow(toy: Toy, run: Owned) -> None:
        await run.steady()
        toy.hits[run.id] += 1
        await over.wait()

    async with sabotaged(database, stop_seconds=10) as work:
        work.sender._act = slow
        run_id = await work.made("http_request", may_rerun=may_rerun, method="POST", url="https://x.example/")
        await wait_for(lambda: work.sender.hits[run_id], what="it is under way")
        asyncio.get_running_loop().call_later(seconds, over.set)
    return await database.run(run_id), work.sender.hits[run_id]


async def test_at_sigterm_a_call_that_may_not_be_repeated_is_waited_for(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, hits = await _stopped_with(own_database, monkeypatch, 0.6, may_rerun=False)
    assert (row["status"], row["interrupt_count"], hits) == ("completed", 0, 1)


async def test_at_sigterm_one_that_takes_too_long_fails_and_says_so(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, hits = await _stopped_with(own_database, monkeypatch, 60, may_rerun=False)
    assert (row["status"], row["error"]["code"], hits) == ("failed", "INTERNAL_ERROR", 1)
    assert "SIGTERM" in row["error"]["message"]
    assert "may not be done twice: look whether it took effect, then retry it" in row["error"]["message"]


async def test_at_sigterm_one_that_may_be_repeated_is_handed_over(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, _ = await _stopped_with(own_database, monkeypatch, 60, may_rerun=True)
    assert (row["phase"], row["recovered"], row["stuck_turns"]) == ("queued", True, 0)
