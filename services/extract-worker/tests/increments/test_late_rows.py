"""Rows that are older than what was asked for are told, wherever the definition asks for newer ones."""

from typing import Any

import pytest


def hour(number: int) -> str:
    return f"2026-01-{1 + number // 24:02}T{number % 24:02}:00:00Z"


def desk_of(new_desk: Any, rows: list[dict[str, Any]], **fields: Any) -> Any:
    """A source of one page, whatever it is asked for."""
    resource = {"name": "rows", "incremental": {"cursor_path": "at"} | fields.pop("incremental", {})} | fields
    serve = lambda query: rows if query["page"] == "1" else []  # noqa: E731
    return new_desk({"resources": [resource], "paginator": "page_number"}, serve)


def ids(rows: list[dict[str, Any]]) -> list[Any]:
    return [row["id"] for row in rows]


START_VALUE = "{incremental.start_value}"
IN_BODY: dict[str, Any] = {"filters": [{"field": "at", "from": START_VALUE}]}
ASKED = [
    ({"incremental": {"param": "since"}}, "since"),
    ({"params": {"filter": f"gte(at,{START_VALUE})"}}, "params"),
    ({"path": f"rows/since/{START_VALUE}"}, "path"),
    ({"json": IN_BODY}, "json"),
    ({"data": {"since": START_VALUE}}, "data"),
]


@pytest.mark.parametrize(("asked", "place"), ASKED, ids=[place for _, place in ASKED])
def test_late_rows_are_told_wherever_the_cursor_is_asked_for(new_desk: Any, asked: Any, place: str) -> None:
    """Rows that come although newer ones were asked for, and a source that leaves out the value that it is given."""
    rows = [{"id": 1, "at": hour(100)}, {"id": 2, "at": hour(200)}, {"id": 3, "at": hour(200)}]
    incremental = {"initial_value": hour(0)} | asked.get("incremental", {})
    desk = desk_of(new_desk, rows, **(asked | {"incremental": incremental}))
    assert ids(desk.run()) == [1, 2, 3]
    assert desk.warnings == []
    rows[0] = {"id": 4, "at": hour(150)}
    assert desk.run() == []
    assert desk.warnings == ["late_rows_passed_over"]
    assert place in next(data["param"] for event, _, data, _ in desk.link.logs if event == "late_rows_passed_over")
    rows[:] = [{"id": 5, "at": hour(300)}]
    assert ids(desk.run()) == [5]
    assert desk.warnings == ["bound_not_shown"]


def test_rows_are_not_late_where_nothing_asked_for_newer_ones(new_desk: Any) -> None:
    rows = [{"id": 1, "at": hour(100)}, {"id": 2, "at": hour(200)}, {"id": 3, "at": hour(200)}]
    given = {"params": {"from": "{incremental.initial_value}"}, "incremental": {"initial_value": hour(0)}}
    desk = desk_of(new_desk, rows, **given)
    desk.run()
    assert desk.run() == []
    assert desk.warnings == []
