"""Globs of strangers: what they mean, and that no path makes the matching slow."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vai_transform_worker.query.literal_paths import Pattern


def means(pattern: str, path: str) -> bool:
    """The same by all ways at once: the places in the pattern at which one may stand after each character."""
    places = skipping(pattern, {0})
    for found in path:
        after = set()
        for place in places:
            wanted = pattern[place : place + 1]
            if wanted == "*" and (found != "/" or is_any(pattern, place)):
                after.add(place)
            elif wanted == found or (wanted == "?" and found != "/"):
                after.add(place + 1)
        if len(pattern) in places and found == "/":
            return True
        places = skipping(pattern, after)
    return len(pattern) in places


def is_any(pattern: str, place: int) -> bool:
    return "**" in pattern[max(0, place - 1) : place + 2]


def skipping(pattern: str, places: set[int]) -> set[int]:
    todo, found = list(places), set(places)
    while todo:
        place = todo.pop()
        if pattern[place : place + 1] == "*" and place + 1 not in found:
            found.add(place + 1)
            todo.append(place + 1)
    return found


LETTERS = st.sampled_from(["a", "b", "/", "*", "?", "**"])


@given(
    st.lists(LETTERS, max_size=9).map("".join).filter(lambda pattern: "**/" not in pattern),
    st.text("ab/", max_size=12),
)
@example("a*b**a", "abb/a")
@example("*a*b*", "aab/ab")
@example("**a*b", "a/ab")
def test_a_glob_means_what_it_would_by_trying_every_way(pattern: str, path: str) -> None:
    assert Pattern(pattern).matches(path) == means(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("o/bronze/**/x.parquet", "o/bronze/x.parquet", True),
        ("o/bronze/**/x.parquet", "o/bronze/a/b/x.parquet", True),
        ("o/bronze/**/x.parquet", "o/bronze/a/bx.parquet", False),
        ("o/**/a/**/b*.parquet", "o/x/a/a/bc.parquet", True),
        ("o/**/a/**/b*.parquet", "o/x/b/bc.parquet", False),
        ("o/*/b", "o/a/c/b", False),
        ("o/?/b", "o/a/b", True),
        ("o/bronze", "o/bronze/a", True),
        ("o/bronze", "o/bronzes/a", False),
        ("o/b*", "o/bronze/a/b", True),
        ("o/b**", "o/bronze/a/b", True),
        ("o/[b-c]*", "o/b", False),
        ("o/***/x", "o/a/x", True),
    ],
)
def test_what_globs_mean(pattern: str, path: str, fits: bool) -> None:
    assert Pattern(pattern).matches(path) is fits


@pytest.mark.parametrize(
    "glob",
    [
        "**" * 14 + "zzz",
        "**a" * 31 + "z",
        "*a" * 31 + "z",
        "**/" * 31 + "z",
        "**/a*" * 15 + "z",
        "?*" * 15 + "z",
        "a**/*" * 10,
    ],
)
def test_a_hostile_glob_costs_next_to_nothing(glob: str) -> None:
    path = "a/" + "a" * 400 + "/aa" * 100
    pattern, began = Pattern("a/" + glob), time.process_time()
    for _ in range(20):
        pattern.matches(path)
    assert time.process_time() - began < 2  # some milliseconds; with backtracking: hours


@pytest.mark.parametrize(("path", "words"), [("a" * 1_025, "1,025 characters"), ("*a" * 33, "33 wildcards")])
def test_a_path_has_bounds(path: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Pattern(path)
