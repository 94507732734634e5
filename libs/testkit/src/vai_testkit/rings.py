"""A bell that keeps what it is told to ring."""

from collections.abc import Callable, Sequence
from uuid import UUID


class MemoryBell:
    """Takes every hint, rings nobody."""

    def __init__(self) -> None:
        self.rung: list[tuple[str, UUID]] = []

    def ring(self, kind: str, run_ids: Sequence[UUID]) -> None:
        self.rung.extend((kind, run_id) for run_id in run_ids)

    def on_ring(self, kinds: Sequence[str], heard: Callable[[str, list[UUID]], None]) -> None:
        """Nothing is ever heard."""

    async def listen(self) -> None:
        """Nothing is ever heard."""

    async def close(self) -> None:
        """Nothing waits."""
