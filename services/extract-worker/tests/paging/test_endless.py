"""A source whose pages never end, or are one page that looks new each time, ends a run with an error; others do not."""

from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent

Query = dict[str, str]
Serve = Callable[[Query], Any]


def renewed() -> Serve:
    """One page, with the time of the request in each row."""
    now = count()
    return lambda query: {"data": [{"sku": f"s{i}", "price": i, "ts": at} for at in [next(now)] for i in range(5)]}


def nested() -> Serve:
    now = count()
    return lambda query: {"data": [{"a": {"code": i}, "at": {"ts": at}} for at in [next(now)] for i in range(5)]}


def signed() -> Serve:
    """One page, with something new of its own in each row."""
    now = count()
    return lambda query: {"data": [{"code": i, "link": f"x?sig={next(now)}"} for i in range(5)]}


def random() -> Serve:
    """Rows of which nothing ever comes again."""
    values = Random(1)
    return lambda query: {"data": [{"a": values.random(), "b": values.random()} for _ in range(5)]}


def round_and_round(query: Query) -> Any:
    first = int(query["page"]) % 4 * 10
    return {"data": [{"v": first + i} for i in range(10)]}


def cursors(serve: Serve) -> Serve:
    new = count()
    return lambda query: serve(query) | {"next": f"c{next(new)}"}


def growing(serve: Serve) -> Serve:
    """The number of pages that it tells is always one more."""
    return lambda query: serve(query) | {"pages": int(query["page"]) + 1, "has_more": True}


CURSOR = {"type": "cursor", "cursor_path": "next"}


@pytest.mark.parametrize(
    ("serve", "paginator", "requests"),
    [
        (renewed(), "page_number", 25),
        (nested(), "page_number", 25),
        (renewed(), {"type": "offset", "limit": 5}, 25),
        (renewed(), {"type": "offset", "limit": 5, "maximum_offset": 15}, 3),
        (cursors(renewed()), CURSOR, 25),
        (growing(renewed()), {"type": "page_number", "total_path": "pages", "has_more_path": "has_more"}, 25),
        (signed(), "page_number", 1_001),
        (round_and_round, "page_number", 8),
    ],
)
def test_a_page_that_looks_new_each_time_ends_the_run(
    new_desk: Any, serve: Serve, paginator: Any, requests: int
) -> None:
    desk = new_desk({"resources": ["rows"], "paginator": paginator}, serve)
    with pytest.raises(Permanent, match="over and over") as raised:
        desk.run()
    assert raised.value.code is ErrorCode.DATA_ERROR
    assert len(desk.asked) <= requests
    assert not desk.seen


def test_a_guessed_parameter_has_no_benefit_of_doubt(new_desk: Any) -> None:
    for serve in (renewed(), signed_of_sku()):
        said = lambda query, serve=serve: serve(query) | {"page": int(query.get("page", 1)), "total_pages": 6}  # noqa: E731
        with pytest.raises(Permanent, match="over and over"):
            new_desk({"resources": ["rows"]}, said).run()


def signed_of_sku() -> Serve:
    now = count()
    return lambda query: {"data": [{"sku": i, "link": next(now)} for i in range(5)]}


@pytest.mark.parametrize("kills", [(), (40, 30)])
def test_pages_without_a_sign_of_progress_have_a_bound(new_desk: Any, kills: tuple[int, ...]) -> None:
    given = {
        "resources": [{"name": "rows", "pages_without_progress": 100}],
        "paginator": "page_number",
        "slice_rows": 5,
    }
    desk = new_desk(given, random())
    with pytest.raises(Permanent, match=r"100 pages in a row \(500 rows\).*pages_without_progress") as raised:
        desk.run(*kills)
    assert raised.value.details["pages"] == 100
    assert len(desk.asked) <= 102
    assert not desk.seen


def test_the_bound_is_of_the_definition_too_and_counts_rows(new_desk: Any) -> None:
    many = [{"a": i, "b": i % 7} for i in range(2_000)]
    given = {"resources": ["rows"], "paginator": "page_number", "pages_without_progress": 3}
    shuffled = Random(2)
    with pytest.raises(Permanent, match="2 pages in a row"):
        new_desk(given, lambda query: {"data": shuffled.sample(many, 2_000)}).run()


