"""What people decide against what a worker does, a hundred times each: every run has one end, told once."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import pytest

from vai_api_gateway.lifecycle import Decisions, NotAllowed
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_common.ids import uuid7
from vai_records.events.publication import Publisher
from vai_records.runs import statements
from vai_records.runs.held_for import Limits
from vai_testkit.database import Database
from vai_testkit.opened import opened_service
from vai_testkit.owned import claimed
from vai_testkit.services import MemoryProducer
from vai_testkit.wait import some_moment
from vai_worker.endings import Endings
from vai_worker.lifecycle import Holder
from vai_worker.owned import Means, Owned
from vai_worker.reports import Reports

ROUNDS = 120
AT_ONCE = 12
SPREAD_SECONDS = 0.05
IN_TURN = 0.25
"""Of the rounds, in which the moves do not overlap."""
ORG = uuid7()
ENDS = {"action.completed", "action.failed", "action.cancelled", "action.rejected"}


class Sides:
    """The gateway's side and the worker's, each with sessions of its own."""

    def __init__(self, database: Database, decisions: Decisions, pool: Any) -> None:
        self.database, self.decisions, self.pool = database, decisions, pool
        self.holder = Holder(uuid7(), "worker-1")
        self.endings, self.others = (Endings(pool, self.holder, lambda run: None, lambda rows: None) for _ in range(2))
        self.means = Means(pool, None, Reports(pool, "worker-1"), None, "", lambda rows: None)  # type: ignore[arg-type]

    async def held(self) -> Owned:
        """A run that the worker has at work."""
        run_id = await self.database.put("running", "leased", org_id=ORG, lease_owner=self.holder.id, event_seq=1)
        return Owned(claimed(await self.database.run(run_id)), self.means)

    async def claim(self, run_id: UUID) -> list[Any]:
        return await statements.claim(self.pool, self.holder.id, ["dlt_extract"], [run_id], 1, "worker-1")


@pytest.fixture
async def sides(database: Database) -> AsyncIterator[Sides]:
    async with opened_service(database.url, "api-gateway") as gateway:
        publisher = Publisher(gateway.pool, MemoryProducer(), uuid7())
        decisions = Decisions(gateway.pool, gateway.bell, publisher, uuid7(), ORG)
        yield Sides(database, decisions, await database.pool("extract-worker"))
        await publisher.close(5)


async def _decided(deciding: Awaitable[Any]) -> bool:
    """Whether the gateway let it happen."""
    try:
        await deciding
    except NotAllowed:
        return False
    return True


async def _raced(rng: random.Random, *moves: Callable[[], Awaitable[Any]]) -> list[Any]:
    """All at once, each at its own moment of a few milliseconds; in some rounds one after another, in any order.

    The latter make certain that each outcome occurs, however busy the machine is.
    """
    if rng.random() < IN_TURN:
        answers: dict[int, Any] = {}
        for place in rng.sample(range(len(moves)), len(moves)):
            answers[place] = await moves[place]()
        return [answers[place] for place in range(len(moves))]

    async def at_some_moment(move: Callable[[], Awaitable[Any]]) -> Any:
        await some_moment(rng, SPREAD_SECONDS)
        return await move()

    return await asyncio.gather(*map(at_some_moment, moves))


async def _rounds(once: Callable[[random.Random], Awaitable[str]]) -> Counter[str]:
    """How the rounds came out."""
    came_out: Counter[str] = Counter()
    for start in range(0, ROUNDS, AT_ONCE):
        rngs = [random.Random(start + number) for number in range(AT_ONCE)]
        came_out.update(await asyncio.gather(*map(once, rngs)))
    return came_out


async def _story(database: Database, run_id: UUID) -> tuple[str, list[str]]:
    """Where the run came to, and the ends that were told of it. Its log must be dense."""
    seqs = [entry["seq"] for entry in await database.log(run_id)]
    assert seqs == list(range(1, len(seqs) + 1))
    types = [event["type"] for event in await database.events(run_id)]
    return await database.where(run_id), [each for each in types if each in ENDS]


async def test_approve_against_reject_against_a_claim(sides: Sides) -> None:
    user = uuid7()

    async def once(rng: random.Random) -> str:
        run_id = await sides.database.put("awaiting_approval", "held", org_id=ORG, held_for="approval")

        async def claim_when_queued() -> bool:
            return any([await sides.claim(run_id) for _ in range(4)])

        approved, rejected, claimed = await _raced(
            rng,
            lambda: _decided(sides.decisions.approve(run_id, user, Limits())),
            lambda: _decided(sides.decisions.reject(run_id, user, None)),
            claim_when_queued,
        )
        place, ends = await _story(sides.database, run_id)
        if rejected:
            assert (place, ends, claimed) == ("rejected/done", ["action.rejected"], False)
        else:
            assert (place, ends, approved, claimed) == ("running/leased", [], True, True)
        return f"{place}, {'approved' if approved else 'never approved'}"

    came_out = await _rounds(once)
    assert {"rejected/done, approved", "rejected/done, never approved"} <= set(came_out)


async def test_two_who_approve_at_once_approve_once(sides: Sides) -> None:
    async def once(rng: random.Random) -> str:
        run_id = await sides.database.put("awaiting_approval", "held", org_id=ORG, held_for="approval")
        users = [uuid7(), uuid7()]
        answers = await _raced(
            rng, *(lambda user=user: _decided(sides.decisions.approve(run_id, user, Limits())) for user in users)
        )
        assert sorted(answers) == [False, True]
        assert (await sides.database.run(run_id))["decided_by"] == users[answers.index(True)]
        return str(answers)

    assert len(await _rounds(once)) == 2


@pytest.mark.parametrize("decision", ["cancel", "pause"])
async def test_a_decision_against_a_completion_never_undoes_it(sides: Sides, decision: str) -> None:
    async def once(rng: random.Random) -> str:
        run = await sides.held()
        decide = getattr(sides.decisions, decision)
        ended, decided = await _raced(
            rng, lambda: sides.endings.complete(run, {"recordsProcessed": 1}), lambda: _decided(decide(run.id))
        )
        assert ended["status"] == "completed"
        assert await _story(sides.database, run.id) == ("completed/done", ["action.completed"])
        return str(decided)

    assert len(await _rounds(once)) == 2


FINAL, AGAIN = Permanent(ErrorCode.DATA_ERROR, "bad"), Retryable(ErrorCode.RATE_LIMITED, "slow", None, 60)


@pytest.mark.parametrize(
    ("decision", "error", "places"),
    [
        ("cancel", FINAL, {"cancelled/done", "failed/done"}),
        ("cancel", AGAIN, {"cancelled/done"}),
        ("pause", FINAL, {"failed/done"}),
        ("pause", AGAIN, {"running/paused"}),
    ],
)
async def test_a_decision_against_a_failure(
    sides: Sides, decision: str, error: RunError, places: Sequence[str]
) -> None:
    async def once(rng: random.Random) -> str:
        run = await sides.held()
        decide = getattr(sides.decisions, decision)
        await _raced(rng, lambda: sides.endings.fail(run, error), lambda: _decided(decide(run.id)))
        place, ends = await _story(sides.database, run.id)
        assert ends == ([f"action.{place.partition('/')[0]}"] if place.endswith("/done") else [])
        return place

    assert set(await _rounds(once)) <= set(places)


async def test_pause_and_resume_against_a_worker_that_obeys(sides: Sides) -> None:
    """However they cross, the resume is the last word: nobody is left paused."""

    async def once(rng: random.Random) -> str:
        run = await sides.held()
        await sides.decisions.pause(run.id)
        obeyed, _ = await _raced(
            rng, lambda: sides.endings.pause(run), lambda: sides.decisions.resume(run.id, Limits())
        )
        row = await sides.database.run(run.id)
        assert (row["phase"], row["control"]) == (("queued", None) if obeyed else ("leased", None))
        return str(row["phase"])

    assert set(await _rounds(once)) == {"queued", "leased"}


async def test_cancel_against_a_claim_reaches_the_run_or_its_worker(sides: Sides) -> None:
    async def once(rng: random.Random) -> str:
        run_id = await sides.database.put("pending", "queued", org_id=ORG)
        claimed, cancelled = await _raced(
            rng, lambda: sides.claim(run_id), lambda: _decided(sides.decisions.cancel(run_id))
        )
        assert cancelled
        row = await sides.database.run(run_id)
        assert (row["phase"], row["control"]) == (("leased", "cancel") if claimed else ("done", None))
        return str(row["phase"])

    assert set(await _rounds(once)) == {"leased", "done"}


async def test_two_who_end_a_run_end_it_once(sides: Sides) -> None:
    async def once(rng: random.Random) -> str:
        run = await sides.held()
        answers = await _raced(rng, lambda: sides.endings.complete(run, {}), lambda: sides.others.fail(run, FINAL))
        ended = [answer["status"] for answer in answers if answer is not None]
        place, ends = await _story(sides.database, run.id)
        assert [f"action.{status}" for status in ended] == ends
        return place

    assert set(await _rounds(once)) <= {"completed/done", "failed/done"}
