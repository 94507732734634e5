"""Pages whose rows differ by what all of them share: of other periods, or one page over and over that says the time."""

from calendar import month_name
from itertools import count
from typing import Any

import pytest
import requests

from vai_common.errors import Permanent
from vai_extract_worker.paging.repeats import Repeats

Query = dict[str, str]

NAMES = list(month_name)[1:]
TURKISH = [
    "Ocak",
    "Şubat",
    "Mart",
    "Nisan",
    "Mayıs",
    "Haziran",
    "Temmuz",
    "Ağustos",
    "Eylül",
    "Ekim",
    "Kasım",
    "Aralık",
]
PERIODS: dict[str, Any] = {
    "month, as ISO": lambda page: {"month": f"2026-{page:02}"},
    "month, 1 to 12": lambda page: {"month": page},
    "month and year": lambda page: {"period": {"month": (page + 5) % 12 + 1, "year": 2026 + (page + 5) // 12}},
    "month, back": lambda page: {"month": f"2026-{13 - page:02}"},
    "month by name": lambda page: {"month": NAMES[page - 1]},
    "month by name and year": lambda page: {"label": f"{NAMES[page - 1][:3]} 2026"},
    "year_month": lambda page: {"year_month": 202600 + page},
    "yearMonth": lambda page: {"yearMonth": 202600 + page},
    "period as digits": lambda page: {"period": f"{202600 + page}"},
    "the first of each month": lambda page: {"date": f"2026-{page:02}-01"},
    "the first, as a number": lambda page: {"date": 20260001 + page * 100},
    "begin of the month": lambda page: {"period_start": f"2026-{page:02}-01T00:00:00Z", "month": page},
    "the first, in German": lambda page: {"Datum": f"01.{page:02}.2026"},
    "the first, in the US": lambda page: {"date": f"{page:02}/01/2026"},
    "quarter": lambda page: {"quarter": f"{2024 + (page - 1) // 4}-Q{(page - 1) % 4 + 1}"},
    "quarter first": lambda page: {"q": f"Q{(page - 1) % 4 + 1} {2024 + (page - 1) // 4}"},
    "quarter and year": lambda page: {"quarter": (page - 1) % 4 + 1, "year": 2024 + (page - 1) // 4},
    "week": lambda page: {"week": f"2026-W{page:02}"},
    "year": lambda page: {"fiscalYear": 2000 + page},
    "year as text": lambda page: {"attributes": {"year": f"{2000 + page}"}},
    "half": lambda page: {"half": f"H{(page - 1) % 2 + 1} {2020 + (page - 1) // 2}"},
    "half, as Eurostat": lambda page: {"period": f"{2020 + (page - 1) // 2}-S{(page - 1) % 2 + 1}"},
    "quarter of a short year": lambda page: {"quarter": f"Q{(page - 1) % 4 + 1}/{24 + (page - 1) // 4}"},
    "quarter, its number first": lambda page: {"quarter": f"{(page - 1) % 4 + 1}Q{24 + (page - 1) // 4}"},
    "month with M": lambda page: {"period": f"2026M{page:02}"},
    "fiscal year, short": lambda page: {"fy": f"FY{10 + page}"},
    "ay": lambda page: {"ay": TURKISH[page - 1]},
    "Monat": lambda page: {"Monat": page},
}
"""Periods for certain: no request moves them."""

MAY_BE: dict[str, Any] = {
    "a day": lambda page: {"day": f"2026-01-{page:02}T00:00:00Z"},
    "a date": lambda page: {"date": f"2026-01-{page:02}"},
    "a day by number": lambda page: {"day": page},
    "a column of any name": lambda page: {"d": f"2026-{page:02}-01 00:00:00"},
    "months of which some are left out": lambda page: {"month": 202600 + page + page // 6 + 88 * (page > 11)},
    "a month beside a time": lambda page: {"month": page, "generated_at": f"2026-01-01T00:00:{page:02}.5Z"},
    "a month of something": lambda page: {"created_month": f"2026-{page:02}"},
}
"""Periods, or what moves by a day with each request."""

MOVES: dict[str, Any] = {
    **{
        name: lambda page, name=name: {name: f"2026-01-{page:02}"}
        for name in (
            "valid_until", "as_of", "asOf", "generated_on", "expires", "expiry_date", "updated", "lastUpdated",
            "fetched", "snapshot_date", "dueDate", "next_update", "today", "cached_until", "current_date",
        )
    },
    "as_of with a time": lambda page: {"as_of": f"2026-01-{page:02}T00:00:00Z"},
    "valid by the month": lambda page: {"valid_from": f"2026-{page:02}-01"},
    "a request's number": lambda page: {"request": f"{1000 + page // 90}-{10 + page % 90}"},
    "a number like a month": lambda page: {"code": f"1000-{page:02}"},
    "a year of no calendar": lambda page: {"month": f"0999-{page:02}"},
    "a month of no calendar": lambda page: {"month": f"2026-{page + 12:02}"},
    "a counter": lambda page: {"calls_per_day": page},
    "a counter by another name": lambda page: {"version": page},
    "a counter like a month": lambda page: {"serial": 202600 + page},
    "seconds": lambda page: {"period_end": 1_795_942_013 + page},
    "days of no order": lambda page: {"date": f"2026-{page * 7 % 12 + 1:02}-{page * 11 % 28 + 1:02}"},
    "a sample of no year": lambda page: {"sample": f"S{page}"},
    "a half of no calendar": lambda page: {"half": f"0999-H{page % 2 + 1}"},
    "the time of a day": lambda page: {"day": f"2026-01-01T00:00:{page:02}Z"},
    "days with a time of their own": lambda page: {"day": f"2026-01-{page:02}T10:2{page % 7}:11Z"},
    "a month that turns back": lambda page: {"month": [1, 2, 1][page % 3]},
    "an id beside a date": lambda page: {"trace": f"{page}f{page}", "as_of": f"2026-01-{page:02}"},
}  # fmt: skip
"""Facts about the answer: the rows are the same."""

NAMED: Any = {"type": "page_number", "total_path": "pages"}
IDS: list[Any] = [lambda i: {"id": i}, lambda i: {"account": f"a{i}"}, lambda i: {"state": i}]
GUESSED = pytest.mark.parametrize("is_guessed", [True, False])


def page_of(rows: Any, beside: Any, page: int) -> list[Any]:
    """The same rows on each page, with something of the page in each of them."""
    return [rows(i) | {"fee": 9.9} | beside(page) for i in range(5)]


def looked_at(rows: Any, beside: Any, is_guessed: bool, keys: list[str] | None = None) -> Repeats:
    """Twelve pages. Raises `Permanent` where they are one page over and over."""
    repeats, response = Repeats(keys or []), requests.Response()
    for page in range(1, 13):
        found = page_of(rows, beside, page)
        repeats.look(response, found, is_guessed)
        repeats.lead_on(response, len(found), page < 12, 12)
    return repeats


@pytest.mark.parametrize("period", PERIODS)
@GUESSED
def test_pages_of_a_constant_fee_differ_by_their_period(period: str, is_guessed: bool) -> None:
    for rows in IDS:
        assert not looked_at(rows, PERIODS[period], is_guessed).is_doubtful


@pytest.mark.parametrize("period", MAY_BE)
@GUESSED
def test_pages_that_may_be_the_same_are_told_of(period: str, is_guessed: bool) -> None:
    for rows in IDS:
        assert looked_at(rows, MAY_BE[period], is_guessed).is_doubtful


@pytest.mark.parametrize("fact", MOVES)
@GUESSED
def test_what_moves_with_each_request_makes_no_new_page(fact: str, is_guessed: bool) -> None:
    for rows in IDS:
        with pytest.raises(Permanent, match="same page over and over"):
            looked_at(rows, MOVES[fact], is_guessed)


@pytest.mark.parametrize("moves", [PERIODS, MAY_BE, MOVES])
def test_the_primary_key_decides_what_a_page_is(moves: dict[str, Any]) -> None:
    for beside in moves.values():
        with pytest.raises(Permanent, match="over and over"):
            looked_at(IDS[0], beside, False, ["id"])
    for name in ("month", "year_month", "as_of"):
        assert not looked_at(IDS[0], lambda page, name=name: {name: page}, False, ["id", name]).is_doubtful


@pytest.mark.parametrize("paginator", ["auto", NAMED])
@pytest.mark.parametrize(
    ("beside", "warnings"),
    [(PERIODS["month by name"], []), (MAY_BE["a day"], ["paging_repeats"]), (MOVES["as_of"], None)],
)
def test_a_run_of_such_pages_is_green_or_warns_or_fails(
    new_desk: Any, beside: Any, warnings: list[str] | None, paginator: Any
) -> None:
    def serve(query: Query) -> Any:
        page = int(query.get("page", 1))
        return {"page": page, "pages": 12, "data": page_of(IDS[0], beside, page)}

    desk = new_desk({"resources": ["rows"], "paginator": paginator, "slice_rows": 5}, serve)
    if warnings is None:
        with pytest.raises(Permanent, match="over and over"):
            desk.run()
        assert len(desk.asked) == 2
    else:
        assert len(desk.run()) == 60
        assert desk.warnings == warnings


@pytest.mark.parametrize(
    ("beside", "is_same"),
    [(MOVES["as_of"], True), (PERIODS["month, 1 to 12"], False), (lambda page: {"v": page}, False)],
)
def test_a_page_of_one_row_with_nothing_new_but_a_fact_is_the_same_page(beside: Any, is_same: bool) -> None:
    repeats, response = Repeats([]), requests.Response()

    def look() -> None:
        for page in range(1, 13):
            repeats.look(response, [{"state": "s0", "fee": 9.9} | beside(page)], False)
            repeats.lead_on(response, 1, page < 12, 12)

    if is_same:
        with pytest.raises(Permanent, match="over and over"):
            look()
    else:
        look()
        assert not repeats.is_doubtful


def test_rows_that_are_numbered_anew_on_each_page_are_other_rows() -> None:
    repeats = Repeats([])
    for page in range(1, 6):
        rows = [{"position": i, "name": f"n{page}{i}", "price": page * i, "at": f"{page}:{i}"} for i in range(1, 6)]
        repeats.look(requests.Response(), rows, False)
        repeats.lead_on(requests.Response(), 5, page < 5, None)
    assert not repeats.is_doubtful


def test_a_month_after_the_twelfth_is_the_same_page(new_desk: Any) -> None:
    serve = lambda query: {"data": [{"id": i, "month": int(query["page"])} for i in range(5)]}  # noqa: E731
    desk = new_desk({"resources": ["rows"], "paginator": "page_number"}, serve)
    with pytest.raises(Permanent, match="over and over"):
        desk.run()
    assert len(desk.asked) == 13


@pytest.mark.parametrize("kills", [(), (3,), (2, 3)])
@pytest.mark.parametrize("rows", [lambda i: {"id": i}, lambda i: {"code": i}])
def test_the_same_rows_with_something_new_in_each_are_told_of(new_desk: Any, rows: Any, kills: tuple[int, ...]) -> None:
    """A signed link in each row: a source that heeds the page may answer so, and one that does not."""
    now = count()
    serve = lambda query: {  # noqa: E731
        "pages": 12, "data": [rows(i) | {"link": f"x?sig={next(now)}"} for i in range(5)]
    }  # fmt: skip
    desk = new_desk({"resources": ["rows"], "paginator": NAMED, "slice_rows": 5}, serve)
    assert len(desk.run(*kills)) == 60
    assert "paging_repeats" in desk.warnings
