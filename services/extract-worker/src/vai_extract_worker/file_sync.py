"""The kind `file_sync`, the worker's side: prepares the child's job and commits what the child has transferred (rule
14).
"""

from typing import Any, Final

from vai_common.egress.addresses import PUBLIC, Policy
from vai_extract_worker.access_token import access_token
from vai_extract_worker.metrics import sync_bytes, sync_files
from vai_records.definitions.file_sync import FileSync as Definition
from vai_records.lake import synced_files
from vai_records.lake.synced_files import NewSynced, folder_place, run_place, target_place
from vai_records.runs import checkpoints
from vai_worker.owned import Owned

_PAGE: Final = 5_000

Json = dict[str, Any]


class FileSync:
    """Runs in a child process. `files_root` is the folder for local files (`{org}` in it stands for the organisation's
    id), `may_write`: whether files may be pushed into it. `policy` says to whom it may connect.
    """

    name = "file_sync"
    reads = Definition
    entry = "vai_extract_worker.sync.child:sync"
    pauses_after = "commit"

    def __init__(self, files_root: str | None = None, may_write: bool = False, policy: Policy = PUBLIC) -> None:
        self._files_root = files_root
        self._may_write = may_write
        self._policy = policy

    async def prepare(self, run: Owned) -> Json:
        """What the child must know: {addresses, files_root, may_write}."""
        root = self._files_root and self._files_root.replace("{org}", str(run.org_id))
        return {"addresses": str(self._policy), "files_root": root, "may_write": self._may_write}

    async def answer(self, run: Owned, question: str, payload: Json) -> Json:
        """`known`, `may_write`, `intend`, `commit`, `changes`, `artifact` or `access_token`.

        Raises LookupError for others.
        """
        match question:
            case "may_write":
                await run.steady()
                return {}
            case "known":
                place = _place(run) if payload["which"] == "target" else folder_place(_definition(run).folder)
                found = await synced_files.there(run.pool, run.org_id, place, payload["after"], _PAGE)
                rows = [[one.path, one.location, one.byte_count, one.sha256, one.mark] for one in found]
                return {"files": rows}
            case "intend":
                async with run.guarded() as conn:
                    await checkpoints.save(conn, run.id, _checkpoint(run, payload), is_progress=False)
                return {}
            case "commit":
                return await self._commit(run, payload)
            case "changes":
                asked = (run.org_id, run.id, _place(run), payload["after"], _PAGE)
                told = await synced_files.changes(run.pool, *asked)
                return {"changes": [[one.path, one.change, one.byte_count, one.sha256, str(one.id)] for one in told]}
            case "artifact":
                return await self._keep(run, payload)
            case "access_token":
                return await access_token(run, payload.get("rejected"))
        raise LookupError(f"no question of file_sync: {question}")

    async def _commit(self, run: Owned, payload: Json) -> Json:
        """Write the files and the checkpoint in one transaction."""
        files = [NewSynced(**one) for one in payload["files"]]
        _check_locations(run, [file.location for file in files if file.change in ("added", "changed")])
        removed = [(path, size) for path, size in payload["removed"]]
        async with run.guarded() as conn:
            await synced_files.commit(conn, run.org_id, run.id, _place(run), files)
            await synced_files.remove(conn, run.org_id, run.id, _place(run), removed)
            await checkpoints.save(conn, run.id, _checkpoint(run, payload))
        run.advanced = True
        direction = _definition(run).direction
        for file in files:
            sync_files.labels(direction=direction, change=file.change).inc()
            sync_bytes.labels(direction=direction).inc(file.byte_count if file.change in ("added", "changed") else 0)
        sync_files.labels(direction=direction, change="removed").inc(len(removed))
        return {}

    async def _keep(self, run: Owned, payload: Json) -> Json:
        """An artifact of the run itself."""
        _check_locations(run, [payload["location"]])
        kept = NewSynced(payload["name"], payload["location"], payload["bytes"], payload["sha256"], {}, "added")
        async with run.guarded() as conn:
            await synced_files.commit(conn, run.org_id, run.id, run_place(run.id), [kept])
            (found,) = await synced_files.there(conn, run.org_id, run_place(run.id), "", 1)
        return {"id": str(found.id)}


def _definition(run: Owned) -> Definition:
    return run.definition_as(Definition)


def _place(run: Owned) -> str:
    """The place that the run fills."""
    definition = _definition(run)
    if definition.direction == "push":
        return target_place(run.connection_id, definition.path)
    return folder_place(definition.folder)


def _checkpoint(run: Owned, payload: Json) -> Json:
    """`intended` is what a push is about to do, and has not committed (`sync.intents`)."""
    return {"folder": _definition(run).folder, "intended": payload["intended"]}


def _check_locations(run: Owned, locations: list[str | None]) -> None:
    """The child names files of its own run and epoch only."""
    own = f"{run.org_id}/files/run={run.id}/e{run.epoch}-"
    for location in locations:
        if location is not None and (not location.startswith(own) or "/" in location[len(own) :] or ".." in location):
            raise ValueError(f"a file that is not of run {run.id}")
