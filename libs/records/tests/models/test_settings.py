"""What an organisation says about models."""

import pytest

from vai_records.models.settings import ModelSettings


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/bc", False),
        ("a/*", "a/", True),
        ("a/*", "a/b/c:1", True),
        ("a/*", "ab/c", False),
        ("*/b", "a/b", True),
        ("a/b*b", "a/b", False),
        ("a/b*b", "a/bb", True),
        ("a/x*y*z", "a/x-y-y-z", True),
        ("a/x*y*z", "a/x-z-y", False),
        ("a/**", "a/b", True),
        ("a/m[1]", "a/m[1]", True),
        ("a/m[1]", "a/m1", False),
        ("a/m?", "a/m?", True),
        ("a/m?", "a/mx", False),
        ("A/m", "a/m", False),
        ("a/" + "*a" * 190, "a/" + "a" * 290 + "b", False),
    ],
)
def test_only_the_star_stands_for_other_text(pattern: str, name: str, fits: bool) -> None:
    assert ModelSettings(allowed=[pattern]).allows(name) is fits


def test_no_list_allows_all_and_an_empty_one_nothing() -> None:
    assert ModelSettings().allows("a/b")
    assert not ModelSettings(allowed=[]).allows("a/b")
