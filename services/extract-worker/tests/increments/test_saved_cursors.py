"""What a saved cursor cannot say: of another field, of several values, of a source that leaves its value out."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vai_common.errors import Permanent


def hour(number: int) -> str:
    return f"{datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number):%Y-%m-%dT%H:%M:%SZ}"


def paged(new_desk: Any, pages: list[list[dict[str, Any]]], incremental: dict[str, Any]) -> Any:
    """A source of these pages, whatever it is asked for."""
    serve = lambda query: pages[int(query["page"]) - 1] if int(query["page"]) <= len(pages) else []  # noqa: E731
    return new_desk({"resources": [{"name": "rows", "incremental": incremental}], "paginator": "page_number"}, serve)


def by_the_hour(count: int, excludes: bool) -> Callable[[dict[str, str]], Any]:
    """A source of ten rows an hour; `excludes`: it answers with what lies after the value, not with what is there."""
    rows = [{"id": n, "at": hour(n // 10)} for n in range(count)]

    def serve(query: dict[str, str]) -> Any:
        since = query.get("since", "")
        found = [row for row in rows if (row["at"] > since if excludes else row["at"] >= since)]
        return found if query["page"] == "1" else []

    return serve


@pytest.mark.parametrize(
    ("excludes", "lag", "warns"), [(True, None, True), (False, None, False), (True, 3600, False), (False, 3600, False)]
)
@pytest.mark.parametrize("kills", [(), (1,), (2,)])
def test_a_source_that_leaves_out_the_value_it_is_asked_from_is_told(
    new_desk: Any, excludes: bool, lag: int | None, warns: bool, kills: tuple[int, ...]
) -> None:
    incremental = {"cursor_path": "at", "param": "since"} | ({"lag": lag} if lag else {})
    resource = {"name": "rows", "incremental": incremental}
    desk = new_desk({"resources": [resource], "paginator": "page_number"}, by_the_hour(95, excludes))
    assert len(desk.run(*kills)) == 95
    assert desk.warnings == []
    desk.serve = by_the_hour(110, excludes)
    assert len(desk.run(*kills)) == (10 if warns else 15)
    assert desk.warnings == (["bound_not_shown"] if warns else [])


def test_ids_that_no_two_rows_share_are_asked_from_without_a_word(new_desk: Any) -> None:
    serve = lambda query: [{"id": n} for n in range(int(query.get("since", -1)) + 1, 9)] if query["page"] == "1" else []  # noqa: E731
    resource = {"name": "rows", "incremental": {"cursor_path": "id", "param": "since"}}
    desk = new_desk({"resources": [resource], "paginator": "page_number"}, serve)
    assert [len(desk.run()), len(desk.run()), desk.warnings] == [9, 0, []]


@pytest.mark.parametrize(
    ("before", "after", "is_same"),
    [("id", "rev", False), ("id", "at.x", False), ("at.x", "at.y", False), ("rev", "$.rev", True), ("id", "id", True)],
)
def test_a_cursor_that_was_saved_of_another_field_is_not_compared_with_this_one(
    new_desk: Any, before: str, after: str, is_same: bool
) -> None:
    pages = [[{"id": 5000 + n, "rev": n, "at": {"x": n, "y": n}} for n in range(50)]]
    desk = paged(new_desk, pages, incremental={"cursor_path": before})
    assert len(desk.run()) == 50
    desk.definition["resources"][0]["incremental"]["cursor_path"] = after
    if is_same:
        assert desk.run() == []
        return
    with pytest.raises(Permanent, match="incremental: false") as raised:
        desk.run()
    assert raised.value.details["field"] == "incremental.cursor_path"
    desk.definition["incremental"] = False
    assert len(desk.run()) == 50
    del desk.definition["incremental"]
    assert desk.run() == []


@pytest.mark.parametrize("path", ["g[*].date", "g..date", "g[0:2].date"])
def test_a_cursor_path_that_finds_several_values_is_an_error(new_desk: Any, path: str) -> None:
    rows = [{"id": 1, "g": [{"date": "2026-01-01"}]}, {"id": 2, "g": [{"date": "2025-12-30"}, {"date": "2026-01-07"}]}]
    desk = paged(new_desk, [rows[:1]], incremental={"cursor_path": path})
    assert len(desk.run()) == 1
    with pytest.raises(Permanent, match="more than one value"):
        paged(new_desk, [rows], incremental={"cursor_path": path}).run()


@pytest.mark.parametrize("paginator", ["auto", {"type": "json_link", "next_url_path": "next_page"}])
def test_an_export_whose_pages_begin_where_the_last_one_ended_gives_each_row_once(
    new_desk: Any, paginator: Any
) -> None:
    """Zendesk's: the next page begins with the last second of this one; where nothing is new it leads to itself."""
    rows = [{"id": i, "at": 1_760_000_000 + i // 7} for i in range(250)]

    def serve(query: dict[str, str]) -> Any:
        found = [row for row in rows if row["at"] >= int(query["since"])][:100]
        end = found[-1]["at"] if found else int(query["since"])
        return {"tickets": found, "count": len(found), "next_page": f"http://source/rows?since={end}"}

    increment = {"cursor_path": "at", "param": "since", "initial_value": 0}
    given = {"name": "rows", "data_selector": "tickets", "primary_key": "id", "incremental": increment}
    desk = new_desk({"resources": [given | {"paginator": paginator}]}, serve)
    assert sorted(row["id"] for row in desk.run()) == list(range(250))
    assert desk.run() == []
    rows.append({"id": 250, "at": rows[-1]["at"]})
    assert [row["id"] for row in desk.run()] == [250]


def test_what_lies_before_text_of_digits_has_as_many(new_desk: Any) -> None:
    def serve(query: dict[str, str]) -> Any:
        rows = [{"id": f"{number:010d}"} for number in range(1, 25)]
        return [row for row in rows if row["id"] >= query.get("since", "")]

    increment = {"cursor_path": "id", "param": "since", "lag": 5}
    desk = new_desk({"resources": [{"name": "rows", "incremental": increment, "paginator": "single_page"}]}, serve)
    assert len(desk.run()) == 24
    assert desk.run() == []
    assert desk.asked[-1]["since"] == "0000000019"


@pytest.mark.parametrize("late", ["2016-12-31T23:59:60Z", "2016-12-31T24:00:00Z", "2016-12-31 24:00"])
def test_the_last_moment_of_a_day_has_several_spellings(new_desk: Any, late: str) -> None:
    rows = [{"id": 1, "at": "2016-12-31T10:00:00Z"}, {"id": 2, "at": late}]
    resource = {"name": "rows", "incremental": {"cursor_path": "at"}, "paginator": "single_page"}
    desk = new_desk({"resources": [resource]}, lambda query: rows)
    assert len(desk.run()) == 2
    rows.append({"id": 3, "at": "2017-01-01T00:00:01Z"})
    assert [row["id"] for row in desk.run()] == [3]
