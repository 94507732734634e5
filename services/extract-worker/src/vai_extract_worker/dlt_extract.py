"""The kind `dlt_extract`, the worker's side: prepares the child's job and commits what the child has extracted (rule
14).
"""

from typing import Any
from uuid import UUID

from vai_common.egress.addresses import PUBLIC, Policy
from vai_common.ids import NIL
from vai_common.queries import Queries
from vai_extract_worker import rates
from vai_extract_worker.access_token import access_token
from vai_extract_worker.loading.origins import cursor_scope, origin_of, strangers
from vai_extract_worker.metrics import extract_bytes, extract_rejected_rows, extract_rows, extract_slices
from vai_extract_worker.noop import noop
from vai_records.definitions.base import Definition as BaseDefinition
from vai_records.definitions.dlt_extract import DltExtract as Definition
from vai_records.definitions.dlt_extract import Noop
from vai_records.lake import cursors
from vai_records.lake import manifest as lake
from vai_records.lake.cursors import Cursor
from vai_records.runs import checkpoints
from vai_worker.owned import Owned
from vai_worker.retry_rules import LONGEST_PAUSE, waited


class _Overtaken(Exception):
    def __init__(self, run_id: UUID) -> None:
        super().__init__(run_id)
        self.run_id = run_id


class DltExtract:
    """Runs in a child process, except for the source `noop`. `files_root` is the folder that the source `filesystem`
    may read (`{org}` in it stands for the organisation's id); None: no local files. `policy` says to whom it may
    connect.
    """

    name = "dlt_extract"
    reads = Definition
    entry = "vai_extract_worker.extract:extract"
    pauses_after = "commit_slice"

    def __init__(self, files_root: str | None = None, policy: Policy = PUBLIC) -> None:
        self._files_root = files_root
        self._policy = policy

    def light(self, definition: BaseDefinition) -> bool:
        """Whether it needs no child process."""
        return isinstance(definition, Noop)

    async def perform(self, run: Owned) -> dict[str, Any]:
        """The way without a child process: the source `noop`."""
        return await noop(run)

    async def prepare(self, run: Owned) -> dict[str, Any]:
        """What the child must know: {source, addresses, files_root, cursors: {resource: {value, run_id}}, columns:
        {table: {all, of_others}}, may_wait: whether the run waits for a quota outside of its attempts}."""
        run.waits_for_quota = True
        source = run.definition_as(Definition).bronze_source
        async with run.guarded() as conn:
            saved = await cursors.cursors(conn, run.org_id, _scope(run), source)
            columns = await lake.bronze_columns(conn, run.org_id, source, run.connection_id)
        definition = run.definition_as(Definition)
        others = strangers(definition, columns, run.connection_id, run.action_id) if run.attempt == 1 else ()
        for entry in others:
            await run.log(entry["event"], entry["message"], entry["data"], entry["level"])
        return {
            "source": source,
            "addresses": str(self._policy),
            "files_root": self._files_root and self._files_root.replace("{org}", str(run.org_id)),
            "cursors": {name: {"value": one.value, "run_id": str(one.run_id)} for name, one in saved.items()},
            "columns": columns,
            "may_wait": waited(run) < LONGEST_PAUSE,
        }

    async def answer(self, run: Owned, question: str, payload: dict[str, Any]) -> dict[str, Any]:
        """`may_write`, `commit_slice`, `remember`, `announce`, `access_token`, or what `rates` answers.

        Raises LookupError for any other question.
        """
        match question:
            case "may_write":
                await run.steady()
                return {}
            case "commit_slice":
                return await self._commit(run, payload)
            case "remember":
                async with run.guarded() as conn:
                    await checkpoints.save(conn, run.id, payload["checkpoint"])
                return {}
            case "announce":
                return await self._announce(run, payload)
            case "access_token":
                return await access_token(run, payload.get("rejected"))
        if question in rates.QUESTIONS:
            source = run.definition_as(Definition).source
            return await rates.answer(run.pool, run.connection_id or run.org_id, source, question, payload)
        raise LookupError(f"no question of dlt_extract: {question}")

    async def _commit(self, run: Owned, payload: dict[str, Any]) -> dict[str, Any]:
        """Write manifest, cursor and checkpoint in one transaction, then the log entry and the progress.

        Answers {conflict: run id} and changes nothing where another run has moved the resource's cursor.
        """
        source = run.definition_as(Definition).bronze_source
        try:
            async with run.guarded() as conn:
                await _write(conn, run, source, payload)
        except _Overtaken as overtaken:
            return {"conflict": str(overtaken.run_id)}
        _count(run, payload)
        run.advanced = run.advanced or bool(payload["files"]) or payload["complete"]
        run.set_progress(payload["progress"])
        for entry in payload["logs"]:
            await run.log(entry["event"], entry["message"], entry["data"], entry["level"])
        return {}

    async def _announce(self, run: Owned, payload: dict[str, Any]) -> dict[str, Any]:
        """Write the event `connection.data_available` together with the checkpoint that records it, so that it comes
        once.
        """
        source = run.definition_as(Definition).bronze_source
        async with run.guarded() as conn:
            await checkpoints.save(conn, run.id, payload["checkpoint"])
            if run.connection_id is not None:
                await run.data_available(conn, source, payload["tables"], payload["rows"])
        return {}


