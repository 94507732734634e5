"""Checks that pages make progress. The same page over and over is an error, and so is paging without an end."""

import re
from collections.abc import Sequence
from typing import Any, Final

import orjson
import requests

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker import failures
from vai_extract_worker.paging.period_values import is_fact
from vai_extract_worker.paging.periods import Period, Periods
from vai_extract_worker.paging.row_leaves import Path, at, column, leaves
from vai_extract_worker.progress import Json

MOST_PAGES: Final = 10_000
"""How many pages in a row may come without a sign of progress."""

_ROWS_A_PAGE: Final = 1_000
"""The same bound in rows, since a few large pages are as many rows as many small ones."""

_REPEATS: Final = 3
"""How often a page with one constant row may repeat. If its rows differ, or if the paginator was guessed, one
repetition is an error.
"""

_RENEWED: Final = 20
"""How often in a row a page may repeat if only a value that all its rows share is new, such as a time."""

_ALIKE: Final = 1_000
"""How often in a row a page may have a column with the same values in the same order as the page before."""

_FEW: Final = 2
"""If this many pages are like the one before, and no others came, they may be the same page over and over."""

_MOST_KEYS: Final = 100_000
"""The primary keys of this many rows are remembered in a run."""

_IDS: Final = (("id",), ("_id",), ("Id",), ("ID",), ("uuid",), ("guid",), ("node", "id"))
_KEY_NAME: Final = re.compile(r"(?:[a-z0-9]I[dD]|(?:^|[^a-z])(?:id|uuid|guid|sku|key|email|handle|slug))$")


