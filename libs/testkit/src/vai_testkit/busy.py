"""A dispatcher and a worker that act by themselves, for tests of the gateway alone."""

import asyncio
from typing import Any

from vai_common.queries import Pool
from vai_testkit.services import OtherServices

_HELD = "SELECT id FROM runs WHERE status = 'pending' AND phase = 'held' AND held_for = 'approval'"
_CALLED = "SELECT id FROM runs WHERE phase = 'queued' AND kind = ANY($1)"
_WITHOUT_INPUT = """
SELECT r.id FROM automation_runs r JOIN automation_versions v ON v.id = r.version_id
WHERE r.status = 'running' AND v.definition::text LIKE '%$/inputs/gone%'
"""
_REFUSED = {"code": "CONNECTION_ERROR", "message": "refused", "details": {}, "retryable": False}


class Busy:
    """Puts runs before people that want an approval, fails calls (`http_request`) and completes branches.

    Fails automation runs that lack the input `gone`.
    """

    def __init__(self, pool: Pool, others: OtherServices) -> None:
        self._pool = pool
        self._others = others

    async def look_once(self) -> None:
        for row in await self._pool.fetch(_HELD):
            await self._others.ask_approval(str(row["id"]))
        for row in await self._pool.fetch(_CALLED, ["http_request"]):
            await self._end(row["id"], "failed", error=_REFUSED)
        for row in await self._pool.fetch(_CALLED, ["conditional_branch", "approval_gate"]):
            await self._end(row["id"], "completed", result={"matched": True})

        for row in await self._pool.fetch(_WITHOUT_INPUT):
            await self._others.end_automation_run(row["id"], "failed", _REFUSED)

    async def _end(self, run_id: Any, status: str, **told: Any) -> None:
        """Ignore a run that was cancelled or paused meanwhile."""
        try:
            await self._others.end(str(run_id), status, **told)
        except ValueError:
            await asyncio.sleep(0)
