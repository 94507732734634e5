"""A green run has as many rows as the answers say there are; where that may be otherwise, a warning tells."""

from collections.abc import Callable
from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent
from vai_testkit.servers.paging_shapes import HOST, Query

ROWS = [{"v": number} for number in range(250)]
Shape = Callable[[list[Any], int], Any]


def counting(shape: Shape, base: int = 1, size: int = 100, shown: Callable[[int], bool] = lambda v: True) -> Any:
    """Pages from `base` on; a source may leave rows out after it has paged. `shape` gets the rows and the page."""

    def serve(query: Query) -> Any:
        page = int(query["page"])
        first = (page - base) * size
        return shape([row for row in ROWS[first : first + size] if shown(row["v"])] if first >= 0 else [], page)

    return serve


def stepping(shape: Shape, there: int = 250) -> Any:
    def serve(query: Query) -> Any:
        first = int(query["offset"])
        return shape(ROWS[:there][first : first + int(query["limit"])], first)

    return serve


def linking(shape: Callable[[list[Any], str | None], Any], there: int = 250) -> Any:
    def serve(query: Query) -> Any:
        first = int(query.get("at", 0))
        return shape(
            ROWS[:there][first : first + 100], f"{HOST}/rows?at={first + 100}" if first + 100 < there else None
        )

    return serve


def spring(rows: list[Any], page: int) -> Any:
    return {"content": rows, "number": page, "totalPages": 3, "totalElements": 250, "last": page >= 2}


PAGES = {"type": "page_number"}
OFFSET = {"type": "offset", "limit": 100}
LINK = {"type": "json_link", "next_url_path": "next"}
CURSOR = {"type": "cursor", "cursor_path": "cursor", "cursor_param": "at"}

REFUSED: list[tuple[str, Any, Any, str]] = [
    ("from 0, asked from 1", counting(spring, 0), PAGES, "150 rows came.*250.*base_page"),
    ("from 0, with the pages", counting(spring, 0), PAGES | {"total_path": "totalPages"}, "150 rows came.*base_page"),
    ("from 0, a header", counting(lambda rows, page: (rows, {"X-Total-Count": "250"}), 0), PAGES, "150 rows came"),
    ("an empty page with more", counting(lambda rows, page: {"items": rows, "has_more": page < 5},
                                         shown=lambda v: not 200 <= v < 250), PAGES, "200 rows.*has_more"),
    ("an empty page of many", counting(lambda rows, page: {"items": rows, "total_pages": 5}), PAGES, "5 pages"),
    ("an offset with more", stepping(lambda rows, first: {"items": rows, "total": 250}, 120), OFFSET, "120 rows came"),
]  # fmt: skip
TOLD: list[tuple[str, Any, Any, int]] = [
    ("a link's end", linking(lambda rows, link: {"data": rows, "total": 250, "next": link}, 100), LINK, 100),
    ("a cursor's end", linking(lambda rows, link: {"data": rows, "total": 250, "cursor": None}), CURSOR, 100),
    ("rows left out of pages", counting(spring, shown=lambda v: v % 3 > 0 or v > 90), PAGES, 219),
    ("an offset gone to its end", stepping(lambda rows, first: {"items": rows, "total": 250}, 120),
     OFFSET | {"total_path": "total"}, 120),
    ("an end that was asked for", counting(spring, 0), PAGES | {"stop_after_empty_page": True}, 150),
]  # fmt: skip
WHOLE: list[tuple[str, Any, Any, int]] = [
    ("all of them", counting(spring), PAGES, 250),
    ("all of them, from 0", counting(spring, 0), PAGES | {"base_page": 0}, 250),
    ("a maximum", counting(spring), PAGES | {"maximum_page": 1}, 100),
    ("the total of a page", counting(lambda rows, page: {"items": rows, "count": len(rows)}), PAGES, 250),
    ("a sum beside the count", counting(lambda rows, page: {"items": rows, "count": 250, "total": 5000}), PAGES, 250),
    ("an offset", stepping(lambda rows, first: {"items": rows, "total": 250}), OFFSET, 250),
    ("links", linking(lambda rows, link: {"data": rows, "total": 250, "next": link}), LINK, 250),
    ("the first page alone", counting(spring), {"type": "single_page"}, 100),
]


