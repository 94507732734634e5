"""gRPC `Executor`: the gateway asks a worker to do one run now, and waits for its end (SYNC kinds)."""

from datetime import datetime
from typing import Any
from uuid import UUID

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from vai_common.db import dump_json
from vai_common.queries import Row
from vai_common.telemetry import SERVER, note, span
from vai_contracts.run_end_fields import COUNTS, JSON_FIELDS, TIMES
from vai_contracts.vai.executor.v1 import executor_pb2 as pb
from vai_contracts.vai.executor.v1 import executor_pb2_grpc
from vai_contracts.vai.words.v1 import words_pb2
from vai_contracts.words import from_word
from vai_worker.worker import Worker

LARGEST_END = 1_000_000
"""The largest result, in bytes of JSON, that an answer carries. The caller reads a larger one from the row."""

_METHOD = f"{pb.DESCRIPTOR.services_by_name['Executor'].full_name}/Execute"
_CALL = {"rpc.system.name": "grpc", "rpc.method": _METHOD}
_OUTCOMES = {
    "ended": pb.OUTCOME_ENDED,
    "not_claimed": pb.OUTCOME_NOT_CLAIMED,
    "no_slot": pb.OUTCOME_NO_SLOT,
    "released": pb.OUTCOME_RELEASED,
}


class Executor(executor_pb2_grpc.ExecutorServicer):
    """Claim the run and answer when this worker no longer holds it. The run goes on if the caller goes away."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def Execute(self, request: pb.ExecuteRequest, context: Any) -> pb.ExecuteResponse:  # noqa: N802
        try:
            run_id, org_id = UUID(request.run_id), UUID(request.org_id) if request.org_id else None
        except ValueError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "run_id and org_id must be UUIDs")
        with span(_METHOD, dict(context.invocation_metadata() or ()).get("traceparent"), _CALL, SERVER):
            outcome, row = await self._worker.execute(run_id, org_id)
            note({"vai.run.id": request.run_id, "vai.outcome": outcome})
        answer = pb.ExecuteResponse(outcome=_OUTCOMES[outcome])
        if row is not None:
            answer.status = from_word(words_pb2.RunStatus, row["status"])
            _fill_end(answer, row)
        return answer


def _fill_end(answer: pb.ExecuteResponse, row: Row) -> None:
    texts = {field: b"" if row[name] is None else dump_json(row[name]).encode() for name, field in JSON_FIELDS.items()}
    if sum(map(len, texts.values())) > LARGEST_END:
        return
    end = answer.end
    for name in TIMES:
        _fill_time(getattr(end, name), row[name])
    for name in COUNTS:
        setattr(end, name, row[name])
    for field, text in texts.items():
        setattr(end, field, text)


def _fill_time(stamp: Timestamp, value: datetime | None) -> None:
    if value is not None:
        stamp.FromDatetime(value)


async def start_server(worker: Worker, host: str, port: int) -> tuple[Any, str]:
    """Start the server. Return it and the address on which it listens."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    executor_pb2_grpc.add_ExecutorServicer_to_server(Executor(worker), server)
    bound = server.add_insecure_port(f"{host}:{port}")
    await server.start()
    return server, f"{host}:{bound}"
