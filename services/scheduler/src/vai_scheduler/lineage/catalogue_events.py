"""One event of the journal as an OpenLineage event, by the classes of OpenLineage's own client library.

It says names, columns, numbers and an error's code: no row, no SQL, no text of an error, no address of a source
(decision 77).
"""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, Final
from uuid import UUID

from openlineage.client import facet_v2 as facets
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent
from openlineage.client.event_v2 import RunState as State
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    dataset_version_dataset,
    error_message_run,
    job_type_job,
    output_statistics_output_dataset,
    parent_run,
    processing_engine_run,
    schema_dataset,
)
from openlineage.client.serde import Serde

from vai_common.queries import Row
from vai_records.lake.lineage_news import Facts

PRODUCER: Final = "https://vai.example/source"

_STATES: Final = {
    "action.started": State.START,
    "action.completed": State.COMPLETE,
    "action.failed": State.FAIL,
    "action.cancelled": State.ABORT,
}
_HOW: Final = {"identity": "IDENTITY", "transformation": "TRANSFORMATION", "aggregation": "AGGREGATION"}


def written_out(event: RunEvent) -> bytes:
    """As JSON."""
    return Serde.to_json(event).encode()


def key_of(event: RunEvent) -> bytes:
    """Events of one job stay in order: the key is that of the library's own Kafka transport."""
    parent: Any = (event.run.facets or {}).get("parent")
    job = parent.job if parent is not None else event.job
    return f"run:{job.namespace}/{job.name}".encode()


def event_of(facts: Facts, namespace: str, public_url: str) -> RunEvent:
    """The OpenLineage event of an event of the journal. `namespace` is the installation's."""
    facets.set_producer(PRODUCER)
    event = facts.event
    place = f"{namespace}/{event['org_slug']}"
    state = _STATES[event["type"]]
    if state is State.START and event["data"].get("attempt", 1) > 1:
        state = State.RUNNING
    inputs, outputs = _moved(facts, place)
    return RunEvent(
        eventTime=event["occurred_at"].isoformat(),
        producer=PRODUCER,
        eventType=state,
        run=Run(str(event["subject_id"]), _run_facets(event, place, public_url)),
        job=Job(place, _job_name(event), {"jobType": job_type_job.JobTypeJobFacet("BATCH", "VAI", event["kind"])}),
        inputs=inputs,
        outputs=outputs,
    )


def _run_facets(event: Row, place: str, public_url: str) -> dict[str, facets.RunFacet]:
    engine = processing_engine_run.ProcessingEngineRunFacet(version("vai-scheduler"), "VAI")
    found: dict[str, facets.RunFacet] = {"processing_engine": engine}
    if event["automation_run_id"] is not None:
        job = parent_run.Job(place, event["automation_slug"])
        found["parent"] = parent_run.ParentRunFacet(parent_run.Run(str(event["automation_run_id"])), job)
    if event["type"] == "action.failed":
        code = (event["data"].get("error") or {}).get("code", "INTERNAL_ERROR")
        where = f"{public_url.rstrip('/')}/runs/{event['subject_id']}" if public_url else f"run {event['subject_id']}"
        found["errorMessage"] = error_message_run.ErrorMessageRunFacet(f"{code}: see {where}", "SQL")
    return found


def _job_name(event: Row) -> str:
    """The automation's step, the saved action, or else what the run does."""
    if event["automation_slug"] is not None and event["step_key"] is not None:
        return f"{event['automation_slug']}.{event['step_key']}"
    if event["action_slug"] is not None:
        return str(event["action_slug"])
    said = event["definition"]
    if event["kind"] == "duckdb_transform":
        return f"duckdb_transform.{_output_name(said)}"
    of = said.get("folder") if event["kind"] == "file_sync" else said.get("source")
    return ".".join(filter(None, (event["kind"], of, event["connection_slug"])))


def _output_name(said: Mapping[str, Any]) -> str:
    return f"{said.get('output_layer') or 'silver'}.{said.get('transform_name')}"


def _moved(facts: Facts, place: str) -> tuple[list[InputDataset], list[OutputDataset]]:
    if facts.event["kind"] == "file_sync":
        return _synced(facts.event, place)
    if facts.event["kind"] == "dlt_extract":
        return _extracted(facts, place)
    return _transformed(facts, place)


