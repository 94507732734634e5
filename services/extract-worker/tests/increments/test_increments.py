"""Increments: every row of every page once, whatever the order, over kills, equal values and several runs."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vai_common.clock import now
from vai_common.errors import ErrorCode, Permanent

ORG = "018f0000-0000-7000-8000-000000000001"


START = datetime(2026, 1, 1, tzinfo=UTC)


def as_whole(moment: int) -> Any:
    return moment


def as_digits(moment: int) -> Any:
    return str(moment)


def as_utc(moment: int) -> Any:
    return f"{START + timedelta(minutes=moment):%Y-%m-%dT%H:%M:%SZ}"


def as_naive(moment: int) -> Any:
    return f"{START + timedelta(minutes=moment):%Y-%m-%d %H:%M:%S.000}"


def as_any_zone(moment: int) -> Any:
    shift = timedelta(hours=moment % 5 - 2)
    sign = "-" if shift < timedelta(0) else "+"
    hours = abs(int(shift.total_seconds())) // 3600
    return f"{START + timedelta(minutes=moment) + shift:%Y-%m-%dT%H:%M:%S}{sign}{hours:02d}:00"


def as_day(moment: int) -> Any:
    return f"{START + timedelta(days=moment // 3):%Y-%m-%d}"


FORMS: list[Callable[[int], Any]] = [as_whole, as_digits, as_utc, as_naive, as_any_zone, as_day]
ORDERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "asc": lambda row: row["moment"],
    "desc": lambda row: -row["moment"],
    "id": lambda row: row["id"],
    "mixed": lambda row: (row["id"] * 7919) % 101,
}


def order_of(form: Callable[[int], Any], value: Any) -> Any:
    """How a source orders its own values."""
    if form in (as_whole, as_digits):
        return int(value)
    found = datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@dataclass
class Source:
    """A table of a source. A new version of a row never stands before what was there; equal to it, it may."""

    form: Callable[[int], Any]
    order: str
    size: int
    asks: bool
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    moment: int = 10

    def change(self, steps: list[tuple[int, int]], nulls: bool) -> None:
        """Each step writes a row, `step` moments after the one before."""
        for number, step in steps:
            self.moment += step
            at = None if nulls and number % 5 == 0 else self.form(self.moment)
            self.rows[number] = {"id": number, "at": at, "moment": self.moment, "text": f"{number} {self.moment}"}

    def serve(self, query: dict[str, str]) -> Any:
        rows = sorted(self.rows.values(), key=lambda row: (ORDERS[self.order](row), row["id"]))
        if "since" in query:
            since = order_of(self.form, query["since"])
            rows = [row for row in rows if row["at"] is not None and order_of(self.form, row["at"]) >= since]
        page = int(query.get("page", "1"))
        return rows[(page - 1) * self.size : page * self.size]


CHANGES = st.lists(st.tuples(st.integers(1, 25), st.integers(0, 3)), max_size=14)


@given(
    form=st.sampled_from(FORMS),
    order=st.sampled_from(sorted(ORDERS)),
    size=st.integers(1, 7),
    asks=st.booleans(),
    has_key=st.booleans(),
    nulls=st.booleans(),
    lag=st.sampled_from([None, None, 1, 90_000]),
    slice_rows=st.sampled_from([1, 5, 1000]),
    runs=st.lists(st.tuples(CHANGES, st.lists(st.integers(1, 6), max_size=3), st.booleans()), min_size=1, max_size=4),
)
def test_every_version_of_every_row_comes_once(
    new_desk: Any,
    form: Callable[[int], Any],
    order: str,
    size: int,
    asks: bool,
    has_key: bool,
    nulls: bool,
    lag: int | None,
    slice_rows: int,
    runs: list[tuple[list[tuple[int, int]], list[int], bool]],
) -> None:
    source = Source(form, order, size, asks)
    incremental = {"cursor_path": "at"} | ({"param": "since"} if asks else {}) | ({"lag": lag} if lag else {})
    incremental |= {"on_cursor_value_missing": "include"} if nulls else {}
    resource = {"name": "rows", "incremental": incremental} | ({"primary_key": "id"} if has_key else {})
    desk = new_desk({"resources": [resource], "paginator": "page_number", "slice_rows": slice_rows}, source.serve)
    version = lambda row: (row["id"], row["at"]) if has_key and row["at"] is not None else row["text"]  # noqa: E731
    shown: set[Any] = set()
    for changes, kills, gently in runs:
        source.change(changes, nulls)
        asked_since = asks and desk.cursor is not None and desk.cursor["value"] is not None
        shown |= {version(row) for row in source.rows.values() if row["at"] is not None or not asked_since}
        desk.run(*kills, gently=gently)
        assert Counter(version(row) for row in desk.seen) == Counter(shown)


def desk_of(new_desk: Any, pages: list[list[dict[str, Any]]], **fields: Any) -> Any:
    """A source of these pages, whatever it is asked for."""
    resource = {"name": "rows", "incremental": {"cursor_path": "at"} | fields.pop("incremental", {})} | fields
    serve = lambda query: pages[int(query["page"]) - 1] if int(query["page"]) <= len(pages) else []  # noqa: E731
    return new_desk({"resources": [resource], "paginator": "page_number"}, serve)


def ids(rows: list[dict[str, Any]]) -> list[Any]:
    return [row["id"] for row in rows]


def test_windows_of_another_column_lose_nothing_of_the_cursor_even_if_a_run_stops_between_them(new_desk: Any) -> None:
    """Orders in windows of `created`, the cursor is `updated_at`; the worker of the first run dies for good."""
    rows = [{"id": n, "created": n, "at": as_utc(90_000 - n * 700)} for n in range(100)]

    def serve(query: dict[str, str]) -> Any:
        first, end = (int((order_of(as_utc, query[name]) - START).total_seconds()) // 3600 for name in ("from", "to"))
        return [row for row in rows if first <= row["created"] < end] if query["page"] == "1" else []

    slices = {"param_start": "from", "param_end": "to", "days": 1}
    resource = {"name": "rows", "incremental": {"cursor_path": "at"}, "slices": slices}
    definition = {"resources": [resource], "paginator": "page_number", "start_date": "2026-01-01"}
    desk = new_desk(definition, serve)
    assert not desk.attempt(kill_at=6)
    assert 0 < len(desk.seen) < 100
    desk.run()
    assert sorted(ids(desk.seen)) == list(range(100))
    assert desk.run() == []


@pytest.mark.parametrize("has_key", [True, False])
def test_any_number_of_rows_with_one_value_come_once(new_desk: Any, has_key: bool) -> None:
    rows = [{"id": n, "at": "2026-01-05T00:00:00Z"} for n in range(15_000)]
    desk = desk_of(new_desk, [rows], **({"primary_key": "id"} if has_key else {}))
    assert len(desk.run()) == 15_000
    assert desk.run() == []
    rows += [{"id": n, "at": "2026-01-05T00:00:00Z"} for n in range(15_000, 15_010)]
    assert ids(desk.run()) == list(range(15_000, 15_010))
    assert len(json.dumps(desk.cursor)) < 200_000


def test_more_rows_than_can_be_remembered_are_told(new_desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vai_extract_worker.values.known_rows.MOST_KNOWN", 10)
    desk = desk_of(new_desk, [[{"id": n, "at": 7} for n in range(15)]])
    assert len(desk.run()) == 15
    assert desk.warnings == ["rows_not_remembered"]
    assert len(desk.run()) == 5


def test_a_row_whose_link_changes_is_known_by_its_key_unless_its_day_is_not_over(new_desk: Any) -> None:
    rows = [{"id": 1, "at": "2026-01-05", "link": "a"}, {"id": 2, "at": f"{now():%Y-%m-%d}", "link": "a"}]
    desk = desk_of(new_desk, [rows], primary_key="id", incremental={"lag": 86_400 * 1000})
    assert ids(desk.run()) == [1, 2]
    for row in rows:
        row["link"] = "b"
    assert ids(desk.run()) == [2]


def test_a_value_in_the_future_hides_nothing_and_comes_once(new_desk: Any) -> None:
    rows = [{"id": 1, "at": "2199-01-01T00:00:00Z"}, {"id": 2, "at": "2026-01-05T00:00:00Z"}]
    desk = desk_of(new_desk, [rows])
    assert ids(desk.run()) == [1, 2]
    rows += [{"id": 3, "at": "2026-01-06T00:00:00Z"}]
    assert ids(desk.run()) == [3]
    assert desk.run() == []


def test_a_cursor_that_was_saved_in_the_future_goes_on_from_now_and_says_so(new_desk: Any) -> None:
    rows = [{"id": 1, "at": (now() + timedelta(minutes=1)).isoformat()}]
    desk = desk_of(new_desk, [rows])
    desk.cursor = {"value": "2199-01-01T00:00:00+00:00", "seen": []}
    assert ids(desk.run()) == [1]
    assert desk.warnings == ["cursor_in_the_future"]


def test_a_late_row_comes_with_a_lag_and_is_told_without_one(new_desk: Any) -> None:
    rows = [{"id": 1, "at": as_utc(100)}, {"id": 2, "at": as_utc(200)}]
    late = {"id": 3, "at": as_utc(150)}
    desk = desk_of(new_desk, [rows], incremental={"param": "since"})
    desk.run()
    rows.append(late)
    assert desk.run() == []
    assert desk.warnings == ["late_rows_passed_over"]
    rows = [rows[1]]
    desk = desk_of(new_desk, [rows], incremental={"param": "since", "lag": 3600})
    desk.run()
    rows.append(late)
    assert ids(desk.run()) == [3]
    assert desk.asked[-1]["since"] == as_utc(140)
    assert (desk.warnings, desk.run()) == ([], [])


def test_a_lag_is_written_as_the_source_writes(new_desk: Any) -> None:
    for last, lag, asked in [
        ("2026-01-05T10:00:00.500+02:00", 3600, "2026-01-05T09:00:00.500+02:00"),
        ("2026-01-05 10:00:00 UTC", 60, "2026-01-05 09:59:00 UTC"),
        ("2026-01-05T10:00Z", 60, "2026-01-05T09:59Z"),
        ("2026-01-05", 86_400, "2026-01-04"),
        ("20", 5, "15"),
        (20, 5, "15"),
        (2.5, 0.5, "2.0"),
    ]:
        desk = desk_of(new_desk, [[{"id": 1, "at": last}]], incremental={"param": "since", "lag": lag})
        desk.run()
        desk.run()
        assert desk.asked[-1]["since"] == asked


def test_an_end_is_left_out_and_asked_for(new_desk: Any) -> None:
    rows = [{"id": n, "at": n} for n in range(10)]
    desk = desk_of(new_desk, [rows], incremental={"initial_value": 3, "end_value": 7, "end_param": "before"})
    assert ids(desk.run()) == [3, 4, 5, 6]
    assert desk.asked[0]["before"] == "7"
    assert desk.run() == []


def test_a_source_that_lists_the_newest_first_is_read_to_the_first_old_row(new_desk: Any) -> None:
    pages = [[{"id": n, "at": n} for n in range(first, first - 5, -1)] for first in (20, 15, 10, 5)]
    desk = desk_of(new_desk, pages, incremental={"row_order": "desc"})
    assert len(desk.run()) == 20
    pages.insert(0, [{"id": 21, "at": 21}])
    before = len(desk.asked)
    assert ids(desk.run()) == [21]
    assert len(desk.asked) - before == 2


@pytest.mark.parametrize(
    ("missing", "first", "second"), [(None, [1, 2, 3], []), ("include", [1, 2, 3], []), ("exclude", [3], [])]
)
def test_rows_without_a_cursor_come_once(
    new_desk: Any, missing: str | None, first: list[int], second: list[int]
) -> None:
    rows = [{"id": 1, "at": None}, {"id": 2}, {"id": 3, "at": 1}]
    desk = desk_of(new_desk, [rows], incremental={"on_cursor_value_missing": missing} if missing else {})
    assert (ids(desk.run()), ids(desk.run())) == (first, second)


@pytest.mark.parametrize("missing", ["include", "exclude"])
def test_a_row_that_gets_an_older_value_later_comes_once_more(new_desk: Any, missing: str) -> None:
    """A job has no end while it runs; when it has ended, others have ended after it."""
    rows = [{"id": 1, "at": 1}, {"id": 2, "at": None}, {"id": 3, "at": 3}, {"id": 4, "at": None}]
    desk = desk_of(new_desk, [rows], incremental={"on_cursor_value_missing": missing}, primary_key="id")
    assert ids(desk.run()) == ([1, 2, 3, 4] if missing == "include" else [1, 3])
    rows[1] = {"id": 2, "at": 2}
    assert ids(desk.run()) == [2]
    assert ids(desk.run()) == []
    rows[3] = {"id": 4, "at": 1}
    rows.append({"id": 5, "at": 5})
    assert ids(desk.run()) == [4, 5]
    assert ids(desk.run()) == []


def test_an_initial_value_of_another_kind_is_named(new_desk: Any) -> None:
    desk = desk_of(new_desk, [[{"id": 7, "at": 7}]])
    desk.definition["start_date"] = "2026-01-01"
    with pytest.raises(Permanent, match="give it an initial_value of their kind"):
        desk.run()


@pytest.mark.parametrize(
    ("fields", "value", "is_told"),
    [
        ({"end": "inclusive"}, "2026-01-01T23:59:59.412Z", True),
        ({"end": "inclusive"}, "2026-01-01 23:59:59.412", True),
        ({"end": "inclusive"}, "2026-01-01T23:59:59.000Z", False),
        ({"end": "inclusive"}, "version 2026-01-01", False),
        ({"end": "inclusive", "format": "unix"}, "2026-01-01T23:59:59.4+05:00", True),
        ({"end": "inclusive", "format": "datetime_ms"}, "2026-01-01T23:59:59.412Z", False),
        ({"end": "inclusive", "format": "datetime_ms"}, "2026-01-01T23:59:59.412001Z", True),
        ({"end": "inclusive", "format": "%Y%m%d %H:%M"}, "2026-01-01T23:59:59Z", True),
        ({"end": "inclusive", "format": "%Y-%m-%dT%H:%M:%S.%f"}, "2026-01-01T23:59:59.412001Z", False),
        ({"end": "inclusive", "format": "date"}, "2026-01-01T23:59:59.412Z", False),
        ({}, "2026-01-01T23:59:59.412Z", False),
    ],
)  # fmt: skip
def test_ends_that_rows_fall_behind_are_told(new_desk: Any, fields: Any, value: str, is_told: bool) -> None:
    slices = {"param_start": "from", "param_end": "to", "days": 1} | fields
    incremental = {"end_value": "2026-01-03T00:00:00Z", "on_cursor_value_missing": "include"}
    desk = desk_of(new_desk, [[{"id": 1, "inner": {"made": value}}]], slices=slices, incremental=incremental)
    desk.definition["start_date"] = "2026-01-01"
    desk.run()
    assert desk.warnings.count("windows_have_gaps") == is_told


@pytest.mark.parametrize(
    ("rows", "incremental", "message"),
    [
        ([{"at": None}], {"on_cursor_value_missing": "raise"}, "has no value there"),
        ([{"id": 1}], {}, "no row has it"),
        ([{"at": "12/31/2025"}], {}, "99/99/9999"),
        ([{"at": "ada@example.org"}], {}, "aaa@aaaaaaa.aaa"),
        ([{"at": 1}, {"at": "2026-01-01"}], {}, "different kinds"),
        ([{"at": True}], {}, "a bool"),
        ([{"at": {"x": 1}}], {}, "a dict"),
    ],
)
def test_values_that_cannot_be_ordered_are_an_error_that_shows_none(
    new_desk: Any, rows: list[Any], incremental: Any, message: str
) -> None:
    with pytest.raises(Permanent, match=message) as raised:
        desk_of(new_desk, [rows], incremental=incremental).run()
    assert "12/31" not in raised.value.message
    assert raised.value.code is ErrorCode.DATA_ERROR


def test_text_is_compared_as_text_where_it_is_said(new_desk: Any) -> None:
    rows = [{"id": n, "at": f"01J{n}"} for n in range(3)]
    desk = desk_of(new_desk, [rows], incremental={"compare_as": "text"})
    assert ids(desk.run()) == [0, 1, 2]
    rows.append({"id": 3, "at": "01J3"})
    assert ids(desk.run()) == [3]


def test_what_89c59c7_saved_goes_on(new_desk: Any) -> None:
    rows = [{"id": 1, "at": 5}, {"id": 2, "at": 5}, {"id": 3, "at": 6}]
    desk = desk_of(new_desk, [rows])
    from vai_extract_worker.values.known_rows import row_digest

    desk.cursor = {"value": 5, "seen": [row_digest(rows[0]).hex()]}
    assert ids(desk.run()) == [2, 3]
    desk.checkpoint = {
        "order": ["rows"],
        "resources": {"rows": {"rows": 1, "slices_done": 1, "cursor": {"value": 9, "seen": []}}},
        "announced": [],
    }
    rows += [{"id": 4, "at": 8}]
    assert desk.attempt()
    assert ids(desk.seen[-1:]) == [4]
    assert desk.cursor is not None
    assert desk.cursor["value"] == 9


@pytest.mark.parametrize(
    ("fields", "first", "last"),
    [
        ({"format": "date", "days": 10}, ("2026-01-01", "2026-01-11"), ("2026-01-21", "2026-01-26")),
        ({"format": "date", "days": 10, "end": "inclusive"}, ("2026-01-01", "2026-01-10"), None),
        ({"format": "date", "days": 10, "end": "inclusive"}, None, ("2026-01-21", "2026-01-25")),
        ({"days": 20, "end": "inclusive"}, ("2026-01-01T00:00:00Z", "2026-01-20T23:59:59Z"), None),
        (
            {"days": 20, "format": "datetime_ms", "end": "inclusive"},
            None,
            ("2026-01-21T00:00:00.000Z", "2026-01-25T11:59:59.999Z"),
        ),
        ({"days": 20, "format": "unix_ms"}, ("1767225600000", "1768953600000"), None),
        ({"days": 0.5, "format": "unix"}, ("1767225600", "1767268800"), None),
    ],
)  # fmt: skip
def test_windows_are_told_as_the_source_counts_them(new_desk: Any, fields: Any, first: Any, last: Any) -> None:
    slices = {"param_start": "from", "param_end": "to"} | fields
    incremental = {"end_value": "2026-01-25T12:00:00Z", "on_cursor_value_missing": "include"}
    desk = desk_of(new_desk, [[]], slices=slices, incremental=incremental)
    desk.definition["start_date"] = "2026-01-01"
    desk.run()
    told = [(asked["from"], asked["to"]) for asked in desk.asked]
    assert first is None or told[0] == first
    assert last is None or told[-1] == last


def test_date_windows_are_whole_days(new_desk: Any) -> None:
    with pytest.raises(ValueError, match="whole days"):
        desk_of(new_desk, [[]], slices={"param_start": "a", "param_end": "b", "days": 0.5, "format": "date"}).run()
