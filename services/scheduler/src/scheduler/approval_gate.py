"""What is left to do once somebody has approved (decision 22)."""

from typing import Any, Literal

from worker.owned import Owned


class ApprovalGate:
    """A worker can claim such a run only after its approval, so claiming it is the whole work."""

    name = "approval_gate"

    def on_lost(self, definition: dict[str, Any]) -> Literal["rerun", "fail"]:
        return "rerun"

    async def perform(self, run: Owned) -> dict[str, Any]:
        return {"port": "approved"}
