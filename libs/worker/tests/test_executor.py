"""The gRPC Executor over a real channel: SYNC is ASYNC with somebody waiting."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import grpc
import orjson
import pytest

from vai_common.errors import ErrorCode, Permanent
from vai_common.ids import uuid7
from vai_contracts.vai.executor.v1 import executor_pb2 as pb
from vai_contracts.vai.executor.v1 import executor_pb2_grpc
from vai_contracts.vai.words.v1 import words_pb2
from vai_testkit.database import Database, new_run
from vai_testkit.toys import ToyHeavy, ToyLight
from vai_testkit.traces import collected, trace_of
from vai_testkit.wait import wait_for
from vai_testkit.working import working
from vai_worker import executor as executor_module
from vai_worker import wiring as running_module
from vai_worker import worker as worker_module
from vai_worker.owned import Owned
from vai_worker.worker import Worker


@dataclass
class Call:
    """A caller's side: a stub, and what the worker does behind it."""

    database: Database
    worker: Worker
    light: ToyLight
    stub: Any

    async def made(self, **definition: Any) -> UUID:
        run = new_run(kind="http_request", definition=definition)
        await self.database.make(run)
        return run.id

    def execute(self, run_id: object) -> Any:
        return self.stub.Execute(pb.ExecuteRequest(run_id=str(run_id)))

    async def comes_to(self, run_id: UUID, place: str) -> None:
        async def there() -> bool:
            return await self.database.where(run_id) == place

        await wait_for(there, what=f"the run is {place}")


@pytest.fixture
async def call(own_database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Call]:
    monkeypatch.setattr(running_module, "hide_memory", lambda: None)
    # What waits is found by looking, too: here only by being called for.
    monkeypatch.setattr(worker_module, "PULL_SECONDS", 3600.0)
    light = ToyLight()
    async with working(own_database.url, light, ToyHeavy(), slots=2) as (_, worker):
        owner = await own_database.owner()
        address = await owner.fetchval("SELECT address FROM processes WHERE 'http_request' = ANY(kinds)")
        await wait_for(lambda: not worker._hungry and not worker._claiming, what="it has looked for what waits")
        async with grpc.aio.insecure_channel(address) as channel:
            yield Call(own_database, worker, light, executor_pb2_grpc.ExecutorStub(channel))
        light.go.set()


async def _executed(call: Call, **definition: Any) -> tuple[UUID, Any]:
    """A run and the answer to the call for it."""
    run_id = await call.made(**definition)
    return run_id, await call.execute(run_id)


async def test_the_answer_is_how_the_run_ended(call: Call) -> None:
    run_id, answer = await _executed(call, result={"status_code": 200})
    assert (answer.outcome, answer.status) == (pb.OUTCOME_ENDED, words_pb2.RUN_STATUS_COMPLETED)
    assert orjson.loads(answer.end.result_json) == {"status_code": 200}
    assert answer.end.error_json == b""
    row = await call.database.run(run_id)
    assert answer.end.completed_at.ToMicroseconds() == round(row["completed_at"].timestamp() * 1e6)


async def test_a_failure_is_an_answer_too(call: Call) -> None:
    def act(run: Owned) -> dict[str, Any]:
        raise Permanent(ErrorCode.AUTH_ERROR, "Who are you?")

    call.light.act = act
    _, answer = await _executed(call)
    assert (answer.outcome, answer.status) == (pb.OUTCOME_ENDED, words_pb2.RUN_STATUS_FAILED)
    assert orjson.loads(answer.end.error_json)["code"] == "AUTH_ERROR"


async def test_a_large_result_is_read_from_the_row(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor_module, "LARGEST_END", 100)
    _, answer = await _executed(call, result={"body": "x" * 200})
    assert answer.outcome == pb.OUTCOME_ENDED
    assert not answer.HasField("end")


async def test_a_caller_that_goes_away_changes_nothing(call: Call) -> None:
    run_id = await call.made(wait=True)
    waiting = asyncio.ensure_future(call.execute(run_id))
    await wait_for(lambda: call.light.began, what="the run began")
    waiting.cancel()
    await asyncio.wait([waiting])
    call.light.go.set()
    await call.comes_to(run_id, "completed/done")


async def test_a_caller_whose_time_is_up_changes_nothing(call: Call) -> None:
    run_id = await call.made(wait=True)
    with pytest.raises(grpc.aio.AioRpcError) as late:
        await call.stub.Execute(pb.ExecuteRequest(run_id=str(run_id)), timeout=0.3)
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    call.light.go.set()
    await call.comes_to(run_id, "completed/done")


async def test_a_run_that_somebody_else_has_is_not_claimed(call: Call) -> None:
    taken = await call.database.put("running", "leased", kind="http_request")
    for run_id in (taken, uuid7()):
        assert (await call.execute(run_id)).outcome == pb.OUTCOME_NOT_CLAIMED


async def test_two_callers_of_one_run_run_it_once(call: Call) -> None:
    run_id = await call.made(wait=True)
    calls = [asyncio.ensure_future(call.execute(run_id)) for _ in range(2)]
    await wait_for(lambda: call.light.began, what="the run began")
    call.light.go.set()
    assert {(await each).outcome for each in calls} == {pb.OUTCOME_NOT_CLAIMED, pb.OUTCOME_ENDED}
    await call.comes_to(run_id, "completed/done")
    assert len(call.light.began) == 1


async def test_a_full_worker_says_so(call: Call) -> None:
    busy = [asyncio.ensure_future(call.execute(await call.made(wait=True))) for _ in range(2)]
    await wait_for(lambda: call.worker.free == 0, what="the slots are full")
    assert (await call.execute(await call.made())).outcome == pb.OUTCOME_NO_SLOT
    call.light.go.set()
    await asyncio.gather(*busy)


async def test_a_run_that_is_let_go_is_released(call: Call) -> None:
    run_id = await call.made(wait=True)
    waiting = asyncio.ensure_future(call.execute(run_id))
    await wait_for(lambda: call.light.began, what="the run began")
    await call.database.change(run_id, "epoch = 9, lease_owner = gen_random_uuid()")
    call.worker._owned[run_id].ask_to_stop("lost")
    assert (await waiting).outcome == pb.OUTCOME_RELEASED


async def test_what_is_no_id_is_refused(call: Call) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call.execute("lunch")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_call_goes_on_the_trace_of_its_caller(call: Call) -> None:
    run_id, carried = await call.made(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with collected() as spans:
        await call.stub.Execute(pb.ExecuteRequest(run_id=str(run_id)), metadata=(("traceparent", carried),))
        executed, claimed = spans.only("vai.executor.v1.Executor/Execute"), spans.only("claim runs")
    assert trace_of(executed) == trace_of(claimed) == carried.split("-")[1]
