"""Joins small pages that come quickly: to type a page of 30 rows takes nearly as long as one of 500."""

from collections.abc import Iterator
from typing import Any

from vai_common.clock import steady_seconds
from vai_extract_worker.progress import Json

Rows = list[dict[str, Any]]

ENOUGH_ROWS = 500
LONGEST_SECONDS = 0.1
"""A page that comes later than this after the last rows were passed on does not wait for another one."""


def joined(pages: Iterator[tuple[Rows, Json | None]]) -> Iterator[tuple[Rows, Json | None]]:
    """Rows of one or more pages, and the position after the last of them. If a page fails, those before it come first.

    A page without a position is not joined to one with a position.
    """
    kept: tuple[Rows, Json | None] | None = None
    since = steady_seconds()
    while True:
        try:
            page = next(pages, None)
        except Exception:
            if kept:
                yield kept
            raise
        if kept and (page is None or (page[1] is None) != (kept[1] is None)):
            yield kept
            kept = None
        if page is None:
            return
        kept = ([*kept[0], *page[0]], page[1]) if kept else page
        if len(kept[0]) >= ENOUGH_ROWS or steady_seconds() - since >= LONGEST_SECONDS:
            yield kept
            kept, since = None, steady_seconds()
