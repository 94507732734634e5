"""Rows that cannot be read: either an error that says where, or rows of the table `<table>_rejects`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from vai_common.errors import ErrorCode, Permanent

Json = dict[str, Any]

_LONGEST = 64 * 1024
"""How many characters of a rejected row are kept."""


@dataclass(frozen=True)
class Reject:
    """A row as it stands in its file, its first line, and what is wrong with it (without any value of the row)."""

    line: int
    reason: str
    row: str


@dataclass(frozen=True)
class Read:
    """Rows that were read from a file, and the position from which reading can continue after them."""

    table: pa.Table
    at: Json | None = None
    rejects: Sequence[Reject] = field(default=())


def unfit_reason(column: str, kind: str) -> str:
    """Why a row with a value that its declared type cannot hold is rejected."""
    return f"the column {column} is declared {kind}, and its value does not fit"


def refused(path: str, rejects: Sequence[Reject]) -> Permanent:
    """The error for rows that cannot be read, if the resource does not say that they are put aside."""
    first = min(rejects, key=lambda reject: reject.line)
    text = (
        f"{path}, line {first.line}: {first.reason}. Correct the file, or set on_bad_row to reject, which keeps "
        "such rows in a table of their own."
    )
    return Permanent(ErrorCode.DATA_ERROR, text, {"file": path, "line": first.line})


def table_of_rejects(path: str, rejects: Sequence[Reject]) -> pa.Table:
    """Rejects as rows: file, line, reason, row."""
    return pa.table(
        {
            "file": pa.array([path] * len(rejects), pa.string()),
            "line": pa.array([reject.line for reject in rejects], pa.int64()),
            "reason": pa.array([reject.reason for reject in rejects], pa.string()),
            "row": pa.array([reject.row[:_LONGEST] for reject in rejects], pa.string()),
        }
    )
