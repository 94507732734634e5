"""What a worker needs of a kind. Light kinds run in its event loop, heavy ones in a child process (rule 12)."""

from typing import Any, Protocol, TypeGuard
from uuid import UUID

from vai_records.definitions.base import Definition
from vai_worker.owned import Owned


class Park(Exception):
    """Raised by a light kind whose run waits for something else. The run is released, and claimed again from the start
    when `awaited` has ended."""

    def __init__(self, awaited: UUID, message: str) -> None:
        super().__init__(message)
        self.awaited = awaited
        self.message = message


class Kind(Protocol):
    """What all kinds have."""

    name: str

    @property
    def reads(self) -> type[Definition]:
        """The model of its runs' definitions."""


class Light(Kind, Protocol):
    """A kind whose work is a call: `perform` returns the run's result, or raises `Retryable`, `Permanent` or `Park`."""

    async def perform(self, run: Owned) -> dict[str, Any]:
        """Does the work. Await `run.steady()` before each side effect."""

    def light(self, definition: Definition) -> bool:
        """Whether this definition needs no child. Called only for a kind that is both light and heavy."""


class Heavy(Kind, Protocol):
    """A kind that works in a child process: `entry` ("module:function") runs there as `entry(job, link) -> result`."""

    entry: str
    pauses_after: str | None
    """The `ask` whose answer makes a slice durable; a pause waits for it. None: the work may stop at any time."""

    async def prepare(self, run: Owned) -> dict[str, Any]:
        """What the child must know beyond the definition (JSON values)."""

    async def answer(self, run: Owned, question: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Answer the child's `link.ask`. All writes go through `run.guarded()`."""


def is_heavy(kind: Kind) -> TypeGuard[Heavy]:
    """Whether the kind can work in a child process."""
    return hasattr(kind, "entry")


def is_light(kind: Kind) -> TypeGuard[Light]:
    """Whether the kind can work in the event loop; one that is both says which by `light(definition)`."""
    return hasattr(kind, "perform")
