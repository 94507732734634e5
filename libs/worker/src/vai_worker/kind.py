"""What a kind of work is to a worker: light ones run in its event loop, heavy ones in a child process (rule 12)."""

from typing import Any, Protocol, TypeGuard
from uuid import UUID

from vai_records.definitions.base import Definition
from vai_worker.owned import Owned


class Park(Exception):
    """Raised by a light kind whose run waits for something else: it is let go, and worked on again from the start
    when that has ended. `awaited` is what it waits for."""

    def __init__(self, awaited: UUID, message: str) -> None:
        super().__init__(message)
        self.awaited = awaited
        self.message = message


class Kind(Protocol):
    """What all kinds have."""

    name: str

    @property
    def reads(self) -> type[Definition]:
        """What its runs' definitions are read as."""


class Light(Kind, Protocol):
    """A call: `perform` answers the run's result, or raises `Retryable`, `Permanent` or `Park`."""

    async def perform(self, run: Owned) -> dict[str, Any]:
        """Does the work. Await `run.steady()` before each side effect."""

    def light(self, definition: Definition) -> bool:
        """Asked only of a kind that is heavy, too: whether this definition needs no child."""


class Heavy(Kind, Protocol):
    """Work for a child process: `entry` ("module:function") runs there as `entry(job, link) -> result`."""

    entry: str
    pauses_after: str | None
    """The question with whose answer a slice is durable: a pause waits for it. None: stopping is good at any time."""

    async def prepare(self, run: Owned) -> dict[str, Any]:
        """What the child must know beyond the definition (JSON values)."""

    async def answer(self, run: Owned, question: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Answers the child's `link.ask`; what it writes goes through `run.guarded()`."""


def is_heavy(kind: Kind) -> TypeGuard[Heavy]:
    """Whether the kind can work in a child process."""
    return hasattr(kind, "entry")


def is_light(kind: Kind) -> TypeGuard[Light]:
    """Whether the kind can work in the event loop; one that is both says which by `light(definition)`."""
    return hasattr(kind, "perform")
