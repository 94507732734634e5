"""A line of a run's log on its way into the database."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """A log entry to be; its place in the run's log is given by the statement that writes it (rule 10).

    `number` counts an owner's entries of one epoch from 1 on: one that is written already is not written again.
    """

    event: str
    message: str
    data: dict[str, Any]
    level: str = "info"
    number: int = 0
