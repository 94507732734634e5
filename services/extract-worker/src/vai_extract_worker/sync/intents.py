"""What a push is about to do at its target, durable before it is done: the target does not tell who did it.

After a kill the next attempt finds a file that is right already. By what was intended it knows whether the run has
written it, which then counts as its work, or whether it was there before.
"""

from typing import Any, Literal

from vai_extract_worker.sync.places import Entry
from vai_worker.children.link import Link

Json = dict[str, Any]
Intended = Literal["added", "changed"]


class Intents:
    """`checkpoint` is the one that the run, or the run that it retries, has saved."""

    def __init__(self, link: Link, checkpoint: Json | None) -> None:
        self._link = link
        self._of: dict[str, list[Any]] = dict((checkpoint or {}).get("intended", {}))

    def declare(self, intents: Json) -> None:
        """Make intents durable, by path. What was intended before, and is not committed, stays as it is."""
        if intents:
            self._of = intents | self._of
            self._link.ask("intend", {"intended": self._of})

    def without(self, paths: list[str]) -> Json:
        """What is still intended once these are committed, or were not done."""
        for path in paths:
            self._of.pop(path, None)
        return self._of

    def written(self, path: str, entry: Entry) -> Intended | None:
        """What the run did where the file is right already; None where the file is the one that was there before."""
        change, before = self._of.get(path, (None, None))
        return change if change in ("added", "changed") and before != _look(entry) else None

    def removed(self) -> dict[str, int]:
        """Sizes of the files that may have been removed, by path."""
        return {path: size for path, (change, size) in self._of.items() if change == "removed"}


def to_write(entry: Entry | None) -> list[Any]:
    """The intent to write a file where `entry` is."""
    return ["added", None] if entry is None else ["changed", _look(entry)]


def _look(entry: Entry) -> list[Any]:
    """As it is there, so that another file in its place shows."""
    return [entry.size, entry.etag, entry.modified]


def to_remove(size: int) -> list[Any]:
    """The intent to remove a file of so many bytes."""
    return ["removed", size]
