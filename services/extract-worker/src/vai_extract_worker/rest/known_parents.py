"""For which rows of its parent a child with a cursor has been read: one that is new to it is read from the beginning.

The cursor of a child says how far all its parents were read. The rows of a parent that appears later may be older.
"""

from typing import Any

from vai_extract_worker.progress import Json
from vai_extract_worker.rest.filled_requests import UNKNOWN, looked_up
from vai_extract_worker.values import known_rows
from vai_extract_worker.values.known_rows import packed, row_digest, unpacked
from vai_records.definitions.sources.resources import RestResource
from vai_records.definitions.sources.rest_requests import open_parts


class KnownParents:
    """Rows of the parent are known by the values that requests of the child name (`{resources.<parent>.<field>}`).

    `saved` is the cursor that an earlier run left, None if this is the first one; `resumed` what this run's checkpoint
    says. A cursor of a version that did not remember parents, or of more than can be remembered, knows all of them.
    """

    def __init__(self, resource: RestResource, saved: Json | None, resumed: Json | None) -> None:
        parts = (found for _, found in open_parts(resource.path, resource))
        self._fields = sorted({found.field for found in parts if found.of == "resources"})
        state = saved if resumed is None else resumed
        before = "" if state is None else state.get("parents")
        self._before = None if before is None else unpacked(before)
        self._met = unpacked((resumed or {}).get("met", ""))

    def is_new(self, parent: Any) -> bool:
        """Whether no earlier run has read the child's rows of this parent."""
        return self._before is not None and self._digest(parent) not in self._before

    def meet(self, parent: Any) -> None:
        """All pages of this parent were read."""
        if self._before is not None:
            self._met.add(self._digest(parent))

    def state(self, is_complete: bool) -> Json:
        """What the child's cursor keeps: for the rest of this run, or, where it is complete, for the next one."""
        if self._before is None:
            return {}
        if not is_complete:
            return {"parents": packed(self._before), "met": packed(self._met)}
        known = self._before | self._met
        return {"parents": packed(known)} if len(known) <= known_rows.MOST_KNOWN else {}

    def _digest(self, parent: Any) -> bytes:
        given = (looked_up(parent, field) for field in self._fields)
        return row_digest([None if value is UNKNOWN else value for value in given])
