"""The kinds that the scheduler runs: control flow."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.boot import Service
from scheduler.approval_gate import ApprovalGate
from scheduler.conditional_branch import ConditionalBranch
from scheduler.settings import Settings
from worker.running import running as worker_running

KINDS = (ApprovalGate(), ConditionalBranch())


@asynccontextmanager
async def running(service: Service[Settings]) -> AsyncIterator[None]:
    async with worker_running(service, KINDS):
        yield
