"""What a call of a tool starts and waits for: the same runs by the same routes, with reports of progress meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from vai_api_gateway.mcp.inner import Inner, Refusal
from vai_common.clock import steady_seconds

Json = dict[str, Any]
Tell = Callable[[float, str], Awaitable[None]]

RUNS: Final = "/api/v1/action-runs"
AUTOMATION_RUNS: Final = "/api/v1/automation-runs"

IMPATIENT_SECONDS: Final = 50
"""How long is waited for a client that takes no reports: most of them give up after 60."""
PATIENT_SECONDS: Final = 3_000
_TURN_SECONDS: Final = 2.0
"""Between two reports of progress."""

_GOES_ON = frozenset(("pending", "awaiting_approval", "running"))
_NOT_TOLD = frozenset(("definition", "event", "inputs", "createdBy", "users", "fingerprint"))
_LONGEST_REPORT = 300


class Following:
    """One call. `tell` reports to its client: seconds so far and words; `patient`: the client takes these."""

    def __init__(self, routes: Inner, tell: Tell, stopping: asyncio.Event, *, patient: bool) -> None:
        self.routes = routes
        self._tell = tell
        self._stopping = stopping
        self._seconds = PATIENT_SECONDS if patient else IMPATIENT_SECONDS
        self._starting: asyncio.Future[Json] | None = None
        self._there = ""

    async def run(self, body: Json, key: str | None, seconds: int | None) -> Json:
        """A run of a kind. Raises `Refusal`."""
        return await self._started(RUNS, RUNS, body, key, seconds)

    async def action(self, action_id: str, overrides: Json | None, key: str | None, seconds: int | None) -> Json:
        """A run of a saved action. Raises `Refusal`."""
        body = {} if overrides is None else {"definitionOverrides": overrides}
        return await self._started(RUNS, f"/api/v1/actions/{action_id}/run", body, key, seconds)

    async def automation(self, automation_id: str, inputs: Json, key: str | None, seconds: int | None) -> Json:
        """A run of an automation. Raises `Refusal`."""
        path = f"/api/v1/automations/{automation_id}/trigger"
        return await self._started(AUTOMATION_RUNS, path, {"inputs": inputs}, key, seconds)

    async def until_ended(self, path: str, seconds: int | None) -> Json:
        """The run at its end, or as it is when the time is up. Raises `Refusal`."""
        return await self._until_ended(path, seconds, await self.routes.get(path))

    async def take_back(self) -> None:
        """The client takes the call back: what it has started is cancelled. What ended meanwhile stays as it is."""
        if self._starting is not None:
            with suppress(Refusal):
                run = await self._starting
                if not ended(run):
                    await self.routes.post(f"{self._there}/{id_of(run)}/cancel", {}, {})

    async def _started(self, there: str, path: str, body: Json, key: str | None, seconds: int | None) -> Json:
        if key is not None:
            body = body | {"idempotencyKey": key}
        wait = min(_TURN_SECONDS, self._seconds if seconds is None else seconds)
        prefer = f"respond-async, wait={wait:g}" if wait else "respond-async"
        self._there = there
        self._starting = asyncio.ensure_future(self.routes.post(path, body, {"prefer": prefer}))
        run = await asyncio.shield(self._starting)
        return await self._until_ended(f"{there}/{id_of(run)}", seconds, run)

    async def _until_ended(self, path: str, seconds: int | None, run: Json) -> Json:
        began = steady_seconds()
        until = began + (self._seconds if seconds is None else seconds)
        while not ended(run) and (left := until - steady_seconds()) > 0 and not self._stopping.is_set():
            await self._tell(steady_seconds() - began, _report(run))
            run = await self.routes.get(path, wait=max(1.0, min(_TURN_SECONDS, left)))
        return settled(run)


async def found(routes: Inner, run_id: UUID) -> tuple[str, Json]:
    """The path of a run and what it shows: of a run, or of an automation run. Raises `Refusal` 404."""
    try:
        return f"{RUNS}/{run_id}", await routes.get(f"{RUNS}/{run_id}")
    except Refusal as error:
        if error.status != 404:
            raise
    return f"{AUTOMATION_RUNS}/{run_id}", await routes.get(f"{AUTOMATION_RUNS}/{run_id}")


def id_of(run: Json) -> str:
    """The id of a run, or of an automation run."""
    return str(run.get("id") or run["runId"])


def ended(run: Json) -> bool:
    return run["status"] not in _GOES_ON


def has_failed(told: Any) -> bool:
    """Whether a tool's result is a run that did not reach its end."""
    return isinstance(told, dict) and told.get("status") in ("failed", "cancelled", "rejected")


def settled(run: Json) -> Json:
    """What a tool tells of a run: without what the caller has said itself, and without what is empty."""
    told = {key: value for key, value in run.items() if value not in (None, [], {}) and key not in _NOT_TOLD}
    if not ended(run):
        told["next"] = f"it goes on: call wait_for_run with runId {id_of(run)}"
    return told


def _report(run: Json) -> str:
    words = str(run.get("displayStatus") or run["status"]).replace("_", " ")
    progress = run.get("progress")
    if isinstance(progress, dict):
        words += "".join(f", {key}: {value}" for key, value in progress.items() if isinstance(value, str | int | float))
    steps = run.get("steps")
    if isinstance(steps, list) and steps:
        over = sum(step.get("state") not in ("waiting", "running") for step in steps)
        words += f", {over} of {len(steps)} steps"
    return words[:_LONGEST_REPORT]