def _count(run: Owned, payload: dict[str, Any]) -> None:
    source, files = run.definition_as(Definition).source, payload["files"]
    rejected = (payload.get("rejects") or {}).get("files", ())
    extract_slices.labels(source=source).inc()
    extract_rows.labels(source=source).inc(sum(file["rows"] for file in files))
    extract_bytes.labels(source=source).inc(sum(file["bytes"] for file in files))
    extract_rejected_rows.labels(source=source).inc(sum(file["rows"] for file in rejected))


def _scope(run: Owned) -> UUID:
    return cursor_scope(run.connection_id, run.action_id, run.definition_as(Definition))


async def _write(conn: Queries, run: Owned, source: str, payload: dict[str, Any]) -> None:
    await _load(conn, run, source, payload["resource"], payload)
    if rejects := payload.get("rejects"):
        flags = {name: payload[name] for name in ("visible", "complete", "replace")}
        flags |= {name: payload[name] for name in ("publish", "abandoned") if name in payload}
        await _load(conn, run, source, payload["resource"], flags | rejects)
    if payload["cursor"]:
        await _move_cursor(conn, run, source, payload["resource"], payload["cursor"])
    await checkpoints.save(conn, run.id, payload["checkpoint"])


async def _load(conn: Queries, run: Owned, source: str, resource: str, payload: dict[str, Any]) -> None:
    """Files for one table: {table, files, columns, visible, complete, replace}.

    `publish` makes visible what was committed of the slice before. `abandoned` are slices that do not belong to the
    table after all. `sharing` are all resources that fill this table.
    """
    table = payload["table"]
    location = f"{run.org_id}/bronze/{source}/{table}"
    files = [lake.NewFile(file["path"], file["slice"], file["rows"], file["bytes"]) for file in payload["files"]]
    if any(not file.path.startswith(f"{location}/") or ".." in file.path for file in files):
        raise ValueError(f"a file that is not of {location}")
    dataset = await lake.ensure_dataset(conn, run.org_id, "bronze", f"{source}.{table}", location)
    load = lake.Load(run.org_id, dataset.id, run.connection_id, run.id, run.epoch, resource)
    sharing = payload.get("sharing", [])
    if payload.get("abandoned"):
        await lake.abandon_slices(conn, load, payload["abandoned"])
    await lake.add_files(conn, load, files, payload["visible"])
    if payload["complete"] or (payload["visible"] and payload.get("publish")):
        await lake.publish_resource(conn, load, payload["complete"] and payload["replace"], sharing)
    if payload["visible"] or payload["complete"]:
        await lake.save_columns(conn, load, payload["columns"], payload["replace"] and not sharing)
    if payload["complete"]:
        action_id = str(run.action_id) if run.action_id else None
        of = origin_of(run.definition_as(Definition), resource, run.connection_id)
        await lake.note_filling(conn, load, {"of": of, "action": action_id}, payload["replace"] and not sharing)


async def _move_cursor(conn: Queries, run: Owned, source: str, resource: str, moved: dict[str, Any]) -> None:
    after = UUID(moved["after"]) if moved["after"] else None
    new = Cursor(moved["value"], run.id)
    if not await cursors.save_cursor(conn, run.org_id, _scope(run), source, resource, new, after):
        found = await cursors.cursor(conn, run.org_id, _scope(run), source, resource)
        raise _Overtaken(found.run_id if found else NIL)
