"""Collects the rows of a client library into pages of a few megabytes, however wide the rows are."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import pyarrow as pa

Row = tuple[Any, ...]

_PAGE_BYTES: Final = 4 * 1024 * 1024
_MOST_ROWS: Final = 20_000
_STEP: Final = 500
_STEP_BYTES: Final = 1024 * 1024


def pages(
    fetch: Callable[[int], Sequence[Row]],
    array: Callable[[int, list[Any]], pa.Array],
    joined: Callable[[list[pa.Array]], pa.ChunkedArray] = pa.chunked_array,
) -> Iterator[tuple[list[pa.ChunkedArray], int]]:
    """The columns of each page, and the page's bytes. `fetch(n)` returns up to n rows, none at the end. `array` makes
    an Arrow column from values and the column's number, `joined` one of several. Few wide rows are fetched at once.
    """
    parts: list[list[pa.Array]] = []
    size = rows = 0
    step = _STEP // 10
    while got := fetch(step):
        arrays = [array(number, list(values)) for number, values in enumerate(zip(*got, strict=True))]
        parts.append(arrays)
        bytes_ = sum(one.nbytes for one in arrays)
        size, rows = size + bytes_, rows + len(got)
        step = max(1, min(_STEP * 4, 2 * step, _STEP_BYTES * len(got) // max(bytes_, 1)))
        if size >= _PAGE_BYTES or rows >= _MOST_ROWS:
            yield _columns(parts, joined), size
            parts, size, rows = [], 0, 0
    if parts:
        yield _columns(parts, joined), size


def _columns(parts: list[list[pa.Array]], joined: Callable[[list[pa.Array]], pa.ChunkedArray]) -> list[pa.ChunkedArray]:
    return [joined(list(chunks)) for chunks in zip(*parts, strict=True)]
