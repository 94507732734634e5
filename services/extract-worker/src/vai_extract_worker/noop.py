"""The source `noop` (decision 34): extracts nothing, in the worker's own process. For checking and measuring the path
of a run.
"""

from typing import Any

from vai_worker.owned import Owned


async def noop(run: Owned) -> dict[str, Any]:
    """The result of an extraction of nothing."""
    return {
        "recordsProcessed": 0,
        "bytesTransferred": 0,
        "tables": [],
        "artifacts": [],
        "destination_path": None,
        "per_resource_rows": {},
        "failed_resources": [],
    }
