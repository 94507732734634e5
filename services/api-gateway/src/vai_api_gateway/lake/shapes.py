"""The shapes of answers about datasets, and how rows become them."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from vai_api_gateway.http.shapes import Json, Shape
from vai_common.queries import Row
from vai_records.lake.columns import Ways
from vai_records.lake.upkeep_rules import rule_of

Layer = Literal["bronze", "silver", "gold"]


class ColumnShape(Shape):
    """A column; the type by DuckDB's name, `NULL` while the column has held nothing else."""

    name: str
    type: str


class NamedShape(Shape):
    """An action, an automation or a connection. `name` is null where it is gone."""

    id: UUID | None
    name: str | None


class WriteShape(Shape):
    """What a run wrote. `rows` are those that it brought; `tableRows` and `version` are of a table of silver or gold.

    `resource` and `connection` are of bronze. `changes` are columns that were added, dropped or retyped; `checks` is
    what the transform's checks found.
    """

    run_id: UUID
    written_at: datetime
    rows: int
    bytes: int
    version: int | None
    table_rows: int | None
    resource: str | None
    connection: NamedShape | None
    action: NamedShape | None
    automation: NamedShape | None
    automation_run_id: UUID | None
    changes: list[Json]
    checks: list[Json]


class DatasetShape(Shape):
    """A table of the lake. `secondsOld`: how long ago a run wrote it last. `lastWrite` is null for older tables."""

    id: UUID
    layer: Layer
    name: str
    row_count: int
    column_count: int
    version: int | None
    created_at: datetime
    updated_at: datetime
    seconds_old: float
    last_write: WriteShape | None


class ReaderShape(Shape):
    """A table that is made of this one, and the run that read it last."""

    id: UUID
    name: str
    run_id: UUID
    read_at: datetime
    action: NamedShape | None
    automation: NamedShape | None


class KeptShape(Shape):
    """Small files are put together; an earlier version of silver and gold can be read for so many hours."""

    compact: bool
    keep_hours: int


class UpkeepDoneShape(Shape):
    """What upkeep did last: so many files became so many, and so many of old versions were removed."""

    at: datetime
    seconds: float
    compacted: int | None
    into: int | None
    removed: int | None
    error: str | None


class UpkeepShape(Shape):
    """The upkeep of a table, by the organisation's settings; `last` is null until the first time."""

    rule: KeptShape
    last: UpkeepDoneShape | None


class DatasetDetailShape(DatasetShape):
    """`bytes` and `files` are those that readers see; null where they are not known."""

    columns: list[ColumnShape]
    bytes: int | None
    files: int | None = Field(description="Of bronze")
    location: str = Field(description="In the lake")
    read_by: list[ReaderShape]
    upkeep: UpkeepShape


class DatasetsShape(Shape):
    datasets: list[DatasetShape]
    has_next: bool
    limit: int
    offset: int
    total: int


class VersionsShape(Shape):
    versions: list[WriteShape]
    has_next: bool
    limit: int
    offset: int
    total: int


class NodeShape(Shape):
    """A table, or what fills a table of bronze: a resource of a source."""

    id: str
    type: Literal["dataset", "source"]
    name: str
    layer: Layer | None
    row_count: int | None
    seconds_old: float | None
    connection: NamedShape | None


class EdgeShape(Shape):
    """Rows go from one node to the other; `runId` is the run that carried them last."""

    source: str
    target: str
    run_id: UUID
    at: datetime
    action: NamedShape | None
    automation: NamedShape | None


class ColumnPairShape(Shape):
    """`targetColumn` of the table `target` comes from `sourceColumn` of `source`: as it is, by an expression, or by an
    aggregation.
    """

    source: str
    source_column: str
    target: str
    target_column: str
    how: Literal["identity", "transformation", "aggregation"]


class UnknownColumnsShape(Shape):
    """Columns of a table whose sources are not known. `reason` where that is so for all that a query gives."""

    dataset: str
    columns: list[str]
    reason: str | None


