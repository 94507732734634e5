"""A catalogue that OpenLineage events are posted to, and runs to tell it of."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.scheduler.tests.stage import Stage
from vai_common.clock import now
from vai_common.ids import uuid7
from vai_records.lake import columns, manifest, writes

Json = dict[str, Any]

_RUN = """
INSERT INTO runs (id, org_id, kind, definition, status, phase, trigger_method, trigger_source_type, trigger_source_id,
    action_id, error, result, completed_at, log_seq, event_seq)
VALUES ($1, $2, $3, $4, 'completed', 'done', 'api', $5, $6, $7, $8, $9, clock_timestamp(), 0, 0)
"""
_EVENT = """
INSERT INTO events (subject_id, sequence, occurred_at, org_id, type, data) VALUES ($1, $2, $3, $4, $5, $6)
"""


@dataclass
class Catalogue:
    """Answers with `status`, or says nothing while it is `silent`."""

    port: int = 0
    status: int = 201
    silent: bool = False
    refuses: str = ""
    """An event with this text in it is answered with 422."""
    heads: list[str] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1/lineage"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            int(line.split(":")[1]) for line in head.lower().splitlines() if line.startswith("content-length")
        )
        body = await reader.readexactly(length)
        self.heads.append(head)
        if self.silent:
            await reader.read()  # until the other side gives up
            writer.close()
            return
        status = 422 if self.refuses and self.refuses.encode() in body else self.status
        if status < 300:
            self.events.append(json.loads(body))
        writer.write(f"HTTP/1.1 {status} so\r\ncontent-length: 6\r\nconnection: close\r\n\r\nanswer".encode())
        await writer.drain()
        writer.close()

    def of(self, run_id: UUID) -> list[Json]:
        return [event for event in self.events if event["run"]["runId"] == str(run_id)]


@asynccontextmanager
async def catalogue(**said: Any) -> AsyncIterator[Catalogue]:
    made = Catalogue(**said)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


async def run(stage: Stage, kind: str, definition: Json, step_of: UUID | None = None, **said: Any) -> UUID:
    """A run of that kind, as its row is at its end."""
    run_id = uuid7()
    source = ("automation_run", str(step_of)) if step_of else ("user", None)
    row = (
        run_id,
        stage.org_id,
        kind,
        definition,
        *source,
        said.get("action_id"),
        said.get("error"),
        said.get("result"),
    )
    async with stage.gateway.acquire() as conn, conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(_RUN, *row)
    return run_id


async def happens(stage: Stage, run_id: UUID, kind: str, event_type: str, sequence: int = 1, **data: Any) -> None:
    """An event of the run; the trigger notes it for the receiver."""
    told = {"actionKind": kind, "attempt": 1} | data
    await stage.gateway.execute(_EVENT, run_id, sequence, now(), stage.org_id, event_type, told)


async def bronze(stage: Stage, name: str, run_id: UUID, *resources: str) -> UUID:
    """A table of bronze with ten rows of each resource."""
    made = await manifest.ensure_dataset(stage.pool, stage.org_id, "bronze", name, f"{stage.org_id}/bronze/{name}")
    await manifest.wrote(stage.pool, made.id, 10, [{"name": "total", "type": "BIGINT"}], 0)
    for resource in resources:
        await writes.note(stage.pool, writes.Write(made.id, run_id, 10, 500, resource))
    return made.id


async def table(stage: Stage, layer: str, name: str, run_id: UUID, *inputs: UUID, pairs: Any = ()) -> UUID:
    """A table that the run made of the inputs."""
    made = await manifest.ensure_dataset(stage.pool, stage.org_id, layer, name, f"{stage.org_id}/{layer}/{name}")
    await manifest.wrote(stage.pool, made.id, 7, [{"name": "sum", "type": "HUGEINT"}], 3)
    told = columns.Told(pairs)
    await columns.note(stage.pool, made.id, run_id, told, replaces=True)
    write = writes.Write(
        made.id, run_id, 7, 900, version=3, table_rows=7, inputs=list(inputs), columns_digest=told.digest
    )
    await writes.note(stage.pool, write)
    return made.id
