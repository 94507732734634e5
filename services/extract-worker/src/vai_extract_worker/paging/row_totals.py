"""Checks at the end of paging whether as many rows came as the answers announced."""

from dataclasses import dataclass
from typing import Any, Final

from requests import Response

from vai_extract_worker.paging.counts import misled, truth_of
from vai_extract_worker.paging.envelope import (
    PAGE_COUNTS,
    TOTALS,
    Entry,
    counts_rows,
    entries_of,
    may_count_rows,
    way_to,
    whole,
)
from vai_extract_worker.paging.paginators import Offsets, PageNumbers
from vai_extract_worker.paging.signs_of_more import says_more
from vai_extract_worker.progress import Json
from vai_extract_worker.values.selection import plain

TOTAL_HEADERS: Final = (
    "x-total-count",
    "x-total",
    "total-count",
    "x-pagination-total",
    "x-total-results",
    "x-wp-total",
)
_EMPTY: Final = -1
_CAPS: Final = (10_000, 50_000, 100_000)
"""Totals at which search engines stop counting; Elasticsearch stops at the first."""
_AT_LEAST: Final = ("gte", "gt", "atleast", "lowerbound")
_OUT: Final = "stop_after_empty_page: true ends at an empty page all the same"


@dataclass(frozen=True)
class Shortfall:
    """Fewer rows came than the source announces. The source may leave rows out on purpose, so this is only a
    warning.
    """

    rows: int
    total: int
    place: str


class Totals:
    """The rows of one series of pages, over all attempts. `saved` is the state of an earlier attempt.

    `knows_all`: the rows of earlier attempts were counted, too.
    """

    def __init__(self, saved: Json | None, knows_all: bool = True) -> None:
        self._knows_all = knows_all
        self._most = (saved or {}).get("most", 0)
        self._before = (saved or {}).get("before", 0)
        way = (saved or {}).get("way")
        self._way = None if way is None else tuple(way)
        self._is_even = (saved or {}).get("even", True)
        said = (saved or {}).get("total")
        self._total: tuple[int, str] | None = (said[0], said[1]) if said else None
        self._uncertain: tuple[int, str] | None = None
        self.shortfall: Shortfall | None = None
        self.cap: int | None = None
        """The total that was reached, if the source may have stopped counting there."""

    @property
    def total(self) -> int | None:
        """The total that the answers gave: the last one, unless it is smaller by a page or more."""
        return self._total[0] if self._total else None

    def saved(self) -> Json:
        known: Json = {"most": self._most, "before": self._before, "even": self._is_even}
        known |= {} if self._way is None else {"way": list(self._way)}
        return known | ({"total": list(self._total)} if self._total else {})

    def hear(self, response: Response, rows: list[Any], came: int) -> list[Entry]:
        """Read an answer's values outside of its rows. `came` is the number of all rows so far, including these."""
        if rows:
            is_like_before = self._before in (0, self._most) and len(rows) <= (self._most or len(rows))
            self._is_even = self._is_even and is_like_before
            self._most = max(self._most, len(rows))
        self._before = len(rows) or _EMPTY
        body = response.json()
        is_row = len(rows) == 1 and rows[0] is body
        entries = list(entries_of(body, rows)) if isinstance(body, dict) and not is_row else []
        way = way_to(body, rows) if entries else None
        self._way = self._way if way is None else way
        totals = [one for one in entries if one.name in TOTALS and counts_rows(one, entries, self._way, len(rows))]
        uncertain = [one for one in entries if may_count_rows(one, entries, self._way, len(rows))]
        self._uncertain = max(((whole(one.value) or 0, one.place) for one in uncertain), default=self._uncertain)
        told = [(whole(one.value) or 0, one.place) for one in totals]
        headers = [(name, said) for name, said in response.headers.items() if name.lower() in TOTAL_HEADERS]
        told += [(whole(said.strip()) or 0, f"the header {name}") for name, said in headers]
        if any(total for total, _ in told):
            before, last = self._total or (0, ""), max(told)
            is_reached = any(total == came for total, _ in told)
            has_fallen = before[0] - last[0] >= self._most > 0 and before[0] > came
            self._total = (came, "") if is_reached else before if has_fallen else last
        return entries

    def end(self, paginator: Any, entries: list[Entry], came: int, base_page: int) -> None:
        """Raises `Permanent` if counted pages end although there certainly is more. If it is not certain, `shortfall`
        says so.
        """
        if not self._knows_all or _is_at_its_maximum(paginator):
            return
        self.weigh(came)
        _look_for_too_many(paginator, came)
        said = paginator.total if isinstance(paginator, Offsets) and paginator.total else self.total
        if said == came and self._before == self._most and (came in _CAPS or _is_least(entries)):
            self.cap = came
        may_stop = not getattr(paginator, "stop_after_empty_page", None)
        is_counted = isinstance(paginator, PageNumbers) or (
            isinstance(paginator, Offsets) and not paginator.knows_its_end
        )
        if is_counted and may_stop and (more := _more_in(entries, paginator, base_page)):
            raise misled(f"its pages ended after {came} rows, and {more}; name what tells the end, {_OUT}")
        if self._total is None or came >= self._total[0]:
            return
        self.shortfall = Shortfall(came, *self._total)
        if is_counted and may_stop and not self._may_be_left_out(paginator):
            text = f"{came} rows came, and {self._total[1]} says that there are {self._total[0]}; it may count pages "
            raise misled(f"{text}from another number (base_page), or {_OUT}")

    def weigh(self, came: int) -> None:
        """Set `shortfall` if a total is not reached that may also be a total of amounts."""
        if self._uncertain and came < self._uncertain[0]:
            self.shortfall = Shortfall(came, *self._uncertain)

    def _may_be_left_out(self, paginator: Any) -> bool:
        """Whether the source may have left rows out of its pages. Then its pages have different sizes."""
        if isinstance(paginator, Offsets):
            return self._total is not None and paginator.current_value >= self._total[0] + paginator.first
        return not self._is_even


def _look_for_too_many(paginator: Any, came: int) -> None:
    """Raises `Permanent` if more rows came than there are, since then some came twice."""
    if isinstance(paginator, Offsets) and paginator.total and paginator.is_sure and came > paginator.total:
        text = f"{came} rows came, and the total_path says that there are {paginator.total}: some came twice"
        raise misled(f"{text}. If the source counts from 1, set offset to 1")


def _more_in(entries: list[Entry], paginator: Any, base_page: int) -> str | None:
    """The sign in the last answer that there is more."""
    for entry in entries:
        if says_more(entry.name) and truth_of(entry.value):
            return f"{entry.place} says that there is more"
        count = whole(entry.value) if entry.name in PAGE_COUNTS and isinstance(paginator, PageNumbers) else None
        if count and count > paginator.current_value - base_page:
            return f"{entry.place} says that there are {count} pages"
    return None


def _is_least(entries: list[Entry]) -> bool:
    """Whether a total is marked as a lower bound: `{"value": 10000, "relation": "gte"}`."""
    return any(one.name == "relation" and plain(str(one.value)) in _AT_LEAST for one in entries)


def _is_at_its_maximum(paginator: Any) -> bool:
    most = getattr(paginator, "maximum_value", None)
    return most is not None and paginator.current_value >= most