class LineageShape(Shape):
    """`complete` is false where more lies beyond the depth, or there are more than 500 tables or 20,000 pairs of
    columns. `columns` and `unknownColumns` are null where they were not asked for.
    """

    nodes: list[NodeShape]
    edges: list[EdgeShape]
    complete: bool
    columns: list[ColumnPairShape] | None
    unknown_columns: list[UnknownColumnsShape] | None


def named(identity: Any, name: str | None) -> Json | None:
    return None if identity is None else {"id": identity, "name": name}


def _automation(row: Row) -> Json | None:
    return None if row["automation_run_id"] is None else {"id": row["automation_id"], "name": row["automation_name"]}


def write_json(row: Row) -> Json:
    return {
        "runId": row["run_id"],
        "writtenAt": row["written_at"],
        "rows": row["rows"],
        "bytes": row["bytes"],
        "version": row["delta_version"],
        "tableRows": row["table_rows"],
        "resource": row["resource"] or None,
        "connection": named(row["connection_id"], row["connection_slug"]),
        "action": named(row["action_id"], row["action_name"]),
        "automation": _automation(row),
        "automationRunId": row["automation_run_id"],
        "changes": row["changes"],
        "checks": row["checks"],
    }


def upkeep_json(row: Row, settings: Json) -> Json:
    rule = rule_of(settings, row["name"])
    names = ("at", "seconds", "compacted", "into", "removed", "error")
    last = row["upkeep"] and {name: row["upkeep"].get(name) for name in names}
    return {"rule": {"compact": rule.compact, "keepHours": rule.keep_hours}, "last": last}


def dataset_json(row: Row) -> Json:
    return {
        "id": row["id"],
        "layer": row["layer"],
        "name": row["name"],
        "rowCount": row["row_count"],
        "columnCount": len(row["columns"]),
        "version": row["delta_version"],
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
        "secondsOld": round(row["age"], 3),
        "lastWrite": None if row["run_id"] is None else write_json(row),
    }


def reader_json(row: Row) -> Json:
    return {
        "id": row["output_id"],
        "name": row["name"],
        "runId": row["run_id"],
        "readAt": row["read_at"],
        "action": named(row["action_id"], row["action_name"]),
        "automation": _automation(row),
    }


def table_node(row: Row) -> Json:
    return {
        "id": str(row["id"]),
        "type": "dataset",
        "name": row["name"],
        "layer": row["layer"],
        "rowCount": row["row_count"],
        "secondsOld": round(row["age"], 3),
        "connection": None,
    }


def source_node(row: Row) -> Json:
    """A resource of a source, as one connection gives it."""
    return {
        "id": _source_id(row),
        "type": "source",
        "name": f"{row['source']}: {row['resource']}",
        "layer": None,
        "rowCount": None,
        "secondsOld": None,
        "connection": named(row["connection_id"], row["connection_slug"]),
    }


def _source_id(row: Row) -> str:
    return f"source:{row['source']}:{row['connection_id'] or 'none'}:{row['resource']}"


def read_edge(row: Row) -> Json:
    return {"source": str(row["input_id"]), "target": str(row["output_id"])} | _carried(row, row["read_at"])


def load_edge(row: Row) -> Json:
    return {"source": _source_id(row), "target": str(row["dataset_id"])} | _carried(row, row["written_at"])


def columns_json(found: Ways) -> Json:
    pairs = [
        {
            "source": str(each.input_id),
            "sourceColumn": each.input,
            "target": str(each.output_id),
            "targetColumn": each.output,
            "how": each.how,
        }
        for each in found.pairs
    ]
    unknown = [
        {"dataset": str(each.dataset_id), "columns": each.columns, "reason": each.reason} for each in found.unknown
    ]
    return {"columns": pairs, "unknownColumns": unknown}


def _carried(row: Row, at: datetime) -> Json:
    return {
        "runId": row["run_id"],
        "at": at,
        "action": named(row["action_id"], row["action_name"]),
        "automation": _automation(row),
    }