class Repeats:
    """Watches one series of pages. `keys` are the columns of the primary key. `most` is how many pages without a sign
    of progress the definition allows, None if it says nothing. `saved` is what another attempt has counted.
    """

    def __init__(self, keys: Sequence[str], most: int | None = None, saved: Json | None = None) -> None:
        self._keys: list[Path] = [(name,) for name in keys]
        self._most = most
        self._still, self._rows = (saved or {}).get("pages", 0), (saved or {}).get("rows", 0)
        self._last: list[Any] = []
        self._same = self._renewed = self._alike = self._like_before = 0
        self._has_varied = False
        self._pages = 0
        self._is_new = False
        self._bound: Any = None
        self._seen: dict[int, int] = {}
        self._period = self._in_period = 0
        self._known: set[int] = set()
        self._periods = Periods()
        self.is_doubtful = False
        """Whether pages were taken for different ones although they may be the same page. Their rows were delivered
        each time.
        """
        self.moved = 0
        """How many rows had a primary key that came before: the list has changed while it was read."""
        self.again = 0
        """How many of the page's first rows are also the last rows of the page before, since new rows have moved them.
        """

    def saved(self) -> Json | None:
        return {"pages": self._still, "rows": self._rows} if self._still else None

    def look(self, response: requests.Response, rows: list[Any], is_guessed: bool) -> None:
        """Raises `Permanent` if the same rows come over and over. `is_guessed`: the paginator was not named."""
        before, self._last = self._last, rows
        self._is_new, self.again = False, 0
        if not rows:
            self._same = 0
            return
        self._pages += 1
        if rows == before:
            self._same += 1
            if is_guessed or self._same >= _REPEATS or _differ(rows) or _have_own(rows, self._ids(rows)):
                raise repeated(response)
            return
        self._same = 0
        if _have_own([rows[0], rows[-1]], ids := self._ids(rows)):
            self._look_at_ids(response, rows, before, ids, is_guessed)
        else:
            self._look_at_columns(response, rows, before, is_guessed)
        self._look_for_circles(response, rows)

    def note(self, rows: list[Any]) -> None:
        """Count rows that are delivered."""
        if not self._keys:
            return
        columns = [column(rows, path) for path in self._keys]
        try:
            keys = {hash(key) for key in zip(*columns, strict=True) if None not in key}
        except TypeError:
            return  # a key that is a list or an object
        self.moved += len(keys & self._known)
        if len(self._known) < _MOST_KEYS:
            self._known |= keys

    def lead_on(self, response: requests.Response, count: int, has_next: bool, bound: Any) -> None:
        """Raises `Permanent` if there was no sign of an end for too long.

        `bound` is the end that the source or the definition gives. One that grows does not count.
        """
        is_bounded = bound is not None and bound == self._bound
        self._bound = bound
        if self._most is None and not has_next and self._pages > 1 and self._renewed == self._pages - 1:
            raise repeated(response)
        self.is_doubtful = self.is_doubtful or (not has_next and self._like_before == self._pages - 1 >= _FEW)
        if self._is_new or is_bounded:
            self._still = self._rows = 0
            return
        self._still, self._rows = self._still + 1, self._rows + count
        most = MOST_PAGES if self._most is None else self._most
        if has_next and (self._still >= most or self._rows >= most * _ROWS_A_PAGE):
            raise _endless(response, self._still, self._rows)

    def _ids(self, rows: list[Any]) -> list[Path]:
        """The places of the rows' id: the primary key, else a place with a usual name."""
        first = rows[0]
        if self._keys and all(at(first, path) is not None for path in self._keys):
            return self._keys
        return [next((path for path in _IDS if at(first, path) is not None), ("id",))]

    def _look_at_ids(
        self, response: requests.Response, rows: list[Any], before: list[Any], ids: list[Path], is_guessed: bool
    ) -> None:
        """If `id` is the same and other columns are new in each row, the key may have more parts, such as id and
        day.
        """
        self._is_new = not self._is_as_before(rows, before, ids)
        self.again = _again(rows, before, ids) if self._is_new else 0
        if self._is_new:
            self._renewed = self._alike = 0
            self._periods.forget()
            return
        is_alike = _is_constant_beside(rows, before, ids) and _is_constant_beside(before, rows, ids)
        period = self._periods.compare(rows, before, is_alike and not self._has_varied)
        if (period or (not is_alike and not is_guessed)) and ids != self._keys:
            self.is_doubtful = self.is_doubtful or period is not Period.OTHER
            self._has_varied = self._has_varied or not is_alike
            self._renewed, self._alike = 0, self._alike + 1
            if self._alike >= self._allowed(_ALIKE):
                raise repeated(response)
            return
        self._renewed += 1
        is_sure = len(rows) > 1 and not self._has_varied
        if is_sure or self._renewed >= self._allowed(_RENEWED):
            raise repeated(response)

    def _look_at_columns(
        self, response: requests.Response, rows: list[Any], before: list[Any], is_guessed: bool
    ) -> None:
        same = _same_columns(rows, before)
        is_alike = bool(same) and _is_constant_beside(rows, before, same)
        period = self._periods.compare(rows, before, is_alike) if same else Period.SAME
        is_renewed = is_alike and not period
        self._alike = self._alike + 1 if same else 0
        self._like_before += period is not Period.OTHER and _are_most(same, rows, before)
        self._renewed = self._renewed + 1 if is_renewed else 0
        self.is_doubtful = self.is_doubtful or period is Period.DOUBTFUL
        may_tell = is_guessed and self._most is None and not period
        is_told = may_tell and (is_renewed or any(_KEY_NAME.search(path[-1]) for path in same))
        if is_told or self._renewed >= self._allowed(_RENEWED) or self._alike >= self._allowed(_ALIKE):
            raise repeated(response)

    def _allowed(self, usual: int) -> int:
        return usual if self._most is None else self._most

    def _is_as_before(self, rows: list[Any], before: list[Any], ids: list[Path]) -> bool:
        """Whether a page has the same ids as the one before, even if something in its rows is new each time, such as a
        signed link.
        """
        if len(rows) != len(before):
            return False
        pairs = list(zip(rows, before, strict=True))
        return all(at(row, path) == at(other, path) for path in ids for row, other in pairs)

    def _look_for_circles(self, response: requests.Response, rows: list[Any]) -> None:
        """Raises `Permanent` if a whole series of pages has come again."""
        if not _differ([rows[0], rows[-1]]):
            self._in_period = 0
            return
        look = hash((len(rows), *(_written(row) for row in (rows[0], rows[len(rows) // 2], rows[-1]))))
        period = self._pages - self._seen.get(look, self._pages)
        self._in_period = self._in_period + 1 if period and period == self._period else 1 if period else 0
        self._period = period
        if period > 1 and self._in_period >= period and self._most is None:
            raise repeated(response)
        if len(self._seen) >= MOST_PAGES:
            self._seen.clear()
        self._seen[look] = self._pages


def _written(row: Any) -> bytes:
    try:
        return orjson.dumps(row)
    except TypeError:
        return repr(row).encode()


def _have_own(rows: list[Any], ids: list[Path]) -> bool:
    """Whether each row has an id, and the first and the last id differ."""
    if any(at(row, path) is None for path in ids for row in rows):
        return False
    return rows[0] is rows[-1] or any(at(rows[0], path) != at(rows[-1], path) for path in ids)


def _again(rows: list[Any], before: list[Any], ids: list[Path]) -> int:
    """How many of the first rows are completely equal to the last rows of the page before. 0 if an id comes twice in a
    page.
    """
    if rows[0] not in before:
        return 0
    first = before.index(rows[0])
    if rows[: len(before) - first] != before[first:]:
        return 0
    is_sure = all(len({str([at(row, path) for path in ids]) for row in page}) == len(page) for page in (rows, before))
    return len(before) - first if is_sure else 0


def _differ(rows: list[Any]) -> bool:
    """Whether a page has more than one different row: such a page does not come twice by chance."""
    return any(row != rows[0] for row in rows)


def _same_columns(rows: list[Any], before: list[Any]) -> list[Path]:
    """Columns that distinguish the rows and have the same values in the same order as on the page before.

    For a page of one row: all columns that are the same, if only values that describe the answer are new.
    """
    if len(rows) == len(before) == 1:
        moved = [path for path, value in leaves(rows[0]) if value != at(before[0], path)]
        return [path for path, _ in leaves(rows[0]) if path not in moved] if all(map(is_fact, moved)) else []
    if len(rows) < 2 or len(rows) != len(before):
        return []
    last = rows[-1]
    found = [
        path
        for path, value in leaves(rows[0])
        if value is not None
        and value == at(before[0], path)
        and (end := at(last, path)) != value
        and end == at(before[-1], path)
    ]
    return [path for path in found if column(rows, path) == column(before, path)]


def _are_most(same: list[Path], rows: list[Any], before: list[Any]) -> bool:
    """Whether at least as many columns are the same as have a new value in each row."""
    new = sum(not _is_shared_or_old(path, value, rows, before) for path, value in leaves(rows[0]) if path not in same)
    return len(same) >= max(new, 1)


def _is_shared_or_old(path: Path, value: Any, rows: list[Any], before: list[Any]) -> bool:
    """Whether a column has one value for all rows of a page, or the same values as before."""
    values = column(rows, path)
    return values.count(value) == len(values) or values == column(before, path)


def _is_constant_beside(rows: list[Any], before: list[Any], same: list[Path]) -> bool:
    """Whether only values that all rows of a page share are new."""
    return all(_is_shared_or_old(path, value, rows, before) for path, value in leaves(rows[0]) if path not in same)


def repeated(response: requests.Response) -> Permanent:
    place = failures.place_of(response.url)
    text = f"{place} answers the same page over and over: it does not follow the paginator. Name the right one; "
    text += "if id alone does not identify its rows, name the primary_key."
    return Permanent(ErrorCode.DATA_ERROR, text, {"field": "paginator", "url": place})


def _endless(response: requests.Response, pages: int, rows: int) -> Permanent:
    place = failures.place_of(response.url)
    text = (
        f"{place} has answered {pages:,} pages in a row ({rows:,} rows) without a sign of progress: no id of "
        "their rows, no total. If it does not follow the paginator, name the right one; if there is so much, name the "
        "primary_key of the rows, or set pages_without_progress to more."
    )
    return Permanent(ErrorCode.DATA_ERROR, text, {"field": "paginator", "url": place, "pages": pages, "rows": rows})
