"""One page under `auto`: told of where nobody knows whether it is all, an error where it comes once again."""

from typing import Any

import pytest

from vai_common.errors import Permanent
from vai_testkit.servers.paging_shapes import ROWS, Query

FULL = ROWS[:10]


# One page that nobody knows to be the only one ----------------------------------------------------------------------

SPEAKING: list[Any] = [
    {"page": 1}, {"currentPage": 1}, {"offset": 0}, {"limit": 7}, {"meta": {"page": 1}},
    {"pages": [1, 2, 3]}, {"startAfter": "99"}, {"anchor": "a9"}, {"length": 250}, {"capped": True},
    {"tooManyResults": True}, {"status": "PARTIAL"}, {"links": '<http://x?page=2>; rel="next"'},
]  # fmt: skip
SILENT: list[Any] = [
    {"page": 1, "limit": 50}, {"page": 1, "total": 7}, {"page": 1, "next": None}, {"page": 1, "pages": 1},
    {"offset": 0, "hasMore": False}, {"length": 7}, {"capped": False}, {"status": "ok"}, {"pages": [1]},
    {"anchor": None}, {"name": "page"},
]  # fmt: skip

UNSURE: list[tuple[Any, bool]] = [
    ([{"v": number} for number in range(100)], True),
    ([{"v": number} for number in range(101)], False),
    ([{"v": number} for number in range(1000)], True),
    ({"data": FULL}, True),
    ({"data": FULL, "count": 10}, True),
    ({"data": FULL, "anything": {"of": "it"}}, True),
    ({"data": FULL, "total": 10}, False),
    ({"data": FULL, "hasMore": False}, False),
    ({"data": FULL, "next": None}, False),
    ({"data": FULL, "page": 1, "pages": 1}, False),
    ({"data": FULL, "page": 1, "per_page": 50}, False),
    ({"data": ROWS[:3]}, False),
    (({"data": FULL}, {"X-Total-Count": "10"}), False),
    # so many rows are no usual page, and yet there are words of paging
    *(({"data": ROWS[:7]} | beside, True) for beside in SPEAKING),
    *((({"data": ROWS[:7]}, headers), True) for headers in ({"X-Page": "1"}, {"X-Per-Page": "7"}, {"Page-Size": "7"})),
    *(({"data": ROWS[:7]} | beside, False) for beside in SILENT),
    *((({"data": ROWS[:7]}, headers), False) for headers in ({"X-Page-Id": "7"}, {"X-Page": "home"}, {"X-Limit": "9"})),
]


@pytest.mark.parametrize(("said", "is_told"), UNSURE)
def test_a_full_page_that_may_not_be_all_is_told_of(new_desk: Any, said: Any, is_told: bool) -> None:
    desk = new_desk({"resources": ["rows"]}, lambda query: said)
    desk.run()
    assert desk.warnings == ["paging_not_found"] * is_told
    if is_told:
        ((_, message, data, _),) = [entry for entry in desk.link.logs if entry[0] == "paging_not_found"]
        assert f"{data['rows']:,} rows came on one page, and nothing in the answer tells" in message
        named = new_desk({"resources": [{"name": "rows", "paginator": "single_page"}]}, lambda query: said)
        named.run()
        assert named.warnings == []


# A parameter that a source ignores ----------------------------------------------------------------------------------

CODES = [{"code": row["id"]} for row in ROWS]

IGNORED: list[tuple[Any, Any]] = [
    ({"start": 0, "limit": 10, "length": 10, "total": 20, "users": CODES[:10]}, "auto"),
    ({"data": CODES[:10], "meta": {"page": 1, "total_pages": 2}}, "auto"),
    ({"items": CODES[:10], "search_criteria": {"page_size": 10, "current_page": 1}, "total_count": 20}, "auto"),
    ({"data": [{"a": 1}], "total_pages": 2}, "auto"),
    ({"data": CODES[:10], "pages": 2}, {"type": "page_number", "total_path": "pages"}),
    ({"data": CODES[:10]}, {"type": "offset", "limit": 10}),
]


@pytest.mark.parametrize(("body", "paginator"), IGNORED)
def test_the_first_page_once_again_is_an_error(new_desk: Any, body: Any, paginator: Any) -> None:
    desk = new_desk({"resources": [{"name": "rows", "paginator": paginator}]}, lambda query: body)
    with pytest.raises(Permanent, match=r"over and over|says \d again"):
        desk.run()
    assert len(desk.asked) == 2


@pytest.mark.parametrize("paginator", ["auto", {"type": "page_number", "total_path": "meta.total_pages"}])
def test_an_answer_that_says_that_it_is_the_same_page_is_an_error(new_desk: Any, paginator: Any) -> None:
    """Though something in its rows is new each time."""
    calls = iter(range(100))

    def serve(query: Query) -> Any:
        rows = [row | {"seen": next(calls)} for row in CODES[:10]]
        return {"data": rows, "meta": {"page": 1, "total_pages": 3}}

    with pytest.raises(Permanent, match=r"meta.page says 1 again"):
        new_desk({"resources": [{"name": "rows", "paginator": paginator}]}, serve).run()


def test_pages_of_one_constant_row_may_be_alike(new_desk: Any) -> None:
    paginator = {"type": "page_number", "total_path": "pages"}
    desk = new_desk(
        {"resources": [{"name": "rows", "paginator": paginator}]}, lambda q: {"rows": [{"a": 0}], "pages": 3}
    )
    assert len(desk.run()) == 3
