"""Buttons of pages, as Laravel writes them, lead on in any language; where none can be read, that is an error."""

from typing import Any

import pytest

from vai_common.errors import Permanent
from vai_extract_worker.values.link_lists import UNREADABLE, are_links, link_to
from vai_testkit.servers.paging_shapes import HOST, Query, part

LABELS = [
    "Next &raquo;", "Weiter &raquo;", "Suivant &raquo;", "Siguiente &raquo;", "Próximo &raquo;", "Volgende &raquo;",
    "Successivo &raquo;", "&raquo;", "›", "Dalej &raquo;", "次へ", "次へ &raquo;", "Вперёд &raquo;", "التالي &raquo;",
    "pagination.next", "pagination::messages.next", "Next Page", "Nächste Seite", "N&auml;chste &raquo;",
    "Go to next page", "next >", "Load more", "Next \\", "Next's", "", 'Next <span aria-hidden="true">&raquo;</span>',
]  # fmt: skip


def address(page: int, last: int = 3) -> str | None:
    return f"{HOST}/rows?page={page}" if 1 <= page <= last else None


def buttons(at: int, label: str, last: int = 3, behind: list[Any] | None = None, **more: Any) -> list[Any]:
    numbers = [{"url": address(n), "label": str(n), "active": n == at} | more for n in range(1, last + 1)]
    first = {"url": address(at - 1), "label": "&laquo; Previous", "active": False}
    return [first, *numbers, {"url": address(at + 1, last), "label": label, "active": False}, *(behind or [])]


def served(links: Any, place: str = "links") -> Any:
    """25 rows on three pages; `links` makes the list of one page."""

    def serve(query: Query) -> Any:
        page = int(query.get("page", "1"))
        beside = {"meta": {"links": links(page)}} if place == "meta" else {place: links(page)}
        return {"data": part(page * 10 - 10)} | beside

    return serve


def button(url: str | None, label: str, **more: Any) -> dict[str, Any]:
    return {"url": url, "label": label} | more


FOLLOWED: dict[str, Any] = {
    **{label: lambda page, label=label: buttons(page, label) for label in LABELS},
    "a label that changes": lambda page: buttons(page, "Next &raquo;" if page == 1 else "Weiter"),
    "with the number of the page": lambda page: buttons(page, "Weiter", page=7),
    "with a last one": lambda page: buttons(page, "Weiter", behind=[button(address(3), "Ende", active=False)]),
    "two, without a number": lambda page: [button(None, "&laquo; Previous"), button(address(page + 1), "Next &raquo;")],
    "two, in German": lambda page: [
        button(address(page - 1), "Zurück", active=False), button(address(page + 1), "Weiter &raquo;", active=None)
    ],
}  # fmt: skip


@pytest.mark.parametrize("links", FOLLOWED.values(), ids=FOLLOWED)
@pytest.mark.parametrize("place", ["links", "meta"])
def test_the_button_of_the_next_page_is_found_by_its_place_or_its_word(links: Any, place: str, new_desk: Any) -> None:
    desk = new_desk({"resources": ["rows"]}, served(links, place))
    assert [row["id"] for row in desk.run()] == list(range(1, 26))
    assert desk.warnings == []


UNREAD: dict[str, Any] = {
    "nobody is active": lambda page: [one | {"active": False} for one in buttons(page, "Los!")],
    "the address is another": lambda page: [*buttons(page, "Los!")[:-1], button(f"{HOST}/x", "Los!", active=False)],
    "no button behind the numbers": lambda page: buttons(page, "x")[:-1],
}


@pytest.mark.parametrize("links", UNREAD.values(), ids=UNREAD)
def test_buttons_of_which_none_can_be_read_are_refused(new_desk: Any, links: Any) -> None:
    with pytest.raises(Permanent, match="paginator: single_page"):
        new_desk({"resources": ["rows"]}, served(links)).run()
    assert link_to("next", links(1)) == (UNREADABLE, None)


def test_the_last_page_has_no_button_that_leads_on() -> None:
    assert link_to("next", buttons(3, "次へ")) is None
    assert link_to("next", buttons(1, "Weiter", last=1)) is None
    assert are_links(buttons(1, "Weiter", last=1))


HOOKS = [{"id": i, "label": f"hook {i}", "url": f"https://x.example/{i}", "active": i % 2 == 0} for i in range(7)]
BARE = [{"label": one["label"], "url": one["url"], "active": one["active"]} for one in HOOKS]
NUMBERED = [one | {"label": str(i)} for i, one in enumerate(HOOKS)]
MENU = [{"label": name, "url": f"{HOST}/{name}", "active": True} for name in ("Home", "Next", "About")]

ROWS_ALL_THE_SAME: dict[str, Any] = {
    "webhooks": {"webhooks": HOOKS},
    "as data": {"data": HOOKS},
    "with a total": {"items": HOOKS, "total": 7},
    "without an id": {"webhooks": BARE},
    "with numbers": {"webhooks": NUMBERED},
    "beside others": {"webhooks": HOOKS, "warnings": []},
    "one of them": {"webhooks": HOOKS[:1]},
    "a menu": {"items": MENU},
    "a menu beside rows": {"data": part(0), "total": 10, "menu": MENU},
}


@pytest.mark.parametrize("body", ROWS_ALL_THE_SAME.values(), ids=ROWS_ALL_THE_SAME)
def test_rows_that_look_like_buttons_are_rows(new_desk: Any, body: Any) -> None:
    desk = new_desk({"resources": ["rows"]}, lambda query: body)
    assert len(desk.run()) == len(next(iter(body.values())))
    assert len(desk.asked) == 1
