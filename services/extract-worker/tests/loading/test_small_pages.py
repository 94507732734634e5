"""Small pages are joined: every row once and in order, no position before its rows, and an error loses nothing."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vai_extract_worker import small_pages
from vai_extract_worker.progress import Json
from vai_extract_worker.small_pages import ENOUGH_ROWS, Rows, joined

Pages = list[tuple[Rows, Json | None]]

SIZES = st.lists(st.tuples(st.sampled_from((0, 1, 30, 250, ENOUGH_ROWS, 700)), st.booleans()), max_size=20)


def _pages(sizes: list[tuple[int, bool]]) -> Pages:
    made: Pages = []
    for size, has_place in sizes:
        before = sum(len(rows) for rows, _ in made)
        rows: Rows = [{"n": before + number} for number in range(size)]
        made.append((rows, {"after": before + size} if has_place else None))
    return made


def _numbers(pages: Pages) -> list[int]:
    return [row["n"] for rows, _ in pages for row in rows]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_pages, "steady_seconds", lambda: 0.0)


@pytest.mark.usefixtures("quick")
@given(SIZES)
def test_each_row_comes_once_and_a_position_stands_behind_all_rows_before_it(sizes: list[tuple[int, bool]]) -> None:
    found = list(joined(iter(_pages(sizes))))
    assert _numbers(found) == _numbers(_pages(sizes))
    assert bool(found) == bool(sizes)
    for index, (_, place) in enumerate(found):
        assert place is None or place["after"] == len(_numbers(found[: index + 1]))


@pytest.mark.usefixtures("quick")
@given(SIZES)
def test_what_came_before_an_error_is_kept(sizes: list[tuple[int, bool]]) -> None:
    def pages() -> Iterator[tuple[Rows, Json | None]]:
        yield from _pages(sizes)
        raise ConnectionError("cut")

    found: Pages = []
    with pytest.raises(ConnectionError):
        found.extend(joined(pages()))  # a list keeps what came before the error
    assert _numbers(found) == _numbers(_pages(sizes))


@pytest.mark.usefixtures("quick")
def test_quick_pages_are_joined() -> None:
    assert [len(rows) for rows, _ in joined(iter(_pages([(30, True)] * 40)))] == [510, 510, 180]


def test_a_page_that_comes_late_waits_for_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(1_000))
    monkeypatch.setattr(small_pages, "steady_seconds", lambda: float(next(moments)))
    assert [len(rows) for rows, _ in joined(iter(_pages([(30, True)] * 3)))] == [30, 30, 30]
