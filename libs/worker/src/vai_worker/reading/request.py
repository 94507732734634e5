"""The request to a reading process: one line of JSON, which the gateway writes and the process reads."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

What = Literal["preview", "profile", "parquet", "csv"]


@dataclass(frozen=True)
class Request:
    """One table of an organisation's lake, and what is wanted of it.

    `files` are bronze's, `location` is a Delta table's; without either the table has no rows. `rows` is for a preview,
    `column` for a profile.
    """

    what: What
    lake_url: str
    org_id: str
    dataset: str
    files: Sequence[str] = ()
    location: str | None = None
    columns: Sequence[dict[str, str]] = ()
    version: int | None = None
    rows: int = 20
    column: str = ""

    def written(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> "Request":
        return cls(**json.loads(line))
