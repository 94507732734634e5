"""A bell that records what it should ring."""

from collections.abc import Callable, Sequence
from uuid import UUID


class MemoryBell:
    """Records every hint and rings nobody."""

    def __init__(self) -> None:
        self.rung: list[tuple[str, UUID]] = []

    def ring(self, kind: str, run_ids: Sequence[UUID]) -> None:
        self.rung.extend((kind, run_id) for run_id in run_ids)

    def on_ring(self, kinds: Sequence[str], heard: Callable[[str, list[UUID]], None]) -> None:
        """Does nothing: it never receives anything."""

    async def listen(self) -> None:
        """Does nothing: it never receives anything."""

    async def close(self) -> None:
        """Does nothing: nothing is buffered."""
