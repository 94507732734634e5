"""The workers that live: which kinds they run, and how one of them is asked to run a SYNC kind at once."""

import itertools
from typing import Any
from uuid import UUID

import grpc
import structlog

from contracts.vai.executor.v1 import executor_pb2 as pb
from contracts.vai.executor.v1 import executor_pb2_grpc

_log = structlog.get_logger()

_WORKERS = """
SELECT kinds, address FROM processes
WHERE address IS NOT NULL AND NOT stopping AND beat_at > clock_timestamp() - interval '30 s'
"""
_OPTIONS = [("grpc.max_receive_message_length", 8 * 1024 * 1024), ("grpc.enable_retries", 0)]


class Fleet:
    """Addresses from the `processes` table, looked up every two seconds; calls go to the workers in turn."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._addresses: dict[str, list[str]] = {}
        self._stubs: dict[str, executor_pb2_grpc.ExecutorStub] = {}
        self._channels: dict[str, Any] = {}
        self._turn = itertools.count()

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds that some living worker runs."""
        return frozenset(self._addresses)

    async def look_once(self) -> None:
        found: dict[str, list[str]] = {}
        for row in await self._pool.fetch(_WORKERS):
            for kind in row["kinds"]:
                found.setdefault(kind, []).append(row["address"])
        self._addresses = found
        living = {address for addresses in found.values() for address in addresses}
        for address in set(self._channels) - living:
            del self._stubs[address]
            await self._channels.pop(address).close()

    async def execute(self, kind: str, run_id: UUID, seconds: float) -> pb.ExecuteResponse | None:
        """Asks a worker to run it now; None where none could be asked or it took longer than `seconds`.

        Whatever comes back, the run's row is the truth: a lost call changes nothing (it is shielded there).
        """
        addresses = self._addresses.get(kind)
        if not addresses:
            return None
        stub = self._stub(addresses[next(self._turn) % len(addresses)])
        try:
            answer: pb.ExecuteResponse = await stub.Execute(pb.ExecuteRequest(run_id=str(run_id)), timeout=seconds)
        except grpc.aio.AioRpcError as error:
            _log.info("execute_unanswered", run_id=str(run_id), code=error.code().name)
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
