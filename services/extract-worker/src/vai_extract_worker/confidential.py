"""Removes secret values from all that a source reports: log entries, progress, errors, results."""

from collections.abc import Iterable, Mapping
from typing import Any

from vai_records.connections.credentials import secret_texts
from vai_records.secrets.hiding import Hidden
from vai_records.validation.masking import secret_texts_of
from vai_worker.children.job import ConnectionSecret
from vai_worker.children.link import Level, Link

_TOLD = ("logs", "progress")
"""The parts of a commit that people see. The other parts are data and positions, which stay unchanged."""


def hidden_of(definition: Mapping[str, Any], connection: ConnectionSecret | None, named: Iterable[str] = ()) -> Hidden:
    """The secret values of a definition, those that it names, and those of its connection."""
    told, marked = secret_texts_of(definition)
    own = secret_texts(connection.credentials) if connection else ()
    return Hidden([*told, *own], [*marked, *named])


class DiscreetLink:
    """A link to the worker that removes secret values from everything sent over it."""

    def __init__(self, link: Link, hidden: Hidden) -> None:
        self._link = link
        self._hidden = hidden

    def log(self, event: str, message: str, data: dict[str, Any] | None = None, level: Level = "info") -> None:
        self._link.log(event, self._hidden.text(message), self._hidden.out_of(data or {}), level)

    def progress(self, progress: dict[str, Any]) -> None:
        self._link.progress(self._hidden.out_of(progress))

    def ask(self, question: str, payload: dict[str, Any]) -> dict[str, Any]:
        seen = {name: self._hidden.out_of(payload[name]) for name in _TOLD if name in payload}
        return self._link.ask(question, payload | seen)

    def check(self) -> None:
        self._link.check()