def desk_of(new_desk: Any, serve: Any, paginator: Any, **fields: Any) -> Any:
    params = {"page": 1} if paginator["type"] == "single_page" else {}
    return new_desk({"resources": [{"name": "rows", "paginator": paginator, "params": params}]} | fields, serve)


@pytest.mark.parametrize("kills", [(), (2,), (3,)])
@pytest.mark.parametrize(("serve", "paginator", "message"), [pytest.param(*one[1:], id=one[0]) for one in REFUSED])
def test_counted_pages_that_end_before_what_the_answers_say_are_an_error(
    new_desk: Any, serve: Any, paginator: Any, message: str, kills: tuple[int, ...]
) -> None:
    with pytest.raises(Permanent, match=message) as raised:
        desk_of(new_desk, serve, paginator, slice_rows=1).run(*kills)
    assert raised.value.code is ErrorCode.DATA_ERROR
    assert raised.value.details["field"] == "paginator"
    out = paginator | {"stop_after_empty_page": True}
    assert desk_of(new_desk, serve, out).run()


@pytest.mark.parametrize("kills", [(), (2,), (3,)])
@pytest.mark.parametrize(("serve", "paginator", "count"), [pytest.param(*one[1:], id=one[0]) for one in TOLD])
def test_fewer_rows_than_the_answers_say_are_told_where_that_may_be_right(
    new_desk: Any, serve: Any, paginator: Any, count: int, kills: tuple[int, ...]
) -> None:
    desk = desk_of(new_desk, serve, paginator, slice_rows=1)
    assert len(desk.run(*kills)) == count
    assert desk.warnings == ["total_not_reached"]


@pytest.mark.parametrize("kills", [(), (2,), (3,)])
@pytest.mark.parametrize(("serve", "paginator", "count"), [pytest.param(*one[1:], id=one[0]) for one in WHOLE])
def test_what_is_whole_has_no_warning(
    new_desk: Any, serve: Any, paginator: Any, count: int, kills: tuple[int, ...]
) -> None:
    desk = desk_of(new_desk, serve, paginator, slice_rows=1)
    assert len(desk.run(*kills)) == count
    assert desk.warnings == []


def scim(query: dict[str, str], total: int = 25, size: int = 10) -> Any:
    """Counts from 1; 0 is taken for 1 (RFC 7644)."""
    first = max(int(query.get("startIndex", 1)), 1)
    rows = [{"userName": f"u{i}"} for i in range(first, total + 1)][:size]
    return {"totalResults": total, "startIndex": first, "itemsPerPage": len(rows), "Resources": rows}


SCIM = {"type": "offset", "limit": 10, "offset_param": "startIndex", "limit_param": "count"}


@pytest.mark.parametrize(
    "paginator", ["auto", SCIM | {"offset": 1}, SCIM | {"offset": 1, "total_path": "totalResults"}]
)
@pytest.mark.parametrize("kills", [(), (2, 2)])
def test_an_offset_may_count_from_one(new_desk: Any, paginator: Any, kills: tuple[int, ...]) -> None:
    desk = new_desk({"resources": ["rows"], "paginator": paginator, "slice_rows": 1}, scim)
    assert [row["userName"] for row in desk.run(*kills)] == [f"u{i}" for i in range(1, 26)]


@pytest.mark.parametrize("field", ["startIndex", "begin"])
def test_an_offset_that_counts_from_one_is_not_taken_for_zero(new_desk: Any, field: str) -> None:
    def serve(query: dict[str, str]) -> Any:
        said = scim(query)
        return {field: said.pop("startIndex")} | said

    given = {"resources": ["rows"], "paginator": SCIM | {"total_path": "totalResults"}}
    with pytest.raises(Permanent, match="set offset to 1"):
        new_desk(given, serve).run()


