"""`duckdb_transform` in the worker: finds the inputs, takes the output's lock, records what was written (rule 14)."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from vai_common.clock import steady_seconds
from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_common.queries import Queries
from vai_records.definitions.duckdb_transform import DuckdbTransform as Definition
from vai_records.definitions.duckdb_transform import TransformInput
from vai_records.lake import columns, table_locks, writes
from vai_records.lake import manifest as lake
from vai_transform_worker.query.bounds import Bounds
from vai_transform_worker.query.literal_paths import Pattern
from vai_worker.children.link import Stop
from vai_worker.lake.places import Lake
from vai_worker.owned import Owned

_LOOK_AGAIN, _NEXT_LOOKS = 0.5, 0.1  # seconds between two looks at a lock; the second value is for the run that is next
_MOST_NAMES = 50

NO_SPARK = (
    'This installation has no Spark cluster: take engine "duckdb", or let who runs the installation set VAI_SPARK_URL '
    "for the transform-worker"
)

Answer = Callable[[Owned, dict[str, Any]], Awaitable[dict[str, Any]]]


class DuckdbTransform:
    """The kind, which runs in a child process. `child_memory_mb` is what a child may use; DuckDB gets half of it."""

    name = "duckdb_transform"
    reads = Definition
    entry = "vai_transform_worker.transform:transform"
    pauses_after = None  # nothing is written before the commit

    def __init__(
        self,
        child_memory_mb: int = 2048,
        bounds: Bounds = Bounds(),  # noqa: B008 it is frozen
        spark: Mapping[str, str] = {},
    ) -> None:
        self._bounds, self._spark = bounds, dict(spark)
        self._memory_mb = max(128, child_memory_mb // 2)
        self._answers: dict[str, Answer] = {
            "files": _files,
            "lock": _lock,
            "permit_commit": _permit_commit,
            "wrote": _wrote,
            "unlock": _unlock,
        }

    async def prepare(self, run: Owned) -> dict[str, Any]:
        """Find the inputs and the output. Raises DATA_ERROR for an unknown dataset; it lists the existing ones."""
        definition = run.definition_as(Definition)
        if definition.engine == "spark" and not self._spark:
            raise Permanent(ErrorCode.DATA_ERROR, NO_SPARK, {"engine": "spark", "setting": "VAI_SPARK_URL"})
        async with run.guarded() as conn:
            tables = await _tables(conn, run, await _ensured_output(conn, run, definition))
        bounds = self._bounds.of(definition.timeout_seconds)
        run.deadline = run.claimed + bounds.seconds
        return (
            tables
            | {
                "memory_mb": self._memory_mb,
                "bounds": bounds.prepared(),
            }
            | ({"spark": self._spark} if definition.engine == "spark" else {})
        )

    async def answer(self, run: Owned, question: str, payload: dict[str, Any]) -> dict[str, Any]:
        return await self._answers[question](run, payload)


async def _ensured_output(conn: Queries, run: Owned, definition: Definition) -> lake.Dataset:
    layer, name = definition.output_layer, definition.transform_name
    if (found := await lake.dataset(conn, run.org_id, layer, name)) is not None:
        return found
    for other in await lake.spelled(conn, run.org_id, layer, name):
        message = (
            f"The table {layer}.{other} is there, and names of tables must differ in more than upper and lower case: "
            f"write transform_name {other}, or take another name"
        )
        raise Permanent(ErrorCode.DATA_ERROR, message, {"transform_name": name, "there": other})
    return await lake.ensure_dataset(conn, run.org_id, layer, name, f"{run.org_id}/{layer}/{name}")


async def _output(conn: Queries, run: Owned) -> lake.Dataset:
    definition = run.definition_as(Definition)
    found = await lake.dataset(conn, run.org_id, definition.output_layer, definition.transform_name)
    return found or await _ensured_output(conn, run, definition)


async def _tables(conn: Queries, run: Owned, output: lake.Dataset) -> dict[str, Any]:
    """The present places of the inputs and the output."""
    definition = run.definition_as(Definition)
    inputs = [await _resolved(conn, run, each, output) for each in definition.inputs]
    if definition.reads_itself():
        inputs.append(_own(definition.own_table, output))
    return {"inputs": inputs, "output": {"location": output.location, "columns": output.columns}}


async def _resolved(conn: Queries, run: Owned, wanted: TransformInput, output: lake.Dataset) -> dict[str, Any]:
    """The place of an input. An input without rows is an empty table; so is the output itself before its first run."""
    if wanted.bronze_dataset:
        found = await lake.dataset(conn, run.org_id, *wanted.places[0])
        files = [each.path for each in await lake.visible_files(conn, found.id)] if found else []
        if found and (files or found.columns or found.row_count is not None):
            named = {"name": wanted.name, "dataset": wanted.dataset, "ids": [str(found.id)]}
            return named | {"files": files, "columns": found.columns}
    for layer, name in wanted.places if wanted.silver_dataset else ():
        found = await lake.dataset(conn, run.org_id, layer, name)
        if found and found.row_count is not None:
            of_version = await _version(conn, wanted, found)
            return _delta(wanted, found) | of_version | {"is_own": found.id == output.id}
    if (output.layer, output.name) in wanted.places:
        return _own(wanted, output)
    raise _unknown(wanted, await lake.datasets(conn, run.org_id))


async def _version(conn: Queries, wanted: TransformInput, found: lake.Dataset) -> dict[str, int]:
    """The version that an input names, or that was current at the time that it names. Raises DATA_ERROR if there is
    none.
    """
    if wanted.version is None and wanted.timestamp is None:
        return {}
    version = wanted.version
    if wanted.timestamp is not None:
        version = await writes.version_at(conn, found.id, wanted.timestamp)
        if version is None:
            message = f"No version of {wanted.dataset} is known at {wanted.timestamp}: see vai datasets versions"
            raise Permanent(ErrorCode.DATA_ERROR, message, {"dataset": wanted.dataset})
    newest = await writes.newest_version(conn, found.id)
    if newest is None or version is None or version > newest or _is_remembered(found):
        message = f"{wanted.dataset} has no version {version}, the newest is {newest}: see vai datasets versions"
        raise Permanent(ErrorCode.DATA_ERROR, message, {"dataset": wanted.dataset, "newest": newest})
    return {"version": version}


def _delta(wanted: TransformInput, found: lake.Dataset) -> dict[str, Any]:
    """A table of silver or gold. One that was written without rows and without a column that has a type has no files
    yet.
    """
    without_type = [each for each in found.columns if each["type"] == "NULL"]
    named = {"name": wanted.name, "dataset": wanted.dataset, "ids": [str(found.id)], "columns": without_type}
    return named if _is_remembered(found) else named | {"location": found.location}


def _is_remembered(found: lake.Dataset) -> bool:
    return found.row_count == 0 and all(each["type"] == "NULL" for each in found.columns)


def _own(wanted: TransformInput, output: lake.Dataset) -> dict[str, Any]:
    if output.row_count is None:
        return {"name": wanted.name, "dataset": wanted.dataset, "is_own": True}
    return _delta(wanted, output) | {"is_own": True}


def _unknown(wanted: TransformInput, datasets: Sequence[lake.Dataset]) -> Permanent:
    layers = {layer for layer, _ in wanted.places}
    there = [each for each in datasets if each.layer in layers and _is_filled(each)]
    twice = {name for name, times in Counter(each.name for each in there).items() if times > 1}
    is_full = wanted.bronze_dataset or "." in wanted.dataset
    names = [f"{each.layer}.{each.name}" if is_full or each.name in twice else each.name for each in there]
    empty = wanted.bronze_dataset in names
    problem = "has no data yet: run its extraction first" if empty else "does not exist"
    near = [] if empty else get_close_matches(wanted.dataset, names, 1)
    meant = f"; did you mean {near[0]}?" if near else "."
    shown = ", ".join(names[:_MOST_NAMES]) or "none"
    message = f"The input {wanted.dataset} {problem}{meant} There are: {shown}"
    return Permanent(ErrorCode.DATA_ERROR, message, {"dataset": wanted.dataset, "datasets": names[:_MOST_NAMES]})


def _is_filled(dataset: lake.Dataset) -> bool:
    return dataset.layer == "bronze" or dataset.row_count is not None


async def _files(run: Owned, payload: dict[str, Any]) -> dict[str, Any]:
    """What `read_parquet('path')` reads: the matching files of the manifest, or the Delta table there (decision 32)."""
    path = str(payload["path"])
    relative = Lake(run.lake_url, str(run.org_id)).relative(path)
    if relative is None:
        message = (
            f"read_parquet({path!r}) leaves your own lake: only paths inside it can be read; declare an input instead"
        )
        raise Permanent(ErrorCode.DATA_ERROR, message, {"path": path})
    pattern = _pattern(path, relative)
    found: list[tuple[lake.Dataset, list[str]]] = []
    async with run.guarded() as conn:
        for dataset in await lake.datasets(conn, run.org_id):
            if dataset.layer == "bronze" and pattern.may_match_under(dataset.location):
                found.append((dataset, [each.path for each in await lake.visible_files(conn, dataset.id)]))
            elif dataset.layer != "bronze" and dataset.row_count is not None and pattern.is_table(dataset.location):
                there = {} if _is_remembered(dataset) else {"location": dataset.location}
                return there | {"ids": [str(dataset.id)]}
    matched = await asyncio.to_thread(_matched, pattern, {each.name: files for each, files in found})
    if not matched:
        message = f"read_parquet({path!r}) finds nothing in the lake: name the dataset in inputs instead"
        raise Permanent(ErrorCode.DATA_ERROR, message, {"path": path})
    if len(matched) > 1:
        await _tell_several(run, path, pattern, list(matched))
    ids = [str(each.id) for each, _ in found if f"bronze.{each.name}" in matched]
    return {"files": [file for files in matched.values() for file in files], "ids": ids}


def _pattern(path: str, relative: str) -> Pattern:
    try:
        return Pattern(relative)
    except ValueError as error:
        message = f"read_parquet({path[:100]!r}): {error}; name the dataset in inputs instead"
        raise Permanent(ErrorCode.DATA_ERROR, message) from None


def _matched(pattern: Pattern, found: dict[str, list[str]]) -> dict[str, list[str]]:
    matched = {f"bronze.{name}": [file for file in files if pattern.matches(file)] for name, files in found.items()}
    return {name: files for name, files in matched.items() if files}


async def _tell_several(run: Owned, path: str, pattern: Pattern, datasets: list[str]) -> None:
    """Raises DATA_ERROR for a folder with several tables (such as that of a source), which is probably a mistake. For a
    glob, several tables are allowed with a warning.
    """
    shown = ", ".join(datasets[:_MOST_NAMES])
    data = {"path": path, "datasets": datasets[:_MOST_NAMES]}
    if not pattern.has_wildcards:
        message = (
            f"read_parquet({path!r}) means {len(datasets)} tables: {shown}. Name the one you mean in inputs, "
            "or write the path of its folder"
        )
        raise Permanent(ErrorCode.DATA_ERROR, message, data)
    await run.log(
        "path_means_several", f"read_parquet({path!r}) reads {len(datasets)} tables: {shown}", data, "warning"
    )


async def _lock(run: Owned, payload: dict[str, Any]) -> dict[str, Any]:
    """Take the output's lock. Wait while another live run writes the table, or has waited longer for it.

    Return the write epoch, and the tables as they are now, since they may have changed during the wait. The run's time
    limit bounds the wait.
    """
    waiting = False
    while True:
        async with run.guarded() as conn:
            output = await _output(conn, run)
            turn = await table_locks.lock_for_write(conn, output.id, run.id, run.epoch)
            if turn.write_epoch is not None:
                return {"write_epoch": turn.write_epoch} | await _tables(conn, run, await _output(conn, run))
        table = f"{output.layer}.{output.name}"
        if not waiting:
            ahead = f", as {turn.before} before it do" if turn.before else ""
            data = {"table": table, "held_by": turn.held_by and str(turn.held_by), "before": turn.before}
            who = "Another run writes" if turn.held_by else "The upkeep of tables works on"
            await run.log("transform_waiting", f"{who} {table}: waiting for it{ahead}", data)
        waiting = True
        await _pause(run, _LOOK_AGAIN if turn.before else _NEXT_LOOKS)
        if run.deadline is not None and steady_seconds() > run.deadline:
            raise _waited_too_long(table, turn)


def _waited_too_long(table: str, turn: table_locks.Turn) -> Permanent:
    message = (
        f"The time limit was over while the run waited for {table}, which {_holder(turn)} "
        f"({turn.before} more wait before it): start fewer runs that write it, or give them more (timeout_seconds)"
    )
    return Permanent(ErrorCode.TIMEOUT, message, {"table": table, "held_by": turn.held_by and str(turn.held_by)})


def _holder(turn: table_locks.Turn) -> str:
    return f"run {turn.held_by} writes" if turn.held_by else "the upkeep of tables works on"


async def _pause(run: Owned, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await run.stopping.wait()
        raise Stop


async def _permit_commit(run: Owned, payload: dict[str, Any]) -> dict[str, Any]:
    """Permit the commit only while the run is ours, this process certainly counts as alive, and the write epoch is the
    newest.
    """
    async with run.guarded() as conn:
        output = await _output(conn, run)
    if output.write_epoch != payload["write_epoch"]:
        message = f"{output.layer}.{output.name} was given to another writer in the meantime"
        raise Retryable(ErrorCode.INTERNAL_ERROR, message, {"own": payload["write_epoch"], "last": output.write_epoch})
    return {}


async def _wrote(run: Owned, payload: dict[str, Any]) -> dict[str, Any]:
    async with run.guarded() as conn:
        output = await _output(conn, run)
        await lake.wrote(conn, output.id, payload["row_count"], payload["columns"], payload["version"])
        await _note(conn, run, output.id, payload)
        await table_locks.unlock(conn, output.id, run.id, run.epoch)
    return {}


async def _note(conn: Queries, run: Owned, output_id: UUID, payload: dict[str, Any]) -> None:
    """Record the write and the tables from which its rows come. A table that reads itself keeps its earlier sources."""
    inputs = [UUID(each) for each in payload["inputs"]]
    is_new = run.definition_as(Definition).mode == "full_refresh" and not payload["reads_itself"]
    replaces = is_new and output_id not in inputs
    await writes.note_reads(conn, output_id, inputs, run.id, replaces)
    told = _told(payload.get("columns_from"))
    if told is not None:
        await columns.note(conn, output_id, run.id, told, replaces)
    version = payload["version"] if payload["version"] >= 0 else None
    write = writes.Write(
        *(output_id, run.id, payload["rows"], payload["bytes"]),
        version=version,
        table_rows=payload["row_count"],
        changes=payload["changes"],
        checks=payload["checks"],
        inputs=inputs,
        columns_digest=None if told is None else told.digest,
    )
    await writes.note(conn, write)


def _told(said: dict[str, Any] | None) -> columns.Told | None:
    """What the child has found out about the columns. None if it had no query."""
    if said is None:
        return None
    pairs = [(output, UUID(identity), column, how) for output, identity, column, how in said["pairs"]]
    return columns.Told(pairs, said["unknown"], said["reason"])


async def _unlock(run: Owned, payload: dict[str, Any]) -> dict[str, Any]:
    async with run.guarded() as conn:
        await table_locks.unlock(conn, (await _output(conn, run)).id, run.id, run.epoch)
    return {}
