"""Real faults on a live stack, until the alert of each has fired. The rules' times are shortened, their queries are not
changed: so many seconds instead of minutes."""

import asyncio
import contextlib
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg

from tools.deploy.alerts import RULES
from tools.deploy.live.load import NOOP, TRANSFORM, outside
from tools.deploy.live.prometheus import Prometheus, scraping
from vai_devstack.stack import Stack
from vai_testkit.stack import client_of, create_run, running_stack
from vai_testkit.wait import wait_for

_SHORTER = {"> 120": "> 8", "> 60": "> 6", "[15m]": "[60s]", "[5m]": "[20s]"}
NOT_HERE = {
    "VaiLakeDisk": "the disk of this machine is not filled for it",
    "VaiCertificateExpires": "there is no ingress",
}
_LONGEST = 120.0

Fault = Callable[[Stack, str], Awaitable[None]]


def shortened() -> str:
    """The rules with their times cut down."""
    text = re.sub(r"\bfor: \d+m", "for: 2s", RULES.read_text())
    for long, short in _SHORTER.items():
        text = text.replace(long, short)
    return text


async def _fail(stack: Stack, _web: str) -> None:
    async with client_of(stack) as api:
        for _ in range(15):
            await create_run(api, "duckdb_transform", TRANSFORM)  # of a table that is not there
            await asyncio.sleep(1)  # Prometheus sees them fail one after the other


async def _flood(stack: Stack, web: str) -> None:
    async with client_of(stack) as api:
        for _ in range(120):
            await create_run(api, "http_request", {"url": f"{web}/slow", "timeout_seconds": 20})


async def _kill(stack: Stack, _web: str) -> None:
    for _ in range(4):
        await stack.kill_service("transform-worker", 0, signal.SIGKILL)
        await asyncio.sleep(5)  # until the watchdog has seen it twice
        await stack.start_service("transform-worker", 0)


async def _no_worker(stack: Stack, _web: str) -> None:
    await stack.kill_service("extract-worker", 0, signal.SIGTERM)
    async with client_of(stack) as api:
        await create_run(api, **NOOP)


async def _no_kafka(stack: Stack, _web: str) -> None:
    await stack.kill_broker()
    async with client_of(stack) as api:
        for _ in range(5):
            await create_run(api, "duckdb_transform", TRANSFORM)


async def _kafka_again(stack: Stack, _web: str) -> None:
    await stack.restart_broker()


async def _no_scheduler(stack: Stack, _web: str) -> None:
    async with client_of(stack) as api:
        trigger = {"type": "schedule", "schedule": "* * * * *", "timezone": "UTC"}
        body = {"name": "each minute", "trigger": trigger, "actions": [NOOP]}
        (await api.post("/api/v1/automations", json=body)).raise_for_status()
    await stack.kill_service("scheduler", 0, signal.SIGTERM)


async def _no_dispatcher(stack: Stack, _web: str) -> None:
    await stack.kill_service("run-dispatcher", 0, signal.SIGTERM)


FAULTS: tuple[tuple[str, str, Fault], ...] = (
    ("VaiRunsFail", "15 transforms of a table that is not there", _fail),
    ("VaiQueueAge", "120 calls of a server that needs 10 s, for 32 slots", _flood),
    ("VaiNoWorker", "the only extract-worker is stopped, a run of its kind is made", _no_worker),
    ("VaiProcessesLost", "a transform-worker is killed four times", _kill),
    ("VaiJournalUnpublished", "the broker is killed", _no_kafka),
    ("VaiEventLag", "the broker comes back, and old events go out", _kafka_again),
    ("VaiSchedulesLate", "the only scheduler is stopped, a schedule is due", _no_scheduler),
)


async def alerts(folder: Path) -> int:
    """Each fault after the other; 1 where an alert did not fire."""
    silent = []
    async with (
        outside() as web,
        running_stack(folder / "stack", environment={"VAI_ALLOW_PRIVATE_ADDRESSES": "loopback"}) as stack,
        scraping(stack, folder / "prometheus", shortened()) as prometheus,
    ):
        _say(f"fires before any fault: {', '.join(sorted(await prometheus.firing())) or 'nothing'}")
        for name, what, fault in FAULTS:
            await fault(stack, web)
            silent += await _heard(prometheus, name, what)
        async with _connections(stack):
            silent += await _heard(prometheus, "VaiDatabaseConnections", "somebody takes nearly all connections")
        await _no_dispatcher(stack, web)
        silent += await _heard(prometheus, "VaiNotMeasured", "the only run-dispatcher is stopped")
    for name, why in NOT_HERE.items():
        _say(f"{name}: not tried, {why}; its promtool test ran")
    return 1 if silent else 0


async def _heard(prometheus: Prometheus, name: str, what: str) -> list[str]:
    async def fires() -> bool:
        return name in await prometheus.firing()

    try:
        await wait_for(fires, _LONGEST, every=0.5, what=name)
    except (AssertionError, TimeoutError):
        _say(f"{name}: SILENT after {_LONGEST:g} s: {what}")
        return [name]
    _say(f"{name}: fired: {what}")
    return []


@contextlib.asynccontextmanager
async def _connections(stack: Stack) -> AsyncIterator[None]:
    """Somebody who takes 88 % of what the server gives."""
    one = await asyncpg.connect(stack.database)
    most = int(await one.fetchval("SHOW max_connections")) - int(
        await one.fetchval("SHOW superuser_reserved_connections")
    )
    taken = int(await one.fetchval("SELECT sum(numbackends) FROM pg_stat_database"))
    held = [one] + [await asyncpg.connect(stack.database) for _ in range(max(0, int(most * 0.88) - taken))]
    try:
        yield
    finally:
        for connection in held:
            connection.terminate()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
