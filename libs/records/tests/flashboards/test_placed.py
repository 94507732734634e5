"""Where tiles stand on the page, if their widths are not said."""

import pytest

from vai_records.flashboards.tiles import placed

SORTS = {"n": "number", "c": "chart", "t": "table", "w": "text"}


def widths(sorts: str, layout: list[list[str]] | None = None, **given: int) -> list[int]:
    tiles = [{"key": f"{sort}{n}", "type": SORTS[sort]} for n, sort in enumerate(sorts)]
    tiles = [tile | ({"width": given[tile["key"]]} if tile["key"] in given else {}) for tile in tiles]
    return [width for _, width in placed(tiles, layout or [])]


@pytest.mark.parametrize(
    ("sorts", "told"),
    [
        ("n", [12]),
        ("nnnn", [3, 3, 3, 3]),
        ("nnnnn", [4, 4, 4, 6, 6]),
        ("nnncct", [4, 4, 4, 6, 6, 12]),
        ("nc", [12, 12]),
        ("ccc", [6, 6, 12]),
        ("nnnnnnnnn", [4] * 9),
        ("twt", [12, 12, 12]),
        ("", []),
    ],
)
def test_rows_are_full_and_numbers_have_rows_of_their_own(sorts: str, told: list[int]) -> None:
    assert widths(sorts) == told


def test_whoever_gives_a_width_says_the_others_too() -> None:
    assert widths("nnct", n0=4) == [4, 3, 6, 12]


def test_rows_of_a_layout_come_first_and_the_rest_is_filled() -> None:
    assert widths("ncn", [["c1", "n0"]]) == [6, 6, 12]
