"""What a kind of work is to a worker: light ones run in its event loop, heavy ones in a child process (rule 12)."""

from typing import Any, Protocol, runtime_checkable

from worker.owned import Owned

class Kind(Protocol):
    """What all kinds have."""

    name: str


@runtime_checkable
class Light(Kind, Protocol):
    """A call: `perform` answers the run's result, or raises `Retryable` or `Permanent`."""

    async def perform(self, run: Owned) -> dict[str, Any]:
        """Does the work. Await `run.steady()` before each side effect."""


@runtime_checkable
class Heavy(Kind, Protocol):
    """Work for a child process: `entry` ("module:function") runs there as `entry(job, link) -> result`."""

    entry: str

    async def prepare(self, run: Owned) -> dict[str, Any]:
        """What the child must know beyond the definition (JSON values)."""

    async def answer(self, run: Owned, question: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Answers the child's `link.ask`; what it writes goes through `run.guarded()`."""
