"""Tables with a cursor are read in windows: each one is durable and never fetched again, one too large is halved.

The source is a list in memory, with a `PagedSource` before it as a vendor's would be.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import ModuleType
from typing import Any, Literal

import pytest

from vai_common.clock import now
from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_extract_worker import paged_table
from vai_extract_worker.loading import loading
from vai_extract_worker.paged_source import PagedSource, Rows, Slice
from vai_extract_worker.progress import Json
from vai_extract_worker.source import TooLarge
from vai_records.definitions import source_types as registry
from vai_records.definitions.dlt_extract import DltExtract, OwnTables
from vai_records.definitions.source_types import ResourceType, Slicing, SourceType

DAY = timedelta(days=1)


@dataclass
class Shop:
    """What the vendor has, and what it was asked; `most` rows are what it gives of a slice."""

    rows: Rows = field(default_factory=list)
    asked: list[Slice] = field(default_factory=list)
    most: int = 1_000_000
    page: int = 4
    fails_at: int = 0
    error: Exception = field(default_factory=lambda: Retryable(ErrorCode.CONNECTION_ERROR, "It stumbled."))
    repeats: int = 0
    pages: int = 0

    def add(self, *moments: datetime) -> None:
        first = len(self.rows)
        self.rows += [{"id": first + n, "at": moment.isoformat(), "n": n} for n, moment in enumerate(moments)]

    def found(self, part: Slice) -> Rows:
        """Both ends counted in, as some vendors do."""
        moments = [(datetime.fromisoformat(row["at"]), row) for row in self.rows]
        return [
            row
            for moment, row in moments
            if (part.start is None or moment >= part.start) and (part.end is None or moment <= part.end)
        ]


SHOP = Shop()


class Toy(PagedSource):
    def pages(self, part: Slice) -> Iterator[Rows | tuple[Rows, Json]]:
        SHOP.asked.append(part)
        rows = SHOP.found(part)
        if len(rows) > SHOP.most:
            raise TooLarge(f"{len(rows)} rows are too many")
        for first in range((part.position or {"next": 0})["next"], len(rows), SHOP.page):
            SHOP.pages += 1
            if SHOP.pages == SHOP.fails_at:
                raise SHOP.error
            after = first + SHOP.page
            yield rows[first:after], {"next": after % (SHOP.repeats * SHOP.page) if SHOP.repeats else after}


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    global SHOP
    monkeypatch.setattr(DltExtract, "SOURCES", dict(DltExtract.SOURCES))

    class ToyDefinition(OwnTables):
        source: Literal["toy"]

    columns = {"n": "bigint"}
    orders = ResourceType("orders", "L", "at", ("id",), slicing=Slicing(7, date(2025, 1, 1)), columns=columns)
    later = ResourceType("later", "L", "at", ("id",), slicing=Slicing(7))
    source = SourceType(ToyDefinition, "Toy", "A list.", "toy_code:Toy", resources=(orders, later))
    code = ModuleType("toy_code")
    vars(code)["Toy"] = Toy
    monkeypatch.setitem(sys.modules, "toy_code", code)
    monkeypatch.setattr(registry, "_OURS", (*registry._OURS, source))
    registry.source_types.cache_clear()
    SHOP = Shop()
    yield SHOP
    registry.source_types.cache_clear()


BEGIN = datetime(2025, 6, 1, tzinfo=UTC)


def extract(bench: Any, **fields: Any) -> dict[str, Any]:
    return bench.extract("toy", **{"resources": ["orders"], "incremental": True, "start_date": "2025-06-01"} | fields)


def windows(shop: Shop) -> list[tuple[Any, Any]]:
    return [(part.start, part.end) for part in shop.asked]


def test_each_window_is_seen_when_it_is_over_and_none_is_fetched_again(bench: Any, shop: Shop) -> None:
    shop.add(*(BEGIN + hours * timedelta(hours=12) for hours in range(400)))
    shop.fails_at = 40
    with pytest.raises(Retryable):
        extract(bench)
    done, first = bench.checkpoint["resources"]["orders"]["slices_done"], windows(shop)
    assert done == len(first) - 1 > 5
    assert all(commit["visible"] and commit["cursor"] for commit in bench.commits[:done])
    bench.attempt, shop.asked = 2, []
    result = extract(bench)
    assert windows(shop)[0] == first[-1]
    assert result["recordsProcessed"] == 400
    assert sorted(bench.column("orders", "id")) == list(range(400))
    assert shop.asked[-1].end is None
    told = bench.commits[-1]["progress"]["resource_cursors"]["orders"]
    assert told["slices_completed"] == told["slices_total"] == len(first) + len(shop.asked) - 1
    bench.next_run()
    shop.asked = []
    assert extract(bench)["recordsProcessed"] == 0
    assert shop.asked[0].start == BEGIN + 399 * timedelta(hours=12)


def test_a_row_at_the_edge_of_two_windows_comes_once(bench: Any, shop: Shop) -> None:
    shop.add(*(BEGIN + 7 * DAY * week for week in range(6)))
    extract(bench)
    assert sorted(bench.column("orders", "id")) == list(range(6))


def test_within_a_slice_it_goes_on_after_the_last_page_that_was_kept(
    bench: Any, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "COMMIT_SECONDS", 0.0)
    shop.add(*(BEGIN + minutes * timedelta(minutes=1) for minutes in range(100)))
    shop.fails_at, shop.error = 11, Permanent(ErrorCode.AUTH_ERROR, "The key was revoked.")
    with pytest.raises(Permanent):
        extract(bench)
    assert not any(commit["visible"] for commit in bench.commits)
    bench.epoch, shop.asked = 2, []
    extract(bench)
    assert shop.asked[0].position == {"next": 40}
    assert sorted(bench.column("orders", "id")) == list(range(100))


def test_a_window_that_is_too_large_is_halved_also_for_who_goes_on(
    bench: Any, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "COMMIT_SECONDS", 0.0)
    busy, quiet = BEGIN + 14 * DAY, range(0, 60, 2)
    shop.add(*(BEGIN + DAY * day for day in quiet), *(busy + minutes * timedelta(minutes=7) for minutes in range(500)))
    shop.most, shop.fails_at = 60, 50
    with pytest.raises(Retryable):
        extract(bench)
    tried = len(shop.asked)
    result = extract(bench)
    assert result["recordsProcessed"] == 530
    assert sorted(bench.column("orders", "id")) == list(range(530))
    parts = [(part.start, part.end) for part in shop.asked if len(shop.found(part)) > shop.most]
    assert len(parts) == len(set(parts)), "a window that was too large is not tried again"
    assert tried < len(shop.asked)
    assert "slice_divided" in [event for event, _ in bench.entries]


def test_what_cannot_be_halved_any_more_says_so(bench: Any, shop: Shop) -> None:
    shop.add(*[BEGIN + DAY] * 5)
    shop.most = 4
    with pytest.raises(Permanent, match="5 rows are too many"):
        extract(bench)


def test_a_trial_of_a_window_that_is_too_large_takes_a_smaller_one(bench: Any, shop: Shop) -> None:
    shop.add(*(BEGIN + minutes * timedelta(minutes=60) for minutes in range(500)))
    shop.most = 30
    assert extract(bench, limit_rows=10)["recordsProcessed"] == 10


def test_rows_of_the_future_come_once_and_hide_nothing(bench: Any, shop: Shop) -> None:
    began = now()
    shop.add(began - DAY, began + timedelta(minutes=5), began + 400 * DAY)
    assert extract(bench)["recordsProcessed"] == 3
    assert bench.cursors["orders"]["value"]["value"] == (began - DAY).isoformat()
    shop.add(now(), began + timedelta(minutes=4))
    bench.next_run()
    assert extract(bench)["recordsProcessed"] == 2
    assert sorted(bench.column("orders", "id")) == [3, 4]


def test_a_backfill_adds_its_time_and_leaves_the_cursor_where_it_is(bench: Any, shop: Shop) -> None:
    shop.add(*(BEGIN + DAY * day for day in range(-60, 60)))
    extract(bench)
    cursor = bench.cursors["orders"]
    bench.next_run()
    shop.asked = []
    result = extract(bench, start_date="2025-05-01", end_date="2025-05-20")
    assert result["recordsProcessed"] == 19
    assert (shop.asked[0].start, shop.asked[-1].end) == (BEGIN - 31 * DAY, BEGIN - 12 * DAY)
    assert bench.cursors["orders"] == cursor
    assert not any(commit["replace"] for commit in bench.commits)


def test_an_end_before_the_beginning_is_refused() -> None:
    given = {"source": "toy", "start_date": "2025-05-01", "end_date": "2025-05-01"}

    class Other(OwnTables):
        source: Literal["toy_of_ends"]

    try:
        with pytest.raises(ValueError, match="end_date 2025-05-01 is not after 2025-05-01"):
            Other.model_validate(given | {"source": "toy_of_ends"})
    finally:
        del DltExtract.SOURCES["toy_of_ends"]


def test_without_a_start_date_it_begins_at_the_vendors_earliest_or_in_one_slice(bench: Any, shop: Shop) -> None:
    shop.add(BEGIN, now() - DAY)
    extract(bench, start_date=None)
    assert shop.asked[0].start == datetime(2025, 1, 1, tzinfo=UTC)
    shop.asked = []
    assert extract(bench, start_date=None, resources=["later"])["recordsProcessed"] == 2
    assert windows(shop) == [(None, None)]


def test_slice_days_makes_other_windows_and_too_many_are_refused(bench: Any, shop: Shop) -> None:
    shop.add(BEGIN)
    extract(bench, slice_days=0.5, end_date="2025-06-08")
    assert len(shop.asked) == 14
    with pytest.raises(Permanent, match=r"slices of 0\.0001 days are too many"):
        extract(bench, slice_days=0.0001, resources=["later"])


def test_a_value_that_is_not_of_the_vendors_type_makes_its_column_text(bench: Any, shop: Shop) -> None:
    shop.add(BEGIN, BEGIN + DAY)
    shop.rows[1]["n"] = "many"
    extract(bench)
    assert bench.column("orders", "n") == ["0", "many"]
    bench.next_run()
    with pytest.raises(Permanent, match="n"):
        extract(bench, incremental=False, resources=[{"name": "orders", "columns": {"n": "bigint"}}])


@pytest.mark.parametrize("every", [1, 3])
def test_pages_that_come_over_and_over_end_the_resource(bench: Any, shop: Shop, every: int) -> None:
    shop.add(*(BEGIN + minutes * timedelta(minutes=1) for minutes in range(30)))
    shop.repeats = every
    with pytest.raises(Permanent, match="came twice"):
        extract(bench)


@pytest.mark.parametrize("value", [None, "", "soon", 5])
def test_a_row_without_a_time_that_each_window_shows_comes_once(bench: Any, shop: Shop, value: Any) -> None:
    """A vendor that does not look at the window shows it in all of them, one that does in one; equal rows are two."""
    shop.add(*(BEGIN + 7 * DAY * week for week in range(6)))
    odd = [{"id": 100, "at": value, "n": 0}, {"id": 100, "at": value, "n": 0}, {"id": 101, "at": value, "n": 0}]
    everywhere, shop.found = shop.found, lambda part: everywhere(part) + odd  # type: ignore[method-assign]
    extract(bench, incremental=False, end_date="2025-08-01")
    assert sorted(bench.column("orders", "id")) == [*range(6), 100, 100, 101]


def test_what_a_source_stumbles_over_is_told_and_stops_no_other_table(
    bench: Any, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.add(BEGIN)
    real = Toy.pages

    def pages(self: Any, part: Slice) -> Any:
        if part.name == "later":
            raise KeyError("rows")
        yield from real(self, part)

    monkeypatch.setattr(Toy, "pages", pages)
    result = extract(bench, resources=["later", "orders"])
    assert result["per_resource_rows"] == {"orders": 1}
    error = result["resource_errors"]["later"]
    assert error["code"] == ErrorCode.DATA_ERROR
    assert "another form than this source knows (KeyError in test_slices.py" in error["message"]


@pytest.mark.parametrize("page", [None, {"id": 1}, [1], [None], "rows"])
def test_what_is_no_list_of_rows_is_told(bench: Any, shop: Shop, monkeypatch: pytest.MonkeyPatch, page: Any) -> None:
    monkeypatch.setattr(Toy, "pages", lambda self, part: iter([page]))
    with pytest.raises(Permanent, match="another form"):
        extract(bench)


def test_a_row_of_the_future_comes_once_also_after_a_run_that_asked_for_nothing(
    bench: Any, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = BEGIN + 30 * DAY

    def at(seconds: float) -> None:
        bench.next_run()
        monkeypatch.setattr(paged_table, "now", lambda: moment + timedelta(seconds=seconds))

    shop.add(moment, moment + DAY)
    rows = 0
    for seconds in (0.2, 0.4, 2 * 86400):
        at(seconds)
        rows += extract(bench)["recordsProcessed"]
    assert rows == 2
