"""How a child process talks to the worker that owns its run; it never talks to Postgres (rule 12)."""

from typing import Any, Literal, Protocol

Level = Literal["info", "warning", "error"]

MAY_PAUSE = "may_pause"
"""What a child asks while it waits and could lose nothing: a pause takes effect there, too. The answer is empty."""


class Stop(Exception):
    """The run must stop now: paused, cancelled, interrupted or lost. Do not catch it; the worker knows the reason."""


class Link(Protocol):
    """The child's end of the connection to its worker."""

    def log(self, event: str, message: str, data: dict[str, Any] | None = None, level: Level = "info") -> None:
        """Write an entry into the run's log."""

    def progress(self, progress: dict[str, Any]) -> None:
        """Replace the run's progress (schema version 2, document 000). Of several in a row the last counts."""

    def ask(self, question: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Ask the worker and wait. What it has answered is durable.

        Raises what the kind's `answer` raised. Never raises `Stop`: call `check` where stopping loses nothing.
        """

    def check(self) -> None:
        """Raise `Stop` if somebody asked this run to stop; call it between pages and at the end of a slice."""
