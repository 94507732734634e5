"""A worker that stands still makes nobody wait: the run's end is what counts, whoever ran it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.runs import fleet as fleet_module
from vai_api_gateway.runs.fleet import Fleet
from vai_common.ids import uuid7
from vai_contracts.vai.executor.v1 import executor_pb2 as pb
from vai_contracts.vai.executor.v1 import executor_pb2_grpc
from vai_testkit.traces import collected, trace_of
from vai_testkit.wait import wait_for

KIND = "http_request"
_REGISTER = """
INSERT INTO processes (id, service, kinds, slots, address, http_address, host, pid, lock_key, beat_at)
VALUES ($1, 'agent-worker', $2, 4, $3, 'h:1', 'h', 1, 1, clock_timestamp() - $4 * interval '1 s')
"""


class Answering(executor_pb2_grpc.ExecutorServicer):
    """A worker that answers after `seconds`, or when the test lets it; `asked` are the runs that it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.traceparents: list[str | None] = []
        self.free = asyncio.Event()

    async def Execute(self, request: Any, context: Any) -> Any:
        self.asked.append(request.run_id)
        self.traceparents.append(dict(context.invocation_metadata() or ()).get("traceparent"))
        await self.free.wait()
        return pb.ExecuteResponse(outcome=pb.OUTCOME_ENDED)


@asynccontextmanager
async def _worker(gateway: Gateway, beat_age: float = 0.0) -> AsyncIterator[Answering]:
    server, servicer = grpc.aio.server(), Answering()
    executor_pb2_grpc.add_ExecutorServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await gateway.pool.execute(_REGISTER, uuid7(), [KIND], f"127.0.0.1:{port}", beat_age)
    await gateway.fleet.look_once()
    try:
        yield servicer
    finally:
        servicer.free.set()
        await gateway.pool.execute("DELETE FROM processes")
        await server.stop(None)


async def _never() -> None:
    await asyncio.Event().wait()


async def _at_once() -> None:
    return


async def _execute(fleet: Fleet, unheard: Callable[[], Awaitable[object]] = _never) -> pb.ExecuteResponse | None:
    run = {"id": uuid7(), "org_id": uuid7(), "kind": KIND}
    return await asyncio.wait_for(fleet.execute(run, 30, unheard), 10)


async def test_an_answer_is_an_answer(gateway: Gateway) -> None:
    async with _worker(gateway) as worker:
        worker.free.set()
        got = await _execute(gateway.fleet)
        assert got is not None
        assert got.outcome == pb.OUTCOME_ENDED


async def test_a_call_carries_the_running_trace(gateway: Gateway) -> None:
    async with _worker(gateway) as worker:
        worker.free.set()
        await _execute(gateway.fleet)
        with collected() as spans:
            await _execute(gateway.fleet)
            asked = spans.only("vai.executor.v1.Executor/Execute")
        without, carried = worker.traceparents
        assert without is None
        assert str(carried).split("-")[1] == trace_of(asked)


async def test_a_call_ends_when_the_run_has_ended_whoever_ran_it(gateway: Gateway) -> None:
    async with _worker(gateway) as worker:
        assert await _execute(gateway.fleet, _at_once) is None
        assert len(worker.asked) == 1
        # And the next ones are spared it.
        assert await _execute(gateway.fleet, _at_once) is None
        assert len(worker.asked) == 1


async def test_a_slow_answer_that_comes_with_the_end_makes_nobody_doubt_the_worker(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_module, "PATIENCE", 0.01)
    monkeypatch.setattr(fleet_module, "GRACE", 10)
    async with _worker(gateway) as worker:

        async def ends() -> None:
            worker.free.set()

        assert await _execute(gateway.fleet, ends) is not None
        assert await _execute(gateway.fleet, ends) is not None
        assert len(worker.asked) == 2


async def test_a_worker_whose_beat_is_late_is_not_called_and_still_counts_as_living(gateway: Gateway) -> None:
    async with _worker(gateway, beat_age=8) as worker:
        assert await _execute(gateway.fleet) is None
        assert worker.asked == []
        assert gateway.fleet.kinds == {KIND}


async def test_a_channel_that_is_closed_ends_the_call_and_not_the_request(gateway: Gateway) -> None:
    async with _worker(gateway) as worker:
        call = asyncio.create_task(_execute(gateway.fleet))
        await wait_for(lambda: len(worker.asked) == 1, what="the worker is asked")
        await gateway.pool.execute("DELETE FROM processes")
        await gateway.fleet.look_once()
        assert await call is None


async def test_a_request_that_is_given_up_is_given_up(gateway: Gateway) -> None:
    async with _worker(gateway) as worker:
        call = asyncio.create_task(_execute(gateway.fleet))
        await wait_for(lambda: len(worker.asked) == 1, what="the worker is asked")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
