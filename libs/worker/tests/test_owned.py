"""A run in a worker's hands: every durable write goes through its epoch (rules 1 and 8)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from vai_common.boot import Service
from vai_common.clock import now, steady_seconds
from vai_common.errors import ErrorCode, Permanent
from vai_common.ids import uuid7
from vai_records.processes.life import Life
from vai_records.runs import checkpoints
from vai_records.secrets.keys import Keyring
from vai_testkit.database import Database
from vai_testkit.opened import opened_service
from vai_testkit.owned import HeldRun, claimed
from vai_worker.owned import LostRun, Means, Owned
from vai_worker.reports import Reports

KEYS = "k1:" + "A" * 43 + "="


class Desk:
    """What a worker has, without its loops."""

    def __init__(self, database: Database, service: Service[Any], life: Life) -> None:
        self.database, self.service, self.life = database, service, life
        self.keyring = Keyring(KEYS)
        self.reports = Reports(service.pool, life.name)
        self.published: list[Any] = []
        self.means = Means(service.pool, life, self.reports, self.keyring, "file:///lake", self.published.extend)

    async def holds(self, **columns: Any) -> Owned:
        """A run that this worker has claimed."""
        run_id = await self.database.put("running", "leased", lease_owner=self.life.id, **columns)
        return Owned(claimed(await self.database.run(run_id)), self.means)

    async def connection(self, org_id: Any, **columns: Any) -> Any:
        connection_id = uuid7()
        owner = await self.database.owner()
        values = {
            "id": connection_id,
            "org_id": org_id,
            "name": "Shop",
            "slug": "shop",
            "provider": "shopify",
        } | columns
        names, places = ", ".join(values), ", ".join(f"${n}" for n in range(1, len(values) + 1))
        await owner.execute(f"INSERT INTO connections ({names}) VALUES ({places})", *values.values())
        return connection_id


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with opened_service(database.url, "extract-worker") as service:
        life = Life(service)
        await life.beat_once()
        yield Desk(database, service, life)
        await life.stop()


async def test_what_is_written_under_guard_is_there(desk: Desk) -> None:
    run = await desk.holds(losses=2)
    async with run.guarded() as conn:
        await checkpoints.save(conn, run.id, {"slice": 3})
    assert await run.checkpoint() == {"slice": 3}
    assert (await desk.database.run(run.id))["losses"] == 0


@pytest.mark.parametrize(
    "taken",
    [
        "epoch = epoch + 1",
        "lease_owner = gen_random_uuid()",
        "phase = 'queued', lease_owner = NULL, due_at = NULL",
        "status = 'completed', phase = 'done', lease_owner = NULL, due_at = NULL, completed_at = now()",
    ],
)
async def test_a_run_that_is_lost_is_refused(desk: Desk, taken: str) -> None:
    run = await desk.holds()
    await desk.database.change(run.id, taken)
    with pytest.raises(LostRun):
        async with run.guarded() as conn:
            await checkpoints.save(conn, run.id, {"slice": 3})
    assert await run.checkpoint() is None


async def test_a_write_that_fails_leaves_nothing(desk: Desk) -> None:
    run = await desk.holds()
    with pytest.raises(ZeroDivisionError):
        async with run.guarded() as conn:
            await checkpoints.save(conn, run.id, {"slice": 3})
            raise ZeroDivisionError
    assert await run.checkpoint() is None


async def test_while_one_writes_nobody_takes_the_run_over(desk: Desk) -> None:
    run = await desk.holds()
    async with run.guarded() as conn:
        taking = asyncio.create_task(desk.database.change(run.id, "epoch = epoch + 1"))
        await asyncio.wait([taking], timeout=0.05)
        assert not taking.done()
        await checkpoints.save(conn, run.id, {"slice": 3})
    await taking
    assert await run.checkpoint() == {"slice": 3}


async def test_past_its_deadline_a_run_writes_nothing(desk: Desk) -> None:
    run = await desk.holds()
    run.deadline = steady_seconds() - 1
    with pytest.raises(Permanent) as late:
        async with run.guarded() as conn:
            await checkpoints.save(conn, run.id, {"slice": 3})
    assert late.value.code is ErrorCode.TIMEOUT
    assert await run.checkpoint() is None


async def test_who_is_not_sure_to_live_waits_before_it_writes(desk: Desk) -> None:
    run = await desk.holds()
    assert desk.life._lock is not None
    desk.life._lock.terminate()

    async def write() -> None:
        async with run.guarded() as conn:
            await checkpoints.save(conn, run.id, {"slice": 3})

    writing = asyncio.create_task(write())
    await asyncio.wait([writing], timeout=0.1)
    assert not writing.done()
    assert await run.checkpoint() is None
    await desk.life.beat_once()
    await asyncio.wait_for(writing, 30)
    assert await run.checkpoint() == {"slice": 3}


async def test_a_retry_goes_on_where_the_old_run_stopped(desk: Desk) -> None:
    old = await desk.holds()
    async with old.guarded() as conn:
        await checkpoints.save(conn, old.id, {"slice": 3})
    run = await desk.holds(retry_of=old.id)
    assert await run.checkpoint() == {"slice": 3}
    async with run.guarded() as conn:
        await checkpoints.save(conn, run.id, {"slice": 4})
    assert await run.checkpoint() == {"slice": 4}
    assert await old.checkpoint() == {"slice": 3}


async def test_credentials_are_opened_when_they_are_needed(desk: Desk) -> None:
    org_id = uuid7()
    connection_id = await desk.connection(org_id, config={"shop": "a"})
    sealed = desk.keyring.encrypt_json({"token": "t"}, org_id, connection_id)
    await (await desk.database.owner()).execute(
        "UPDATE connections SET credentials = $1 WHERE id = $2", sealed, connection_id
    )
    run = await desk.holds(org_id=org_id, connection_id=connection_id)
    found = await run.connection()
    assert found is not None
    assert (found.slug, found.provider, found.config, found.credentials) == (
        "shop",
        "shopify",
        {"shop": "a"},
        {"token": "t"},
    )
    assert "'t'" not in repr(found)


async def test_a_connection_of_another_organisation_or_none_is_no_connection(desk: Desk) -> None:
    assert await (await desk.holds()).connection() is None
    run = await desk.holds(connection_id=await desk.connection(uuid7()))
    with pytest.raises(Permanent, match="deleted"):
        await run.connection()


async def test_without_keys_a_worker_says_what_it_needs(desk: Desk) -> None:
    org_id = uuid7()
    connection_id = await desk.connection(org_id, credentials=b"sealed")
    run = await desk.holds(org_id=org_id, connection_id=connection_id)
    run._means = Means(desk.service.pool, desk.life, desk.reports, None, "", desk.published.extend)
    with pytest.raises(Permanent, match="VAI_ENCRYPTION_KEYS"):
        await run.connection()


async def test_data_that_came_is_told_once_it_is_durable(desk: Desk) -> None:
    org_id = uuid7()
    connection_id = await desk.connection(org_id)
    run = await desk.holds(org_id=org_id, connection_id=connection_id)
    async with run.guarded() as conn:
        await run.data_available(conn, "shopify", ["orders"], 7)
        assert desk.published == []
    async with run.guarded() as conn:
        await run.data_available(conn, "shopify", ["customers"], 2)
    assert [row["sequence"] for row in desk.published] == [1, 2]
    stored = [event["data"] for event in await desk.database.events(connection_id)]
    assert [data["rows"] for data in stored] == [7, 2]
    assert [row["data"]["runId"] for row in desk.published] == [str(run.id)] * 2
    # services of before that field publish what is stored, and take no field that they do not know
    assert {name for data in stored for name in data} == {"connectionId", "source", "tables", "rows"}


async def test_a_refusal_is_told_once_where_the_answer_to_its_commit_was_lost(desk: Desk) -> None:
    org_id = uuid7()
    owner = await desk.database.owner()
    await owner.execute("INSERT INTO organisations (id, slug, name) VALUES ($1, $2, 'Acme')", org_id, org_id.hex)
    connection_id = await desk.connection(org_id)
    error = {"code": "AUTH_ERROR", "message": "no", "details": {}, "retryable": False}
    for started_at in (None, now()):
        run = await desk.holds(org_id=org_id, connection_id=connection_id, started_at=started_at)
        for again in (False, True, True):
            await run.connection_failed(error, again=again)
    run = await desk.holds(org_id=org_id, connection_id=connection_id)
    await run.connection_failed(error, again=True)
    assert len(await desk.database.events(connection_id)) == 3


async def test_what_was_not_committed_is_not_told(desk: Desk) -> None:
    org_id = uuid7()
    connection_id = await desk.connection(org_id)
    run = await desk.holds(org_id=org_id, connection_id=connection_id)
    with pytest.raises(ZeroDivisionError):
        async with run.guarded() as conn:
            await run.data_available(conn, "shopify", ["orders"], 7)
            raise ZeroDivisionError
    async with run.guarded():
        pass
    assert desk.published == []
    assert await desk.database.events(connection_id) == []


async def test_log_entries_are_written_in_their_order(desk: Desk) -> None:
    run = await desk.holds()
    for number in range(50):
        await run.log(f"e{number}", "m")
    await run.flushed()
    assert [entry["event"] for entry in await desk.database.log(run.id)] == [f"e{number}" for number in range(50)]


async def test_of_much_progress_the_last_is_written(desk: Desk) -> None:
    run = await desk.holds()
    for done in range(50):
        run.set_progress({"done": done})
    await desk.reports.write_progress_once()
    assert (await desk.database.run(run.id))["progress"] == {"done": 49}


async def test_a_loose_definition_of_an_older_version_is_read_as_that_read_it(desk: Desk) -> None:
    run = await desk.holds(definition={"source": "noop", "timeout_seconds": "30", "requires_approval": 1})
    assert (run.definition.timeout_seconds, run.definition.requires_approval) == (30.0, True)


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({"source": "noop", "timeout_seconds": "soon"}, 'timeout_seconds: .*, not "soon"'),
        ({"source": "noop", "retry": "often"}, "retry: "),
        ({"source": ["noop"]}, "source: "),
        ([], "definition"),
    ],
)
async def test_a_definition_that_cannot_be_read_names_its_field(desk: Desk, definition: Any, message: str) -> None:
    run = await desk.holds(definition=definition)
    for _ in range(2):
        with pytest.raises(Permanent, match=message) as error:
            await run.opened()
        assert error.value.code == "DATA_ERROR"


@pytest.mark.parametrize(("named", "said"), [(30, "30 s, its `timeout_seconds`"), (None, "3,600 s, the limit where")])
def test_a_time_out_says_how_long_and_whose_limit_it_was(named: int | None, said: str) -> None:
    run = HeldRun("dlt_extract", {"source": "noop", **({"timeout_seconds": named} if named else {})})
    run.deadline = run.claimed + (named or 3_600)
    assert f"The run took longer than {said}" in run.took_too_long().message
