"""What a source's answers say about the number of pages or rows, and the error if the numbers contradict each other.

No error quotes an answer, since that may be rows.
"""

from typing import Any

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.values.selection import MISSING, value_at

_WORDS = {"true": True, "1": True, "yes": True, "y": True, "t": True}
_WORDS |= {"false": False, "0": False, "no": False, "n": False, "f": False, "": False}

_NOTHING = {"", "0", "null", "none", "nil", "undefined"}

SINGLE = "paginator: single_page takes the first page alone"


def misled(why: str) -> Permanent:
    """The error for pages that contradict each other."""
    text = f"The pages of this source cannot be followed: {why}. Name its paginator in the definition; {SINGLE}."
    return Permanent(ErrorCode.DATA_ERROR, text, {"field": "paginator"})


def leads_nowhere(value: Any) -> bool:
    """Whether a link or a cursor says that there is no next page, in any notation: null, "", 0, "null", [], missing."""
    if isinstance(value, str):
        return value.strip().lower() in _NOTHING
    return value is MISSING or not value


def truth_of(value: Any) -> bool | None:
    """Whether there is more, in any notation: true, 1, "true", "1". None if the value says neither yes nor no."""
    if isinstance(value, str):
        return _WORDS.get(value.strip().lower())
    if value is None:
        return False
    return bool(value) if isinstance(value, bool | int | float) else None


class Said:
    """What a source's answers say about the number of rows, over all its pages."""

    def __init__(self, total_path: str | None, has_more_path: str | None) -> None:
        self._total_path = total_path
        self._has_more_path = has_more_path
        self._total: int | None = None
        self._is_first = True
        self.last: int | None = None
        """The total in the last answer that had one."""
        self.fall = 0
        """By how much the total was smaller than the run's largest one. If it is not 0, neither total is a reliable
        end.
        """

    def begin(self, total: int | None, fall: int = 0) -> None:
        """The total that an earlier attempt was told."""
        self._total, self._is_first, self.fall = total, self._is_first and total is None, fall

    @property
    def total(self) -> int | None:
        """The largest total of the run."""
        return self._total

    @property
    def is_named(self) -> bool:
        """Whether the definition names a place in the answers that tells the end."""
        return bool(self._total_path or self._has_more_path)

    def hear(self, body: Any, has_rows: bool = False) -> tuple[int | None, bool | None]:
        """The largest total, and has_more. A missing has_more means false.

        Some sources count on the first page only and give 0 on the others, so a total of 0 beside rows is ignored.
        Others give the number of rows that are left, or that are on the page, so a total that is smaller than before is
        no end.
        """
        total = self._number(body) if self._total_path else None
        total = None if total == 0 and (self._total or has_rows) else total
        if total is not None:
            self.last, self._total = total, max(total, self._total or 0)
            self.fall = max(self.fall, self._total - total)
        more = self._more(body) if self._has_more_path else None
        self._is_first = False
        return self._total, more

    def _number(self, body: Any) -> int | None:
        found = value_at(str(self._total_path), body)
        if found is MISSING and self._is_first:
            raise misled(f"the answer has nothing at the total_path {self._total_path}")
        if found is MISSING or found is None:
            return None
        try:
            number = int(found) if isinstance(found, str) or found == int(found) else -1
        except (ValueError, TypeError, OverflowError):
            number = -1
        if number == -1 and not self._is_first and found in (-1, "-1"):
            return None
        if number < 0 or isinstance(found, bool):
            raise misled(f"what stands at the total_path {self._total_path} is not a whole number")
        return number

    def _more(self, body: Any) -> bool:
        found = value_at(str(self._has_more_path), body)
        if found is MISSING:
            if self._is_first:
                raise misled(f"the answer has nothing at the has_more_path {self._has_more_path}")
            return False
        more = truth_of(found)
        if more is None:
            raise misled(f"what stands at the has_more_path {self._has_more_path} is neither true nor false")
        return more
