"""One attempt of a sync: list, compare, transfer what is different, remove what is gone, tell what was done."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, Final, cast

import orjson

from vai_common.egress.addresses import Policy
from vai_common.errors import ErrorCode, Permanent, RunError
from vai_extract_worker.confidential import DiscreetLink, hidden_of
from vai_extract_worker.rest.token_renewal import Lasting
from vai_extract_worker.sync import sync_texts
from vai_extract_worker.sync.differences import Known, Listing, listing_of
from vai_extract_worker.sync.intents import Intents, to_remove
from vai_extract_worker.sync.names import Wanted
from vai_extract_worker.sync.opening import opened
from vai_extract_worker.sync.places import Entry, FileFault, LeftOut, Place, Target
from vai_extract_worker.sync.pulling import Pull
from vai_extract_worker.sync.pushing import Push
from vai_extract_worker.sync.streams import Stream
from vai_extract_worker.sync.transfers import Counter, Transfers
from vai_records.definitions.file_sync import DRIVE, FileSync
from vai_worker.children.job import Job
from vai_worker.children.link import Link
from vai_worker.lake.storage import Storage, open_lake

MOST_SHOWN: Final = 100
"""Files that each list of the result has; the artifact has all."""

_MOST_WARNINGS: Final = 20
_TOGETHER: Final = 200

Json = dict[str, Any]


def sync(job: Job, link: Link) -> Json:
    """The run's result. Raises `Stop`, or the `RunError` that ends the attempt."""
    definition = FileSync.model_validate(job.definition)
    hidden = hidden_of(definition.stored(), job.connection)
    discreet = DiscreetLink(link, hidden)
    prepared = job.prepared
    try:
        policy = Policy.parse(prepared["addresses"])
        credentials = Lasting(job.connection if definition.path.startswith(DRIVE) else None, discreet, hidden)
        place = opened(definition, job.connection, policy, prepared["files_root"], prepared["may_write"], credentials)
        with closing(place):
            return Sync(job, discreet, definition, place).perform()
    except RunError as error:
        raise hidden.error(error) from error.__cause__


