"""What a transform says of itself while it works: its start, its end and its progress."""

from typing import Any

from vai_records.definitions.duckdb_transform import DuckdbTransform
from vai_transform_worker.interruption import Watch
from vai_transform_worker.table.delta import Written


def started(watch: Watch, definition: DuckdbTransform) -> None:
    name, inputs = definition.transform_name, [each.dataset for each in definition.inputs]
    data = {"transform": name, "layer": definition.output_layer, "mode": definition.mode, "inputs": inputs}
    if definition.engine != "duckdb":
        data["engine"] = definition.engine
    watch.log("transform_started", f"Starting transform {name} ({definition.mode})", data)
    watch.progress(progress(name, done=False))


def ended(watch: Watch, name: str, written: Written) -> None:
    data = {
        "transform": name,
        "rows": written.rows,
        "table_rows": written.table_rows,
        "bytes": written.size,
        "version": written.version,
        "duration_seconds": watch.seconds,
    }
    watch.progress(progress(name, done=True))
    rows = f"{written.rows:,} row" if written.rows == 1 else f"{written.rows:,} rows"
    watch.log("transform_completed", f"Completed {name}: {rows}", data)


def progress(name: str, done: bool) -> dict[str, Any]:
    return {
        "schema_version": 2,
        "resources_order": [name],
        "completed_resources": [name] if done else [],
        "failed_resources": [],
        "in_progress_resource": None if done else name,
        "resource_cursors": {},
    }
