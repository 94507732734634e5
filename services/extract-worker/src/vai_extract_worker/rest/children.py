"""A child resource: it is requested for each row of its parent, such as the refunds of each order.

The child reads its parent's pages itself, with its own cursor for them. So each table is complete by itself. A retry of
the child alone, a parent that is not extracted, and a kill in the middle work without the parent's run.
"""

import base64
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import requests

from vai_common.clock import steady_seconds
from vai_common.errors import RunError
from vai_extract_worker.modes import Mode
from vai_extract_worker.progress import Json, ResourceProgress
from vai_extract_worker.rest.filled_requests import UNKNOWN, looked_up
from vai_extract_worker.rest.known_parents import KnownParents
from vai_extract_worker.rest.request_parts import Asked
from vai_extract_worker.rest.source import Batch, Endpoint
from vai_extract_worker.source import Means
from vai_extract_worker.values.known_rows import row_digest
from vai_records.definitions.dlt_extract import RestApi
from vai_records.definitions.sources.resources import RestResource

_BATCH_ROWS = 1_000
_BATCH_SECONDS = 2.0
_SIZE = 8


class Child(Endpoint):
    """A child resource. Its position has three parts: the parent's position before its page, which rows of this page
    are done, and the position in the next row.
    """

    def __init__(
        self,
        definition: RestApi,
        resource: RestResource,
        means: Means,
        mode: Mode,
        saved: Json | None,
        parent: Endpoint,
    ) -> None:
        super().__init__(definition, resource, means, mode, (saved or {}).get("own"))
        self._parent = parent
        self._has_own_slices = self.sliced
        self.sliced = self.sliced or parent.sliced
        self._parent_cursor: Json | None = None
        self._saved_whole = saved if mode.begins else None
        self._known: KnownParents | None = None

    def begin(self, state: ResourceProgress) -> None:
        known = state.cursor or {}
        above = replace(state, cursor=known.get("parent"))
        own = replace(state, cursor=known.get("own"))
        super().begin(own)
        if self._mark:
            self._known = KnownParents(self._resource, self._saved_whole, state.cursor)
        self._parent.begin(above)
        self._parent_cursor = self._parent.cursor()
        state.plan = own.plan or above.plan

    def slices(self, state: ResourceProgress) -> list[Any] | None:
        return super().slices(state) if self._has_own_slices else self._parent.slices(state)

    def cursor(self) -> Json | None:
        own = super().cursor()
        if own is None and self._parent_cursor is None:
            return None
        known = self._known.state(self._is_complete) if self._known else {}
        return {"own": own, "parent": self._parent_cursor} | known

    def batches(self, part: Any, position: Json | None) -> Iterator[Batch]:
        own, above = (part, None) if self._has_own_slices else (None, part)
        at = _Place.taken_up(position)
        pages = self._parent.batches(above, at.page)
        while True:
            self._parent_cursor = self._parent.cursor()  # the state before the page
            found = next(pages, None)
            if found is None:
                break
            rows, after = found
            yield from self._children(rows, own, at)
            at.turn(after)
        self._parent_cursor = self._parent.cursor()
        self._note_end(part)

    def _children(self, parents: Sequence[Any], own: Any, at: "_Place") -> Iterator[Batch]:
        """The child's rows for the rows of a parent's page, several together. Rows that can be continued from are
        handed over before an error ends the page.
        """
        gathered = _Gathered(min(_BATCH_ROWS, self._definition.slice_rows))
        before = Counter(at.done)
        try:
            for parent in parents:
                if self._mark and self._known:
                    self._mark.is_from_start = self._known.is_new(parent)
                first = self._requests.first(own, self._mark, parent)
                key = self._key(first, parent)
                if before[key]:
                    before[key] -= 1
                    continue
                for data, after in self._answers(first, at.inside(key)):
                    fresh = self._mark.fresh(data) if self._mark else data
                    gathered.rows += self._with_parent(fresh, parent)
                    if after is not None:
                        at.stand(key, after)
                        yield from gathered.up_to_here(at)
                at.finish(key)
                if self._known:
                    self._known.meet(parent)
                yield from gathered.up_to_here(at)
        except (RunError, requests.RequestException):
            yield from gathered.rest(at)
            raise
        yield from gathered.rest(at)

    def _key(self, first: Asked, parent: Any) -> bytes:
        """A digest of a parent's row: of the request that is made for it and the values that are taken from it."""
        return row_digest([first, [_given(parent, field) for field in self._resource.include_from_parent]])

    def _with_parent(self, rows: list[Any], parent: Any) -> list[Any]:
        fields = self._resource.include_from_parent
        if not fields:
            return rows
        given = {f"_{self._parent.name}_{field}": _given(parent, field) for field in fields}
        return [(row if isinstance(row, dict) else {"value": row}) | given for row in rows]


class _Gathered:
    """Rows of several answers. Those up to a position from which reading can continue are final."""

    def __init__(self, most: int) -> None:
        self.rows: list[Any] = []
        self._most = most
        self._sure = 0
        self._since = steady_seconds()

    def up_to_here(self, at: "_Place") -> Iterator[Batch]:
        self._sure = len(self.rows)
        if self._sure >= self._most or steady_seconds() - self._since >= _BATCH_SECONDS:
            yield from self.rest(at)

    def rest(self, at: "_Place") -> Iterator[Batch]:
        if self._sure:
            yield self.rows[: self._sure], at.position()
        self.rows, self._sure, self._since = self.rows[self._sure :], 0, steady_seconds()


class _Place:
    """The position of a child. It cannot be saved after a page of the parent that has no position."""

    def __init__(self, page: Json | None, done: list[bytes], of: bytes | None, child: Json | None) -> None:
        self.page = page
        self.done = done
        self._of = of
        self._child = child
        self._is_known = True

    @classmethod
    def taken_up(cls, position: Json | None) -> "_Place":
        at = position or {}
        whole = base64.b64decode(at.get("done", ""))
        done = [whole[first : first + _SIZE] for first in range(0, len(whole), _SIZE)]
        of = base64.b64decode(at["of"]) if at.get("of") else None
        return cls(at.get("page"), done, of, at.get("child"))

    def position(self) -> Json | None:
        if not self._is_known:
            return None
        of = base64.b64encode(self._of).decode() if self._of else None
        done = base64.b64encode(b"".join(self.done)).decode()
        return {"page": self.page, "done": done, "of": of, "child": self._child}

    def inside(self, key: bytes) -> Json | None:
        """The position from which to go on with a row of the parent. None: from its beginning."""
        return self._child if key == self._of else None

    def stand(self, key: bytes, after: Json) -> None:
        """A page of this row was read, and there is a further one."""
        self._of, self._child = key, after

    def finish(self, key: bytes) -> None:
        self.done.append(key)
        self._of = self._child = None

    def turn(self, after: Json | None) -> None:
        """The parent's page is done. `after` None: there is no further page, or its position is not known."""
        if after is None:
            self._is_known = False
        else:
            self.page, self.done, self._of, self._child = after, [], None, None


def _given(parent: Any, field: str) -> Any:
    found = looked_up(parent, field)
    return None if found is UNKNOWN else found