class Sync:
    """`place` is outside; the folder is the lake's."""

    def __init__(self, job: Job, link: Link, definition: FileSync, place: Place) -> None:
        self._job, self._link, self._definition, self._place = job, link, definition, place
        self._lake = open_lake(job.lake_url)
        self._counter = Counter()
        self._intents = Intents(link, job.checkpoint)
        self._pushes = definition.direction == "push"
        self._total_bytes = 0

    def perform(self) -> Json:
        self._link.log(**sync_texts.started(self._definition))
        in_lake = self._known("folder")
        listing = self._listing()
        work: Pull | Push
        if self._pushes:
            known = self._known("target")
            work = Push(cast(Target, self._place), self._lake, in_lake, known, self._counter, self._intents)
        else:
            work = Pull(self._place, self._lake, in_lake, self._counter, self._location)
        source = len(in_lake if self._pushes else listing.files)
        tasks = list(work.tasks(listing, self._definition.compare == "content"))
        removals = self._removals(work, listing, source)
        self._total_bytes = sum(task.size for task in tasks)
        self._link.log(**sync_texts.compared(source, len(tasks), self._total_bytes, len(removals)))
        transfers = Transfers(self._link, self._counter, self._intents, self._progress)
        self._progress(0, len(tasks))
        transfers.perform(tasks, len(tasks))
        left_out = [*listing.left_out, *transfers.left_out, *self._remove(removals, listing)]
        self._tell(left_out, source - len(transfers.left_out))
        return self._result(left_out, source)

    def _known(self, which: str) -> dict[str, Known]:
        """The files of the lake's folder, or what was pushed to the target, by path: those that are wanted."""
        is_wanted, after = Wanted(self._definition), ""
        found: dict[str, Known] = {}
        while page := self._link.ask("known", {"which": which, "after": after})["files"]:
            found |= {one[0]: Known(*one) for one in page if is_wanted(one[0])}
            after = page[-1][0]
            self._link.check()
        return found

    def _listing(self) -> Listing:
        most = self._definition.most_files

        def bounded() -> Iterator[Entry | LeftOut]:
            for number, one in enumerate(self._place.entries(Wanted(self._definition))):
                if number >= most:
                    text = f"{self._definition.path} has more than {most:,} files: include fewer, or raise most_files."
                    raise Permanent(ErrorCode.DATA_ERROR, text, {"most_files": most})
                if number % 1_000 == 0:
                    self._link.check()
                yield one

        return listing_of(bounded())

    def _location(self, name: int | str) -> str:
        return f"{self._job.org_id}/files/run={self._job.run_id}/e{self._job.epoch}-{name}"

    def _removals(self, work: Pull | Push, listing: Listing, source: int) -> list[tuple[str, int]]:
        if not self._definition.delete:
            return []
        if not listing.is_whole:
            self._link.log(**sync_texts.nothing_removed())
            return []
        found = work.removals(listing)
        if found and not source and not self._definition.delete_all:
            text = f"The source has no file at all, and delete would remove all {len(found):,} files of the target. If "
            text += "that is meant, set delete_all: true; else check path, folder, include and exclude."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"would_remove": len(found)})
        return found

    def _remove(self, removals: list[tuple[str, int]], listing: Listing) -> list[LeftOut]:
        """Removes them; those that could not be removed, and why."""
        faults: dict[str, LeftOut] = {}
        for start in range(0, len(removals), _TOGETHER):
            some = removals[start : start + _TOGETHER]
            self._link.ask("may_write", {})
            if self._pushes:
                self._intents.declare({path: to_remove(size) for path, size in some})
                for path, _ in some:
                    try:
                        if (entry := listing.files.get(path)) is not None:
                            cast(Target, self._place).delete(entry)
                    except FileFault as fault:
                        faults[path] = LeftOut(path, fault)
            left = self._intents.without([path for path, _ in some])
            gone = [(path, size) for path, size in some if path not in faults]
            self._link.ask("commit", {"files": [], "removed": gone, "intended": left})
            self._link.check()
        return list(faults.values())

    def _progress(self, done: int, total: int) -> None:
        folder = self._definition.folder
        cursor = {"slices_completed": done, "slices_total": total, "rows": done}
        cursor |= {"bytes": self._counter.bytes, "bytes_total": self._total_bytes}
        progress = {"schema_version": 2, "resources_order": [folder], "completed_resources": [], "failed_resources": []}
        self._link.progress(progress | {"in_progress_resource": folder, "resource_cursors": {folder: cursor}})

    def _tell(self, left_out: list[LeftOut], well: int) -> None:
        """What is left out is told; where nothing went well, it is the run's error."""
        for one in left_out[:_MOST_WARNINGS]:
            self._link.log(**sync_texts.left_out(one))
        if len(left_out) > _MOST_WARNINGS:
            self._link.log(**sync_texts.more_left_out(len(left_out) - _MOST_WARNINGS))
        if left_out and well <= 0:
            error = left_out[0].error
            text = f"No file could be synced. The first: {error.message}"
            raise Permanent(error.code, text, error.details | {"failed_files": len(left_out)})

    def _result(self, left_out: list[LeftOut], source: int) -> Json:
        told = Changes(self._link, self._lake, self._location, not self._pushes)
        counts = told.counts | {"files": source, "failed": len(left_out)}
        failed = [{"path": one.path, "error": one.error.as_json()} for one in left_out[:MOST_SHOWN]]
        self._link.log(**sync_texts.completed(counts, told.bytes))
        folder = self._definition.folder
        self._link.progress(
            {"schema_version": 2, "resources_order": [folder], "failed_resources": [], "in_progress_resource": None}
            | {"completed_resources": [folder], "resource_cursors": {}}
        )
        return {
            "recordsProcessed": counts["added"] + counts["changed"],
            "bytesTransferred": told.bytes,
            "tables": [],
            "artifacts": told.artifacts,
            "direction": self._definition.direction,
            "folder": folder,
            "path": self._definition.path,
            "counts": counts,
            **told.shown,
            "failed_files": failed,
            "failed_resources": [one["path"] for one in failed],
        }


class Changes:
    """What the run, and those that it retries, have done by the lake's records: also what earlier attempts did.

    The whole list becomes an artifact, one JSON object a line: {path, change, size, sha256}.
    """

    def __init__(self, link: Link, lake: Storage, location: Callable[[str], str], in_lake: bool) -> None:
        """`in_lake`: the files are the lake's, and so artifacts, too."""
        self._link, self._in_lake = link, in_lake
        self.counts = dict.fromkeys(("added", "changed", "removed"), 0)
        self.shown: dict[str, list[str]] = {name: [] for name in self.counts}
        self.artifacts: list[Json] = []
        self.bytes = 0
        path = location("changes.jsonl")
        stream = Stream("changes.jsonl", self._lines(), None, lambda size: None)
        lake.put_parts(path, stream)
        told = {"name": "changes.jsonl", "location": path, "bytes": stream.size, "sha256": stream.sha256}
        kept = link.ask("artifact", told)
        self.artifacts.insert(0, {"name": "changes.jsonl", "size": stream.size, "id": kept["id"]})

    def _lines(self) -> Iterator[bytes]:
        after = ""
        while page := self._link.ask("changes", {"after": after})["changes"]:
            for path, change, size, sha256, file_id in page:
                self._count(path, change, size, file_id)
                yield orjson.dumps({"path": path, "change": change, "size": size, "sha256": sha256}) + b"\n"
            after = page[-1][0]

    def _count(self, path: str, change: str, size: int, file_id: str) -> None:
        self.counts[change] += 1
        if len(self.shown[change]) < MOST_SHOWN:
            self.shown[change].append(path)
        if change != "removed":
            self.bytes += size
            if self._in_lake and len(self.artifacts) < MOST_SHOWN:
                self.artifacts.append({"name": path, "size": size, "id": file_id})
