"""Removes the files of a failed write at once, so that a table whose writes always fail does not fill the disk.

Only in a local lake. Elsewhere, and if the process was killed, the upkeep of the table removes them after a day.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote

from deltalake import DeltaTable

_LOG = "_delta_log"


class Leftovers:
    """Remove the files in the folder `uri` that the newest version `table` does not use. The writer must hold the
    table's lock.
    """

    def __init__(self, uri: str, table: DeltaTable | None, opened: Callable[[], DeltaTable | None]) -> None:
        self._folder = Path(uri) if uri.startswith("/") else None
        self._version = table.version() if table else None
        self._opened = opened

    @contextmanager
    def removed_unless_committed(self) -> Iterator[None]:
        before = self._files()
        try:
            yield
        except BaseException:
            with suppress(Exception):  # the failure itself is what matters
                self._remove(self._files() - before)
            raise

    def _files(self) -> set[Path]:
        if self._folder is None:
            return set()
        found = (path for path in self._folder.rglob("*") if path.is_file())
        return {path for path in found if path.relative_to(self._folder).parts[0] != _LOG}

    def _remove(self, new: set[Path]) -> None:
        """Do nothing if another writer has written in between: its new files must not be taken for leftovers."""
        table = self._opened()
        if (table.version() if table else None) != self._version:
            return
        held = {Path(unquote(uri.removeprefix("file://"))) for uri in table.file_uris()} if table else set()
        for path in new - held:
            path.unlink(missing_ok=True)
