"""The living workers: which kinds they run, and calling one of them for a run of a SYNC kind."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import structlog

from vai_common.clock import steady_seconds
from vai_common.queries import Pool
from vai_common.telemetry import CLIENT, current_traceparent, span
from vai_contracts.vai.executor.v1 import executor_pb2 as pb
from vai_contracts.vai.executor.v1 import executor_pb2_grpc
from vai_records.runs.row import RunRow

_log = structlog.get_logger()

PATIENCE = 0.5
"""After so many seconds the run's row is watched, too: the called worker may be frozen."""

GRACE = 0.05
DOUBT_SECONDS = 5.0
"""How long a worker is not called after it did not answer and the run ended elsewhere."""

_WORKERS = """
SELECT kinds, address, beat_at > clock_timestamp() - interval '7 s' AS is_fresh FROM processes
WHERE address IS NOT NULL AND NOT stopping AND beat_at > clock_timestamp() - interval '30 s'
"""
_METHOD = f"{pb.DESCRIPTOR.services_by_name['Executor'].full_name}/Execute"
_CALL = {"rpc.system.name": "grpc", "rpc.method": _METHOD}
_OPTIONS = [("grpc.max_receive_message_length", 8 * 1024 * 1024), ("grpc.enable_retries", 0)]


class Fleet:
    """Addresses from the `processes` table, read every two seconds. Calls go to the workers in turn."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._addresses: dict[str, list[str]] = {}
        self._kinds: frozenset[str] = frozenset()
        self._doubted: dict[str, float] = {}
        self._stubs: dict[str, executor_pb2_grpc.ExecutorStub] = {}
        self._channels: dict[str, Any] = {}
        self._turn = itertools.count()

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds that some living worker runs."""
        return self._kinds

    async def look_once(self) -> None:
        rows = await self._pool.fetch(_WORKERS)
        self._kinds = frozenset(kind for row in rows for kind in row["kinds"])
        found: dict[str, list[str]] = {}
        for row in rows:
            # A worker with a late beat may live, but no request should wait for it.
            for kind in row["kinds"] if row["is_fresh"] else ():
                found.setdefault(kind, []).append(row["address"])
        self._addresses = found
        self._doubted = {one: until for one, until in self._doubted.items() if until > steady_seconds()}
        for address in set(self._channels) - {row["address"] for row in rows}:
            del self._stubs[address]
            await self._channels.pop(address).close()

    async def execute(
        self, run: RunRow, seconds: float, unheard: Callable[[], Awaitable[object]]
    ) -> pb.ExecuteResponse | None:
        """Ask a worker to do it now. None if there is none, or if it took longer than `seconds`.

        If the answer takes a while, `unheard` watches the run itself, and the end of the run ends the call. The run's
        row is the truth in any case: a lost call changes nothing, since the worker goes on.
        """
        address = self._next(run["kind"])
        if address is None:
            return None
        call = asyncio.ensure_future(self._ask(address, run, seconds))
        tasks: set[asyncio.Future[Any]] = {call}
        try:
            await asyncio.wait(tasks, timeout=min(PATIENCE, seconds))
            if not call.done():
                tasks.add(asyncio.ensure_future(unheard()))
                await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                # The end of a run comes both ways at once. The worker's answer saves a read.
                await asyncio.wait({call}, timeout=GRACE)
        finally:
            for task in tasks:
                task.cancel()
        if not call.done():
            self._doubted[address] = steady_seconds() + DOUBT_SECONDS
            return None
        # Its channel was closed, and grpc cancels the call. The request must not be cancelled by that.
        return None if call.cancelled() else call.result()

    def _next(self, kind: str) -> str | None:
        """The workers in turn, without those that seem to be frozen."""
        now = steady_seconds()
        addresses = [one for one in self._addresses.get(kind, ()) if self._doubted.get(one, 0) <= now]
        return addresses[next(self._turn) % len(addresses)] if addresses else None

    async def _ask(self, address: str, run: RunRow, seconds: float) -> pb.ExecuteResponse | None:
        try:
            request = pb.ExecuteRequest(run_id=str(run["id"]), org_id=str(run["org_id"]))
            with span(_METHOD, None, {**_CALL, "server.address": address, "vai.run.id": request.run_id}, CLIENT):
                answer: pb.ExecuteResponse = await self._stub(address).Execute(
                    request, timeout=seconds, metadata=_trace()
                )
        except grpc.aio.AioRpcError as error:
            _log.info("execute_unanswered", run_id=str(run["id"]), code=error.code().name)
            return None
        return answer

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()

    def _stub(self, address: str) -> Any:
        if address not in self._stubs:
            self._channels[address] = grpc.aio.insecure_channel(address, options=_OPTIONS)
            self._stubs[address] = executor_pb2_grpc.ExecutorStub(self._channels[address])
        return self._stubs[address]


def _trace() -> tuple[tuple[str, str], ...]:
    """The metadata of a call: the current trace, if there is one."""
    traceparent = current_traceparent()
    return () if traceparent is None else (("traceparent", traceparent),)
