"""The kind `approval_gate`: what a worker does after the approval (decision 22)."""

from typing import Any

from vai_records.definitions.approval_gate import ApprovalGate as Definition
from vai_worker.owned import Owned


class ApprovalGate:
    """A worker can claim such a run only after its approval, so claiming it is the whole work."""

    name = "approval_gate"
    reads = Definition

    async def perform(self, run: Owned) -> dict[str, Any]:
        return {"port": "approved"}
