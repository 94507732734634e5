"""A trial run: the first rows of a resource go to a table of their own. Nothing else of the resource changes."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from vai_extract_worker.progress import Json, ResourceProgress
from vai_extract_worker.source import DivisibleTable, Page, Table, TooLarge

SUFFIX = "__trial"


class Trial:
    """A resource with `limit_rows`. Its rows replace those of the last trial."""

    replace = True
    tracks = False
    sliced = False
    cursor_saved_by: str | None = None

    def __init__(self, table: Table, most: int) -> None:
        self.name = table.name
        self.table = f"{table.table}{SUFFIX}"
        self._inner = table
        self._most = most
        self._slices: list[Any] | None = None

    def begin(self, state: ResourceProgress) -> None:
        self._state = replace(state)
        self._inner.begin(self._state)
        self._slices = self._inner.slices(self._state)

    def slices(self, state: ResourceProgress) -> list[Any] | None:
        """None: a trial has no slices, since only the first rows are wanted."""
        return None

    def pages(self, part: Any, position: Json | None) -> Iterator[Page]:
        left = self._most
        todo = [None] if self._slices is None else list(self._slices)
        while todo:
            before = left
            try:
                for page in self._inner.pages(todo[0], None):
                    yield replace(page, table=page.table.slice(0, left), position=None)
                    left -= len(page.table)
                    if left <= 0:
                        return
            except TooLarge:
                if left < before or not self._is_divided(todo[0]):
                    raise
                todo = self._inner.slices(self._state) or []
            else:
                self._state.slices_done += 1
                del todo[0]

    def _is_divided(self, part: Any) -> bool:
        return isinstance(self._inner, DivisibleTable) and self._inner.divide(self._state, part)

    def cursor(self) -> Json | None:
        return None
