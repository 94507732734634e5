"""Into the lake: each file becomes an object of its own, which is read again before it counts."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Literal

from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_extract_worker.sync.differences import Known, Listing, is_same
from vai_extract_worker.sync.places import Changed, Entry, Place
from vai_extract_worker.sync.streams import Stream, digest
from vai_extract_worker.sync.transfers import Arrived, Counter, Task
from vai_worker.lake.storage import Storage, Unread


class Pull:
    """`location_of` gives the lake's path of the file with a number. `known` is what the folder has."""

    def __init__(
        self, place: Place, lake: Storage, known: dict[str, Known], counter: Counter, location_of: Callable[[int], str]
    ) -> None:
        self._place, self._lake, self._known, self._counter = place, lake, known, counter
        self._location_of, self._numbers = location_of, count()

    def tasks(self, listing: Listing, by_content: bool) -> Iterator[Task]:
        for path, entry in sorted(listing.files.items()):
            known = self._known.get(path)
            if known is None or by_content or not is_same(known.mark, entry):
                yield self._task(entry, known, self._location_of(next(self._numbers)))

    def removals(self, listing: Listing) -> list[tuple[str, int]]:
        """Path and size of what the source has no more."""
        there = listing.paths
        return [(path, known.size) for path, known in sorted(self._known.items()) if path not in there]

    def _task(self, entry: Entry, known: Known | None, location: str) -> Task:
        return Task(entry.path, entry.size or 0, lambda: self._fetched(entry, known, location))

    def _fetched(self, entry: Entry, known: Known | None, location: str) -> Arrived:
        try:
            return self._once(entry, known, location)
        except Changed:
            return self._once(self._place.look(entry), known, location)

    def _once(self, entry: Entry, known: Known | None, location: str) -> Arrived:
        stream = Stream(entry.path, self._place.read(entry), entry.size, self._counter.add)
        try:
            self._lake.put_parts(location, stream)
        except Exception:
            if stream.fault is not None:
                raise stream.fault from None
            raise
        if known is not None and known.sha256 == stream.sha256:
            self._lake.delete([location])
            return Arrived(entry.path, known.location, stream.size, stream.sha256, entry.mark(), "same")
        self._verify(location, stream)
        mark = entry.mark()
        change: Literal["added", "changed"] = "added" if known is None else "changed"
        return Arrived(entry.path, location, stream.size, stream.sha256, mark, change)

    def _verify(self, location: str, stream: Stream) -> None:
        try:
            found = digest(self._lake.parts(location))
        except Unread as error:
            raise Retryable(ErrorCode.CONNECTION_ERROR, f"The lake does not give back a file: {error}.") from error
        if found != stream.sha256:
            text = "The lake gave back another file than it was given. Check its disk or its store, then run again."
            raise Permanent(ErrorCode.INTERNAL_ERROR, text, {"path": location})
