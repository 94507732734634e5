"""Out of the lake: each file is written whole or not at all, and read again before it counts."""

from collections.abc import Iterator

from vai_common.errors import ErrorCode, Retryable
from vai_extract_worker.sync.differences import Known, Listing, is_same
from vai_extract_worker.sync.intents import Intents, to_write
from vai_extract_worker.sync.places import Changed, Entry, FileFault, Target
from vai_extract_worker.sync.streams import Stream, digest
from vai_extract_worker.sync.transfers import Arrived, Change, Counter, Task
from vai_worker.lake.storage import NotThere, Storage, Unread


class Push:
    """`files` are those of the lake's folder, `known` what was pushed to this target before, `intents` what an earlier
    attempt may have done.
    """

    def __init__(
        self,
        target: Target,
        lake: Storage,
        files: dict[str, Known],
        known: dict[str, Known],
        counter: Counter,
        intents: Intents,
    ) -> None:
        self._target, self._lake, self._files, self._known, self._counter = target, lake, files, known, counter
        self._intents = intents

    def tasks(self, listing: Listing, by_content: bool) -> Iterator[Task]:
        untouched = {one.path for one in listing.left_out}
        for path, file in sorted(self._files.items()):
            entry, known = listing.files.get(path), self._known.get(path)
            is_there = entry is not None and known is not None and known.sha256 == file.sha256
            if path in untouched or (is_there and not by_content and entry and known and is_same(known.mark, entry)):
                continue
            yield self._task(file, entry, known)

    def removals(self, listing: Listing) -> list[tuple[str, int]]:
        """Path and size of what the lake has no more: at the target, or remembered of it."""
        found = {path: entry.size or 0 for path, entry in listing.files.items()}
        sizes = self._intents.removed() | {path: known.size for path, known in self._known.items()} | found
        return [(path, size) for path, size in sorted(sizes.items()) if path not in self._files]

    def _task(self, file: Known, entry: Entry | None, known: Known | None) -> Task:
        return Task(file.path, file.size, lambda: self._sent(file, entry, known), to_write(entry))

    def _sent(self, file: Known, entry: Entry | None, known: Known | None) -> Arrived:
        if entry is not None and entry.size == file.size and self._has(entry, file.sha256):
            is_known = known is not None and known.sha256 == file.sha256
            change: Change = "same" if is_known else "kept"
            change = self._intents.written(file.path, entry) or change
            return Arrived(file.path, None, file.size, file.sha256, entry.mark(), change)
        stream = Stream(file.path, self._parts(file), file.size, self._counter.add, file.sha256)
        try:
            written = self._target.write(file.path, stream)
        except Exception:
            if stream.fault is not None:
                raise stream.fault from None
            raise
        if not self._has(written, file.sha256):
            text = f"The target gave back another file than {file.path}: somebody else writes there."
            raise Retryable(ErrorCode.CONNECTION_ERROR, text, {"path": file.path})
        change = "added" if entry is None else self._intents.written(file.path, entry) or "changed"
        return Arrived(file.path, None, file.size, file.sha256, written.mark(), change)

    def _has(self, entry: Entry, sha256: str) -> bool:
        try:
            return digest(self._target.read(entry)) == sha256
        except Changed:
            return False

    def _parts(self, file: Known) -> Iterator[bytes]:
        try:
            yield from self._lake.parts(file.location or "")
        except NotThere as error:
            text = f"{file.path} is not in the lake any more: pull it again, then push again."
            raise FileFault(ErrorCode.DATA_ERROR, text, {"path": file.path}) from error
        except Unread as error:
            raise Retryable(ErrorCode.CONNECTION_ERROR, f"The lake does not give a file: {error}.") from error