@pytest.mark.parametrize("later", [0, -1, "0", None])
@pytest.mark.parametrize("kills", [(), (2, 2)])
def test_a_total_that_only_the_first_page_tells_is_reached(new_desk: Any, later: Any, kills: tuple[int, ...]) -> None:
    def serve(query: dict[str, str]) -> Any:
        first = int(query["offset"])
        return {"total": later if first else 25, "data": [{"v": i} for i in range(25)][first : first + 10]}

    paginator = {"type": "offset", "limit": 10, "total_path": "total"}
    desk = new_desk({"resources": ["rows"], "paginator": paginator, "slice_rows": 1}, serve)
    assert [row["v"] for row in desk.run(*kills)] == list(range(25))


def test_a_total_of_zero_beside_rows_ends_nothing(new_desk: Any) -> None:
    def serve(query: dict[str, str]) -> Any:
        page = int(query["page"])
        return {"pages": 0, "data": [{"v": i} for i in range(25)][page * 10 - 10 : page * 10]}

    paginator = {"type": "page_number", "total_path": "pages"}
    assert len(new_desk({"resources": ["rows"], "paginator": paginator}, serve).run()) == 25


# A total that becomes smaller in the run ----------------------------------------------------------------------------

PAGED, ROWWISE = PAGES | {"total_path": "n"}, OFFSET | {"total_path": "n"}
FALLING: list[tuple[str, Any, Callable[[int, int], Any]]] = [
    ("pages, 1 later", PAGED, lambda page, pages: pages if page == 0 else 1),
    ("pages, 2 later", PAGED, lambda page, pages: pages if page == 0 else 2),
    ("pages that are left", PAGED, lambda page, pages: pages - page - 1),
    ("pages that are left, with this one", PAGED, lambda page, pages: pages - page),
    ("pages that are left, from 0", PAGED | {"base_page": 0}, lambda page, pages: pages - page - 1),
    ("pages, null later", PAGED, lambda page, pages: None if page else pages),
    ("guessed pages, 1 later", "auto", lambda page, pages: pages if page == 0 else 1),
    ("guessed pages that are left", "auto", lambda page, pages: pages - page),
    ("rows, 200 later", ROWWISE, lambda page, pages: 200 if page else pages * 100),
    ("rows, 100 later", ROWWISE, lambda page, pages: 100 if page else pages * 100),
    ("rows that are left", ROWWISE, lambda page, pages: pages * 100 - page * 100),
    ("rows that are left after these", ROWWISE, lambda page, pages: max(pages * 100 - page * 100 - 100, 0)),
    ("rows up and down", ROWWISE, lambda page, pages: pages * (50, 100, 40)[page % 3]),
]


@pytest.mark.parametrize("kills", [(), (3, 2)])
@pytest.mark.parametrize("there", [430, 500])
@pytest.mark.parametrize(("paginator", "told"), [pytest.param(*one[1:], id=one[0]) for one in FALLING])
def test_a_total_that_becomes_smaller_is_no_end(
    new_desk: Any, paginator: Any, told: Callable[[int, int], Any], there: int, kills: tuple[int, ...]
) -> None:
    rows = [{"v": number} for number in range(there)]

    def serve(query: Query) -> Any:
        base = 1 if paginator == "auto" else paginator.get("base_page", 1)
        page = int(query["offset"]) // 100 if "offset" in query else int(query.get("page", 1)) - base
        first = int(query.get("offset", page * 100))
        said = {"page": page + 1, "total_pages": told(page, 5)} if paginator == "auto" else {"n": told(page, 5)}
        return {"data": rows[first : first + 100]} | said

    desk = new_desk({"resources": ["rows"], "paginator": paginator, "slice_rows": 1}, serve)
    assert [row["v"] for row in desk.run(*kills)] == list(range(there))
    assert len(desk.asked) <= 7 + len(kills) * 2