def hours(query: Query) -> Any:
    """A page a day, with the same hours on each."""
    day = int(query["page"])
    return {"data": [{"hour": hour, "day": day, "visits": hour * day % 7} for hour in range(24)] if day <= 60 else []}


def closed(query: Query) -> Any:
    """As `hours`, of a shop that has visits only every tenth day."""
    day = int(query["page"])
    rows = [{"hour": hour, "day": day, "visits": hour if day % 10 == 0 else 0} for hour in range(24)]
    return {"data": rows if day <= 60 else []}


def bits(query: Query) -> Any:
    """Rows that say little."""
    page = int(query["page"])
    return {"data": [{"v": page >> bit & 1} for bit in range(6)] if page <= 60 else []}


def ids(query: Query) -> Any:
    page = int(query["page"])
    return {"data": [{"id": page * 10 + i, "v": 0} for i in range(10)] if page <= 150 else []}


@pytest.mark.parametrize(("serve", "rows"), [(hours, 1_440), (closed, 1_440), (bits, 360), (ids, 1_500)])
def test_pages_that_are_like_each_other_are_no_error(new_desk: Any, serve: Serve, rows: int) -> None:
    assert len(new_desk({"resources": ["rows"], "paginator": "page_number"}, serve).run()) == rows


def stations(query: Query) -> Any:
    """A page a day, with the same ids on each: the day is a part of the key."""
    day = int(query["page"])
    rows = [{"id": i, "day": day, "v": i * day % 7} for i in range(24)]
    return {"data": rows if day <= 30 else [], "month": "July"}


def warehouses(query: Query) -> Any:
    page = int(query["page"])
    rows = [{"node": {"id": i}, "place": page, "stock": {"left": (i + page) % 5}} for i in range(7)]
    return {"data": rows if page <= 30 else []}


def shops(query: Query) -> Any:
    """Closed on most days, when all have sold nothing."""
    day = int(query["page"])
    rows = [{"id": i, "day": day, "sold": i * day if day % 7 < 2 else 0} for i in range(24)]
    return {"data": rows if day <= 30 else []}


def accounts(query: Query) -> Any:
    page = int(query["page"])
    rows = [{"uuid": f"a{i}", "month": page, "paid": (i + page) % 2 == 0} for i in range(5)]
    return {"data": rows if page <= 30 else []}


@pytest.mark.parametrize(("serve", "rows"), [(stations, 720), (warehouses, 210), (accounts, 150), (shops, 720)])
def test_ids_that_come_again_beside_other_values_are_no_error(new_desk: Any, serve: Serve, rows: int) -> None:
    assert len(new_desk({"resources": ["rows"], "paginator": "page_number"}, serve).run()) == rows


@pytest.mark.parametrize("beside", [{}, {"fee": 9.9}, {"month": "page"}, {"fee": 9.9, "at": {"ts": "page"}}])
def test_ids_that_come_again_with_what_all_rows_share_are_the_same_page(new_desk: Any, beside: dict[str, Any]) -> None:
    def filled(value: Any, page: str) -> Any:
        if isinstance(value, dict):
            return {name: filled(one, page) for name, one in value.items()}
        return page if value == "page" else value

    def serve(query: Query) -> Any:
        return {"data": [{"id": i} | filled(beside, query["page"]) for i in range(24)]}

    desk = new_desk({"resources": ["rows"], "paginator": "page_number"}, serve)
    with pytest.raises(Permanent, match=r"over and over.*name the primary_key"):
        desk.run()
    assert len(desk.asked) == 2


def test_ids_with_something_new_in_each_row_end_some_day(new_desk: Any) -> None:
    now = count()
    serve = lambda query: {"data": [{"id": i, "link": f"x?sig={next(now)}"} for i in range(5)]}  # noqa: E731
    keyed = [{"name": "rows", "primary_key": "id"}]
    for resources, most in ((["rows"], 1_001), (keyed, 2)):
        desk = new_desk({"resources": resources, "paginator": "page_number"}, serve)
        with pytest.raises(Permanent, match="over and over"):
            desk.run()
        assert len(desk.asked) <= most