def _synced(event: Row, place: str) -> tuple[list[InputDataset], list[OutputDataset]]:
    said, result = event["definition"], event["result"] or {}
    files = (place, f"files.{said.get('folder')}")
    outside = (_outside("files", event["connection_slug"]), str(said.get("path")))
    source, target = (files, outside) if said.get("direction") == "push" else (outside, files)
    statistics: dict[str, Any] = {}
    if event["type"] == "action.completed":
        statistics["outputStatistics"] = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            size=result.get("bytesTransferred"), fileCount=result.get("recordsProcessed")
        )
    return [InputDataset(*source)], [OutputDataset(*target, outputFacets=statistics)]


def _extracted(facts: Facts, place: str) -> tuple[list[InputDataset], list[OutputDataset]]:
    """The resources of the source, and the tables of bronze. Before anything is written: what the definition names."""
    event = facts.event
    outside = _outside(str(event["definition"].get("source")), event["connection_slug"])
    listed = event["definition"].get("resources") or ()
    named = [each.get("name") if isinstance(each, dict) else each for each in listed]
    resources = dict.fromkeys([*(row["resource"] for row in facts.writes), *(each for each in named if each)])
    outputs = [
        _output(place, row["name"], rows, row["columns"], size=size) for row, rows, size in _by_table(facts.writes)
    ]
    return [InputDataset(outside, str(name)) for name in resources], outputs


def _by_table(writes: Iterable[Row]) -> Iterable[tuple[Row, int, int]]:
    found: dict[UUID, tuple[Row, int, int]] = {}
    for row in writes:
        _, rows, size = found.get(row["id"], (row, 0, 0))
        found[row["id"]] = (row, rows + row["rows"], size + row["bytes"])
    return found.values()


def _transformed(facts: Facts, place: str) -> tuple[list[InputDataset], list[OutputDataset]]:
    said = facts.event["definition"]
    if not facts.writes:
        names = [each.get("bronze_dataset") or _with_layer(each) for each in said.get("inputs") or ()]
        written = [] if said.get("dry_run") else [OutputDataset(place, _output_name(said))]
        return [InputDataset(place, name) for name in dict.fromkeys(names) if name], written
    read = {row["id"]: row["name"] for row in facts.read}
    inputs = [InputDataset(place, row["name"], facets={"schema": _schema(row["columns"])}) for row in facts.read]
    outputs = []
    for row in facts.writes:
        made = _output(place, row["name"], row["rows"], row["columns"], row["delta_version"])
        if row["outputs"]:
            made.facets["columnLineage"] = _column_lineage(row, read, place)  # type: ignore[index]
        outputs.append(made)
    return inputs, outputs


def _with_layer(said: Mapping[str, Any]) -> str | None:
    name = said.get("silver_dataset") or said.get("dataset")
    return name if name is None or "." in name else f"silver.{name}"


def _outside(source: str, connection: str | None) -> str:
    return f"{source}://{connection}" if connection else source


def _output(
    place: str,
    name: str,
    rows: int,
    columns: list[dict[str, str]],
    table_version: int | None = None,
    size: int | None = None,
) -> OutputDataset:
    about: dict[str, facets.DatasetFacet] = {"schema": _schema(columns)}
    if table_version is not None:
        about["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(str(table_version))
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=rows, size=size)
    return OutputDataset(place, name, facets=about, outputFacets={"outputStatistics": statistics})


def _schema(columns: list[dict[str, str]]) -> schema_dataset.SchemaDatasetFacet:
    fields = [schema_dataset.SchemaDatasetFacetFields(each["name"], each["type"]) for each in columns]
    return schema_dataset.SchemaDatasetFacet(fields)


def _column_lineage(row: Row, read: Mapping[UUID, str], place: str) -> column_lineage_dataset.ColumnLineageDatasetFacet:
    fields: dict[str, column_lineage_dataset.Fields] = {}
    pairs = zip(row["outputs"], row["input_ids"], row["columns_read"], row["hows"], strict=True)
    for output, identity, column, how in pairs:
        if identity not in read:
            continue
        transformation = column_lineage_dataset.Transformation("DIRECT", _HOW[how])
        source = column_lineage_dataset.InputField(place, read[identity], column, [transformation])
        fields.setdefault(output, column_lineage_dataset.Fields([])).inputFields.append(source)
    return column_lineage_dataset.ColumnLineageDatasetFacet(fields)
