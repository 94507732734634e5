"""A thousand clients that follow logs on one gateway: every entry once, in order, and how soon."""

import asyncio
import gc
import re
import time
from datetime import datetime
from functools import partial
from urllib.parse import urlsplit
from uuid import UUID

from bench.measure import Figure, cpu_seconds, percentile
from vai_common.db import connect
from vai_common.ids import uuid7
from vai_devstack.stack import Stack
from vai_records.lifecycle.entry import Entry
from vai_records.runs import statements
from vai_records.runs.new_run import NewRun

CLIENTS = 1_000
TURNS = 50
EVERY_SECONDS = 0.2
_KIND = "file_sync"
"""Of no worker of the stack: the run is ours, and its log is what we write."""

_ENTRY = re.compile(rb'^id: \S+-(\d+)\ndata: .*"occurredAt":"([^"]+)"', re.MULTILINE)


class Client(asyncio.Protocol):
    """Reads one stream; what came is only looked at when all is over, so that reading costs little."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self.heard: list[tuple[float, bytes]] = []
        self.began, self.ended = asyncio.Event(), asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(self._head)

    def data_received(self, data: bytes) -> None:
        self.heard.append((time.time(), data))
        if b"event: end" in data:
            self.ended.set()
        elif b"\ndata: " in data:
            self.began.set()

    def entries(self) -> list[tuple[int, float]]:
        """Sequence and delay in seconds of each entry; an entry has come when its last byte has."""
        text, found, at = b"", [], 0
        for moment, data in self.heard:
            text += data
            for match in _ENTRY.finditer(text, at):
                written = datetime.fromisoformat(match[2].decode()).timestamp()
                found.append((int(match[1]), moment - written))
                at = match.end()
        return found


async def measure(stack: Stack) -> list[Figure]:
    gc.disable()  # a collection here would count as a delay there
    one, one_cpu = await _followed(stack, 1)
    many, many_cpu = await _followed(stack, 50)
    gc.enable()
    return [
        _figure(f"{CLIENTS} clients follow 1 run that writes {1 / EVERY_SECONDS:.0f} entries/s", one),
        Figure("   CPU of the gateway meanwhile", f"{one_cpu:.0%} of a core"),
        _figure(f"{CLIENTS} clients follow 50 runs that write {1 / EVERY_SECONDS:.0f} entries/s each", many),
        Figure("   CPU of the gateway meanwhile", f"{many_cpu:.0%} of a core"),
    ]


def _figure(what: str, delays: list[float]) -> Figure:
    shown = " / ".join(f"{percentile(delays, share) * 1e3:.0f}" for share in (0.5, 0.99, 1.0))
    return Figure(f"{what}: p50 / p99 / most after the write", f"{shown} ms", "p99 ≤ 100 ms")


async def _followed(stack: Stack, count: int) -> tuple[list[float], float]:
    """The delays of all entries at all clients; raises AssertionError where one is missing, doubled or out of order."""
    making, working, owner = (
        await connect(stack.database, "api-gateway"),
        await connect(stack.database, "agent-worker"),
        uuid7(),
    )
    runs = [NewRun(UUID(stack.org_id), _KIND, {}, "api") for _ in range(count)]
    await statements.create(making, runs)
    rows = await statements.claim(working, owner, [_KIND], [run.id for run in runs], count, "bench")
    clients = await connected(stack, [runs[n % count].id for n in range(CLIENTS)])
    cpu, start = cpu_seconds(stack)["api-gateway"], time.perf_counter()
    for turn in range(TURNS):
        await statements.log(
            working, [(row["id"], row["epoch"], Entry("note", f"turn {turn}", {})) for row in rows], "bench"
        )
        await asyncio.sleep(max(0.0, start + (turn + 1) * EVERY_SECONDS - time.perf_counter()))
    cpu = (cpu_seconds(stack)["api-gateway"] - cpu) / (time.perf_counter() - start)
    last = Entry("run_completed", "Run completed", {})
    ends = [statements.Ending(row["id"], row["epoch"], "completed", {}, None, None, last, {}) for row in rows]
    await statements.finish(working, ends, owner, "bench")
    await asyncio.wait_for(asyncio.gather(*(client.ended.wait() for client in clients)), 30)
    delays = []
    for client in clients:
        entries = client.entries()
        assert [sequence for sequence, _ in entries] == list(range(1, TURNS + 3)), entries
        delays += [delay for _, delay in entries[1:]]
    await making.close()
    await working.close()
    return delays, cpu


def _same(client: Client) -> Client:
    return client


async def connected(stack: Stack, run_ids: list[UUID]) -> list[Client]:
    """A client for each of the runs, which follows its log and has got the first entry."""
    address = urlsplit(stack.api_url)
    loop, clients = asyncio.get_running_loop(), []
    for run_id in run_ids:
        path = f"/api/v1/action-runs/{run_id}/logs/stream"
        client = Client(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {stack.api_key}\r\n\r\n".encode())
        await loop.create_connection(partial(_same, client), address.hostname or "", address.port or 80)
        clients.append(client)
    await asyncio.wait_for(asyncio.gather(*(client.began.wait() for client in clients)), 30)
    return clients
