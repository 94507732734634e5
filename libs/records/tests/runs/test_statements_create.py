"""Making runs in batches: what meets another run's key is left out, and nothing waits for itself."""

import asyncio
import random
from collections import Counter

import asyncpg
import pytest

from vai_common.ids import uuid7
from vai_records.runs import statements
from vai_records.runs.new_run import NewRun
from vai_testkit.database import Database, new_run


async def test_a_batch_is_answered_with_what_is_new(database: Database) -> None:
    pool = await database.pool("api-gateway")
    org_id = uuid7()
    runs = [new_run(org_id=org_id, idempotency_key=f"k{number}") for number in range(3)]
    repeat = new_run(org_id=org_id, idempotency_key="k1")

    assert set(await statements.create(pool, runs)) == {run.id for run in runs}
    other = new_run(org_id=org_id, idempotency_key="k3")
    assert set(await statements.create(pool, [repeat, other])) == {other.id}


async def test_two_of_a_batch_with_one_key_make_one_run(database: Database) -> None:
    pool = await database.pool("api-gateway")
    twins = [new_run(org_id=(org_id := uuid7()), idempotency_key="k"), new_run(org_id=org_id, idempotency_key="k")]
    assert len(await statements.create(pool, twins)) == 1


@pytest.mark.parametrize("key", ["idempotency_key", "concurrency_key"])
async def test_a_key_belongs_to_its_organisation(database: Database, key: str) -> None:
    assert len(await database.make(new_run(**{key: "k"}), new_run(**{key: "k"}))) == 2


async def test_a_concurrency_key_is_free_again_when_its_run_has_ended(database: Database) -> None:
    pool = await database.pool("api-gateway")
    org_id = uuid7()
    first = await database.put("running", "paused", org_id=org_id, concurrency_key="k")
    assert await statements.create(pool, [new_run(org_id=org_id, concurrency_key="k")]) == {}

    await database.change(first, "status = 'completed', phase = 'done', completed_at = now()")
    assert len(await statements.create(pool, [new_run(org_id=org_id, concurrency_key="k")])) == 1


async def test_an_idempotency_key_is_taken_for_ever(database: Database) -> None:
    pool = await database.pool("api-gateway")
    org_id = uuid7()
    await database.put("completed", "done", org_id=org_id, idempotency_key="k", deleted_at=None)
    assert await statements.create(pool, [new_run(org_id=org_id, idempotency_key="k")]) == {}


async def test_a_run_has_one_live_retry(database: Database) -> None:
    pool = await database.pool("api-gateway")
    old = await database.put("failed", "done")
    assert len(await statements.create(pool, [new_run(retry_of=old), new_run(retry_of=old)])) == 1
    assert await statements.create(pool, [new_run(retry_of=old)]) == {}


async def test_all_that_a_new_run_says_is_stored(database: Database) -> None:
    ids = {name: uuid7() for name in ("action_id", "connection_id", "parent_run_id", "retry_of", "created_by")}
    run = new_run(
        held_for="approval",
        trigger_source_type="user",
        trigger_source_id="u1",
        watched=True,
        secrets=b"\x00\x01",
        concurrency_key="c",
        idempotency_key="i",
        fingerprint=b"f",
        requires_approval=True,
        may_rerun=False,
        approval_timeout_seconds=90.5,
        traceparent="00-1-2-01",
        definition={"nested": {"list": [1, None, "ü"]}},
        **ids,
    )
    await database.make(run)
    row = dict(await database.run(run.id))
    names = [name for name in NewRun.__dataclass_fields__ if name in row]
    assert {name: row[name] for name in names} == {name: getattr(run, name) for name in names}
    assert len(names) == len(NewRun.__dataclass_fields__)


def _shuffled(rng: random.Random, key: str, names: list[str], org_id: object) -> list[NewRun]:
    rng.shuffle(names)
    return [new_run(org_id=org_id, **{key: name}) for name in names]


@pytest.mark.parametrize("key", ["idempotency_key", "concurrency_key"])
async def test_crossed_batches_never_wait_for_each_other_in_a_circle(database: Database, key: str) -> None:
    pool = await database.pool("api-gateway")
    rng = random.Random(7)
    for _ in range(40):
        org_id, names = uuid7(), [f"k{number}" for number in range(30)]
        batches = [_shuffled(rng, key, names, org_id) for _ in range(4)]
        answers = await asyncio.gather(*(statements.create(pool, batch) for batch in batches))
        made = Counter(
            getattr(run, key) for batch, new in zip(batches, answers, strict=True) for run in batch if run.id in new
        )
        assert made == dict.fromkeys(names, 1)


async def test_runs_with_two_keys_that_cross_never_wait_in_a_circle(database: Database) -> None:
    pool = await database.pool("api-gateway")
    rng = random.Random(11)
    for _ in range(15):
        org_id, names = uuid7(), [f"k{number}" for number in range(12)]
        batches = []
        for batch in range(4):
            rng.shuffle(names)
            batches.append(
                [
                    new_run(org_id=org_id, idempotency_key=f"{batch}-{place}", concurrency_key=name)
                    for place, name in enumerate(names)
                ]
            )
        answers = await asyncio.gather(*(statements.create(pool, batch) for batch in batches))
        made = Counter(
            run.concurrency_key for batch, new in zip(batches, answers, strict=True) for run in batch if run.id in new
        )
        assert made == dict.fromkeys(names, 1)


async def test_a_run_that_cannot_be_stored_fails_its_whole_statement(database: Database) -> None:
    pool = await database.pool("api-gateway")
    good, bad = new_run(), new_run(trigger_method="\x00")
    with pytest.raises(asyncpg.PostgresError):
        await statements.create(pool, [good, bad])
    assert await database.run(good.id) is None
