"""The embedded stack in tests: real servers and real services, in a folder and on ports of their own."""

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx2

from vai_common.clock import now
from vai_devstack.config import Config
from vai_devstack.errors import StackError
from vai_devstack.home import Home
from vai_devstack.servers.ports import random_base
from vai_devstack.servers.process import tail
from vai_devstack.services import NAMES
from vai_devstack.stack import Stack
from vai_testkit.wait import wait_for

KAFKA_VARIABLE = "VAI_TEST_KAFKA"
"""apache, testcontainers or HOST:PORT; without it the embedded broker."""

ENDED = frozenset({"completed", "failed", "cancelled", "rejected"})


@contextlib.asynccontextmanager
async def running_stack(
    folder: Path,
    replicas: Mapping[str, int] | None = None,
    only: tuple[str, ...] = NAMES,
    environment: Mapping[str, str] | None = None,
    kafka: str = "",
    lake: str = "",
) -> AsyncIterator[Stack]:
    """A stack that lives as long as the block; what dies in it stays dead until the test starts it again.

    `only` names the services (none: just the servers), `environment` is added to theirs, `lake` may be `s3`. Raises
    AssertionError, with the end of the log that shows why, when it does not start.
    """
    config = Config(
        home=Home.of(folder),
        kafka=kafka or os.environ.get(KAFKA_VARIABLE) or "embedded",
        replicas=replicas or {},
        only=only,
        port_base=random_base(),
        environment=environment or {},
        lake=lake,
    )
    stack = Stack(config, _note)
    try:
        await _start(stack)
        yield stack
    finally:
        await stack.stop()


def _note(line: str) -> None:
    """Into the captured output of the test that is running; pytest shows it when that test fails."""
    sys.stdout.write(f"{now():%H:%M:%S} stack: {line}\n")


async def _start(stack: Stack) -> None:
    try:
        await stack.start()
    except StackError as error:
        shown = "\n".join(tail(error.log)) if error.log else ""
        raise AssertionError(f"{error.message}\n{error.advice}\n{shown}") from error


def client_of(stack: Stack, api_key: str = "") -> httpx2.AsyncClient:
    """A client of the stack's gateway, as its admin or as the holder of another key; paths begin with /api/v1."""
    headers = {"X-API-Key": api_key or stack.api_key}
    return httpx2.AsyncClient(base_url=stack.api_url, headers=headers, timeout=70.0)


async def create_run(
    api: httpx2.AsyncClient, kind: str, definition: dict[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """POST /action-runs; the run as it was answered. Raises AssertionError with the body of any other answer."""
    body = {"kind": kind, "definition": definition or {}, **fields}
    answer = await api.post("/api/v1/action-runs", json=body, headers={"Prefer": "respond-async"})
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json())


async def run_when(api: httpx2.AsyncClient, run_id: str, *statuses: str, timeout: float = 30.0) -> dict[str, Any]:
    """The run as soon as it has one of these statuses (none given: as soon as it has ended)."""
    wanted = set(statuses) or ENDED
    seen: dict[str, Any] = {}

    async def has_come_to_it() -> dict[str, Any] | None:
        seen.update((await api.get(f"/api/v1/action-runs/{run_id}")).json())
        return seen if seen.get("status") in wanted else None

    return await wait_for(has_come_to_it, timeout, every=0.05, what=f"run {run_id} {sorted(wanted)}")
