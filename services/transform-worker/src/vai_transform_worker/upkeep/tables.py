"""Compacts a Delta table, and removes the files that only versions hold which are too old to be read."""

from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from vai_transform_worker.table import file_columns
from vai_worker.lake.places import Lake

FEWEST = 8
"""Small files that are worth a new version."""

SMALL_BYTES = 16 << 20
TARGET_BYTES = 128 << 20

Json = dict[str, Any]

_ONCE = CommitProperties(max_commit_retries=0)
"""As exactly the next version: whatever was written in between refuses it, and it is tried at the next turn."""


def compact(lake: Lake, location: str) -> Json:
    """{version, compacted, into}; empty where there is no table. A commit that tidies up carries no write epoch."""
    table = _opened(lake, location)
    if table is None:
        return {}
    sizes = pa.table(table.get_add_actions(flatten=True))["size_bytes"].to_pylist()
    found: Json = {"compacted": 0, "into": 0}
    if sum(size < SMALL_BYTES for size in sizes) >= FEWEST:
        try:
            made = table.optimize.compact(
                target_size=TARGET_BYTES,
                max_concurrent_tasks=1,
                writer_properties=file_columns.properties(pa.schema(table.schema().to_arrow())),
                commit_properties=_ONCE,
            )
        except CommitFailedError:  # a writer was here meanwhile
            return {"version": table.version(), **found}
        found = {"compacted": made["numFilesRemoved"], "into": made["numFilesAdded"]}
        table.create_checkpoint()
    return {"version": table.version(), **found}


def remove_old(lake: Lake, location: str, keep_hours: int) -> Json:
    """{version, removed}: files that no version of the last hours holds, and what lost writers have left."""
    table = _opened(lake, location)
    if table is None:
        return {}
    how: Json = {"retention_hours": keep_hours, "enforce_retention_duration": False, "full": True}
    old = table.vacuum(dry_run=True, **how)
    if old:
        table.vacuum(dry_run=False, commit_properties=_ONCE, **how)
    return {"version": table.version(), "removed": len(old)}


def _opened(lake: Lake, location: str) -> DeltaTable | None:
    try:
        return DeltaTable(lake.address(location), storage_options=lake.options() or None)
    except TableNotFoundError:
        return None