@pytest.mark.parametrize("sign", ["id", "primary_key", "total", "total_pages", "maximum"])
def test_a_sign_of_progress_lifts_the_bound(new_desk: Any, sign: str) -> None:
    def serve(query: Query) -> Any:
        page = int(query["page"])
        name = {"id": "id", "primary_key": "no"}.get(sign, "v")
        rows = [{name: page * 7 + i, "w": page % 5} for i in range(7)] if page <= 50 else []
        return {"data": rows} | {"total": {"total": 350}, "total_pages": {"pages": 50}}.get(sign, {})

    paginator: dict[str, Any] = {"type": "page_number"}
    paginator |= {"total_pages": {"total_path": "pages"}, "maximum": {"maximum_page": 50}}.get(sign, {})
    resource: dict[str, Any] = {"name": "rows", "paginator": paginator, "pages_without_progress": 10}
    if sign == "primary_key":
        resource["primary_key"] = "no"
    assert len(new_desk({"resources": [resource]}, serve).run()) == 350


def newest_first(query: Query, arriving: dict[int, int], rows: list[Any], size: int = 10) -> Any:
    """A live list: before each page so many new rows come in front."""
    for _ in range(arriving.pop(int(query["page"]), 0)):
        rows.insert(0, {"id": len(rows), "v": len(rows) % 3})
    first = (int(query["page"]) - 1) * size
    return {"data": rows[first : first + size]}


@pytest.mark.parametrize("arriving", [{2: 1}, {2: 3, 4: 2}, {3: 9}, {2: 1, 3: 1, 4: 1, 5: 1}])
def test_rows_that_new_ones_have_moved_to_the_next_page_come_once(new_desk: Any, arriving: dict[int, int]) -> None:
    rows = [{"id": i, "v": i % 3} for i in reversed(range(40))]
    left = dict(arriving)
    serve = lambda query: newest_first(query, left, rows)  # noqa: E731
    desk = new_desk({"resources": ["rows"], "paginator": "page_number"}, serve)
    found = [row["id"] for row in desk.run()]
    assert sorted(found) == list(range(40))


def test_equal_rows_whose_id_is_none_stay(new_desk: Any) -> None:
    rows = [{"id": order, "line": "x"} for order in (1, 1, 2, 2, 2, 3, 3, 4)]
    serve = lambda query: {"data": rows[(int(query["page"]) - 1) * 3 :][:3]}  # noqa: E731
    assert len(new_desk({"resources": ["rows"], "paginator": "page_number"}, serve).run()) == 8


def test_a_list_that_moves_while_it_is_read_is_told_of(new_desk: Any) -> None:
    rows = [{"no": i, "u": i} for i in range(40)]

    def serve(query: Query) -> Any:
        page = int(query["page"])
        if page == 3:
            rows.append(rows.pop(4) | {"u": 100})
        return {"data": rows[page * 10 - 10 : page * 10]}

    given = {"resources": [{"name": "rows", "primary_key": "no"}], "paginator": "page_number"}
    desk = new_desk(given, serve)
    assert len(desk.run()) == 40
    assert desk.warnings == ["rows_moved"]
    desk = new_desk(given, ids)
    desk.run()
    assert desk.warnings == []


def test_a_cursor_that_counts_its_row_in_gives_each_once(new_desk: Any) -> None:
    rows = [{"id": i} for i in reversed(range(1, 31))]

    def serve(query: Query) -> Any:
        return {"data": [row for row in rows if row["id"] <= int(query.get("max_id", 99))][:10]}

    cursor = {"type": "cursor", "cursor_path": "data[-1].id", "cursor_param": "max_id"}
    assert [row["id"] for row in new_desk({"resources": ["rows"], "paginator": cursor}, serve).run()] == [
        *reversed(range(1, 31))
    ]