@pytest.mark.parametrize("paginator", [PAGED, ROWWISE, "auto"])
def test_rows_that_are_deleted_while_they_are_read_are_no_error(new_desk: Any, paginator: Any) -> None:
    """After the first page; there is no page beyond the last one."""
    rows = [{"v": number} for number in range(201)]

    def serve(query: Query) -> Any:
        size = int(query.get("limit", 50))
        first = int(query.get("offset", (int(query.get("page", 1)) - 1) * size))
        pages = -(-len(rows) // size)
        told = {"n": len(rows) if "offset" in query else pages, "page": first // size + 1, "total_pages": pages}
        found = rows[first : first + size]
        if first == 0:
            del rows[-2:]
        assert found or "offset" in query
        return {"data": found} | (told if paginator == "auto" else {"n": told["n"]})

    desk = new_desk({"resources": ["rows"], "paginator": paginator}, serve)
    assert [row["v"] for row in desk.run()] == list(range(199))
    assert desk.warnings == []


@pytest.mark.parametrize("named", ["total", "header"])
def test_a_total_that_was_larger_is_what_the_rows_are_compared_with(new_desk: Any, named: str) -> None:
    def serve(rows: list[Any], page: int) -> Any:
        told = 250 if page == 1 else 50
        return ({"data": rows, "total": told}, {}) if named == "total" else (rows, {"X-Total-Count": str(told)})

    desk = new_desk(
        {"resources": ["rows"], "paginator": PAGES, "slice_rows": 1}, counting(serve, 1, 100, lambda v: v < 200)
    )
    for kills in ((), (2,)):
        with pytest.raises(Permanent, match=r"200 rows came.*250"):
            desk.run(*kills)


@pytest.mark.parametrize("paginator", [{"total_path": "pages"}, {"total_path": "pages", "page_param": "page"}])
def test_an_empty_last_page_is_told_of_since_the_source_may_count_from_0(new_desk: Any, paginator: Any) -> None:
    serve = counting(lambda rows, page: {"data": rows, "pages": 3}, base=0)
    desk = new_desk({"resources": ["rows"], "paginator": {"type": "page_number"} | paginator}, serve)
    assert len(desk.run()) == 150
    assert desk.warnings == ["last_page_empty"]
    told = new_desk({"resources": ["rows"], "paginator": {"type": "page_number", "base_page": 0} | paginator}, serve)
    assert len(told.run()) == 250
    assert told.warnings == []


def test_a_page_more_than_there_are_may_be_announced(new_desk: Any) -> None:
    """Some sources say rows // size + 1 pages; who says from where they count is not warned."""
    serve = counting(lambda rows, page: {"data": rows, "pages": 4}, size=125)
    paginator = {"type": "page_number", "base_page": 1, "total_path": "pages"}
    desk = new_desk({"resources": ["rows"], "paginator": paginator}, serve)
    assert len(desk.run()) == 250
    assert desk.warnings == []


@pytest.mark.parametrize(
    ("shape", "there", "warnings"),
    [
        (lambda rows, first: {"data": rows, "total": 10_000}, 10_000, ["total_may_be_capped"]),
        (lambda rows, first: {"hits": {"total": {"value": 200, "relation": "gte"}, "hits": rows}}, 200,
         ["total_may_be_capped"]),
        (lambda rows, first: {"hits": {"total": {"value": 200, "relation": "eq"}, "hits": rows}}, 200, []),
        (lambda rows, first: {"data": rows, "total": 9_900}, 9_900, []),
        (lambda rows, first: {"data": rows, "total": 9_999}, 9_999, []),
    ],
)  # fmt: skip
def test_a_total_at_which_sources_stop_counting_is_told_of(
    new_desk: Any, shape: Shape, there: int, warnings: list[str]
) -> None:
    def serve(query: Query) -> Any:
        first = int(query["offset"])
        return shape([{"id": number} for number in range(first, min(first + 100, there))], first)

    path, selector = ("hits.total.value", "hits.hits") if "hits" in shape([], 0) else ("total", "data")
    paginator = {"type": "offset", "limit": 100, "total_path": path}
    desk = new_desk({"resources": ["rows"], "paginator": paginator, "data_selector": selector}, serve)
    assert len(desk.run()) == there
    assert desk.warnings == warnings
