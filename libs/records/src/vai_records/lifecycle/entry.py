"""A line of a run's log on its way into the database."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """A log entry before it is written. The statement that writes it gives it its sequence (rule 10).

    `number` counts an owner's entries of one epoch, from 1. An entry that is written already is not written again.
    """

    event: str
    message: str
    data: dict[str, Any]
    level: str = "info"
    number: int = 0
