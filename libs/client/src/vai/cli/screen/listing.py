"""A list of things, as every noun prints it."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TypeVar

from rich.text import Text

from vai.models.answers import Answer

from . import show

A = TypeVar("A", bound=Answer)

PAGE = 100
LIMIT = 20
"""How many a list shows where nothing else is said."""


def page_of(limit: int) -> int:
    """How many to ask for at once."""
    return min(limit, PAGE)


def print_list(
    every: Iterable[A], limit: int, columns: Sequence[show.Column], row: Callable[[A], tuple[str | Text, ...]]
) -> None:
    """The first `limit` of `every`, as a table or for programs."""
    found = list(islice(every, limit))
    if not show.data([each.raw for each in found]):
        show.print_table(show.output(), columns, map(row, found))
