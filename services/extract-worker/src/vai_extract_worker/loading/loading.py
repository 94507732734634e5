"""Extracts one resource: its pages become files, and each slice is committed before the next begins (rule 14)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, cast

from vai_common.clock import steady_seconds
from vai_common.errors import ErrorCode, Permanent, RunError
from vai_extract_worker import log_texts
from vai_extract_worker.loading.parts import Place, SliceWriter
from vai_extract_worker.progress import AtWork, Json, Progress, ResourceProgress
from vai_extract_worker.source import AskingTable, DivisibleTable, IsolatingTable, Page, PositionLost, Table, TooLarge
from vai_records.lake.manifest import Columns, merge_columns
from vai_worker.children.job import Job
from vai_worker.children.link import Link, Stop
from vai_worker.lake.storage import Storage

COMMIT_SECONDS = 30.0
"""A resource without slices of its own is committed at least this often."""

_PROGRESS_SECONDS = 0.5
_COUNTED = ("rows", "received", "files", "size", "rejected")
_MOST_NAMES = 20


class Unanswered(Exception):
    """The worker could not do what the child asked for. This ends the whole attempt, since other resources need the
    worker, too.
    """

    def __init__(self, error: RunError) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True)
class Run:
    """What the resources of one attempt share. `columns` are the columns that the tables already have.

    `sharing` names, for each table with several resources, these resources.
    """

    job: Job
    link: Link
    storage: Storage
    source: str
    slice_rows: int
    state: Progress
    failed: dict[str, RunError]
    columns: dict[str, Columns]
    sharing: dict[str, list[str]]

    def ask(self, question: str, payload: Json) -> Json:
        """Ask the worker. Its error ends the attempt (`Unanswered`)."""
        try:
            return self.link.ask(question, payload)
        except RunError as error:
            raise Unanswered(error) from error

    def progress(self, at: AtWork | None) -> Json:
        return self.state.progress(list(self.failed), at)

    def log(self, entry: log_texts.Entry) -> None:
        self.link.log(entry["event"], entry["message"], entry["data"], entry["level"])


class Loading:
    """One resource in one attempt."""

    def __init__(self, run: Run, table: Table) -> None:
        self._run = run
        self._table = table
        self._isolating = table if isinstance(table, IsolatingTable) else None
        self._divisible = table if isinstance(table, DivisibleTable) else None
        self._asking = table if isinstance(table, AskingTable) else None
        self._in_parts = self._isolating is not None
        """Whether a position lies within a slice."""
        self._began = steady_seconds()
        self._reported = self._began
        self._received = 0
        self._requests_before = self._requests_sent()
        self._bad: list[Permanent] = []
        self._done_before = 0

    @property
    def _state(self) -> ResourceProgress:
        return self._run.state.resources[self._table.name]

    def perform(self) -> None:
        """Extract the rest of the resource. Raises `Stop`, `Unanswered`, or the source's own error."""
        state = self._state
        is_new = state.plan is None
        self._table.begin(state)
        slices, self._done_before = self._table.slices(state), state.slices_done
        if self._divisible and is_new and slices:
            # A slice must stay the same in each attempt: a vendor may already have made a report for this window.
            self._run.ask("remember", {"checkpoint": self._run.state.as_json()})
        state.slices_total = None if slices is None else state.slices_done + len(slices)
        over = len(self._run.state.done) + len(self._run.failed)
        self._run.log(log_texts.resource_started(self._table.name, state, over, len(self._run.state.resources)))
        for note in self._isolating.notes if self._isolating else ():
            self._run.log(log_texts.resource_note(self._table.name, note))
        self._run.link.progress(self._run.progress(self._at_work()))
        if slices is None:
            self._series()
        elif self._isolating:
            self._isolated(self._isolating, slices)
        elif self._divisible:
            self._divided(self._divisible, slices)
        elif slices:
            for index, part in enumerate(slices):
                self._slice(part, last=index == len(slices) - 1)
        else:
            self._commit(self._writer(), complete=True)

    def _slice(self, part: Any, last: bool) -> None:
        if self._state.in_slices:
            self._run.log(log_texts.slice_started(self._table.name, self._state))
        writer = self._writer()
        for page in self._table.pages(part, None):
            self._take(writer, page)
        self._commit(writer, complete=last, counts=True, ordered=self._table.tracks and self._table.sliced)

    def _isolated(self, table: IsolatingTable, slices: list[Any]) -> None:
        """Slices of which an unreadable one does not stop the others. Its error is raised after the last one."""
        if self._state.position and not (slices and table.goes_on(slices[0], self._state.position["source"])):
            self._abandon()
        for index, part in enumerate(slices):
            try:
                self._long_slice(table, part, last=index == len(slices) - 1)
            except Permanent as error:
                self._bad.append(error)
                if self._state.position:
                    self._abandon()
        bad = [*self._bad, *table.bad]
        if bad:
            raise _partly(bad, sum(len(part) for part in slices))
        if not slices:
            self._commit(self._writer(), complete=True)

    def _divided(self, table: DivisibleTable, slices: list[Any]) -> None:
        """Slices in order. One that is too large is cut in two, and its rows are read again."""
        self._in_parts = True
        while slices:
            try:
                self._long_slice(table, slices[0], last=len(slices) == 1)
            except PositionLost:
                if not self._state.position:
                    raise
                self._abandon()
            except TooLarge as error:
                if not table.divide(self._state, slices[0]):
                    raise
                self._run.log(log_texts.slice_divided(self._table.name, self._state, error.message))
                if self._state.position:
                    self._abandon()
                slices = table.slices(self._state) or []
                self._state.slices_total = self._state.slices_done + len(slices)
            else:
                del slices[0]
        if not self._state.done:
            self._commit(self._writer(), complete=True)

    def _long_slice(self, table: Table, part: Any, last: bool) -> None:
        """A slice that is committed each time one of its files is full. Readers see it when it is complete.

        Rows that were read before an error are kept if the source can continue after them.
        """
        if self._state.in_slices:
            self._run.log(log_texts.slice_started(self._table.name, self._state))
        begun, position = self._state.position, None
        writer, since = self._writer(), steady_seconds()
        try:
            for page in table.pages(part, begun["source"] if begun else None):
                self._take(writer, page)
                position = page.position
                full = bool(writer.files) or (steady_seconds() - since >= COMMIT_SECONDS and writer.rows > 0)
                if full and position is not None:
                    self._commit(writer, position=self._within(position, writer.name))
                    writer, since = self._writer(), steady_seconds()
        except RunError as error:
            is_lasting = isinstance(error, TooLarge | PositionLost) or (
                self._isolating and isinstance(error, Permanent)
            )
            if writer.rows and position is not None and not is_lasting:
                self._commit(writer, position=self._within(position, writer.name))
            raise
        whole = not (self._bad or (self._isolating and self._isolating.bad))
        self._commit(writer, complete=last and whole, counts=True, ordered=table.tracks)

    def _within(self, position: Json, written: str) -> Json:
        """A position within a slice, with the state to go back to if the slice cannot be completed."""
        begun = self._state.position or {"base": {name: getattr(self._state, name) for name in _COUNTED}, "written": []}
        return {"source": position, "base": begun["base"], "written": [*begun["written"], written]}

    def _abandon(self) -> None:
        """Give up the committed parts of a slice that cannot be completed. They do not belong to the table."""
        state = self._state
        position, self._received = cast(Json, state.position), 0
        kept = replace(state, **position["base"], position=None, abandoned=state.abandoned + 1)
        self._run.state.resources[self._table.name] = kept
        payload = self._payload(self._state, self._writer(), complete=False, counts=False, ordered=False)
        self._run.ask("commit_slice", payload | {"abandoned": position["written"], "cursor": None})

    def _series(self) -> None:
        writer, since, position = self._writer(), steady_seconds(), None
        try:
            for page in self._table.pages(None, self._state.position):
                self._take(writer, page)
                position = page.position
                full = writer.rows >= self._run.slice_rows or steady_seconds() - since >= COMMIT_SECONDS
                if full and writer.rows and position is not None:
                    self._commit(writer, position=position, counts=True)
                    writer, since = self._writer(), steady_seconds()
        except Stop:
            raise
        except RunError:
            if writer.rows and position is not None:
                self._commit(writer, position=position, counts=True)
            raise
        self._commit(writer, complete=True, counts=writer.rows > 0)

    def _writer(self) -> "_Writer":
        job, name = self._run.job, f"{self._state.slices_done + 1:06d}"
        if self._state.abandoned:
            name += f"a{self._state.abandoned}"
        if self._in_parts and self._state.position:
            name += f"-{len(self._state.position['written']):06d}"
        connection = job.connection.id if job.connection else None

        def to(table: str, seen: Columns) -> SliceWriter:
            prefix = f"{job.org_id}/bronze/{self._run.source}/{table}{self._own_folder()}"
            place = Place(f"{prefix}/connection={connection or 'none'}/run={job.run_id}", job.epoch, connection)
            known = merge_columns(self._run.columns.get(table, []), seen)
            return SliceWriter(self._run.storage, place, name, self._may_write, known)

        return _Writer(name, to(self._table.table, self._seen()), to(f"{self._table.table}_rejects", []))

    def _own_folder(self) -> str:
        """Files of resources that share a table have the same names."""
        if self._table.table not in self._run.sharing:
            return ""
        return f"/resource={blake2b(self._table.name.encode(), digest_size=8).hexdigest()}"

    def _seen(self) -> Columns:
        """The columns that this run has written into the table."""
        columns: Columns = []
        for name in self._run.sharing.get(self._table.table, [self._table.name]):
            columns = merge_columns(columns, self._run.state.resources[name].columns)
        return columns

    def _may_write(self) -> None:
        self._run.ask("may_write", {})

    def _take(self, writer: "_Writer", page: Page) -> None:
        writer.add(page)
        self._received += page.received
        self._run.link.check()
        if steady_seconds() - self._reported >= _PROGRESS_SECONDS:
            self._reported = steady_seconds()
            self._run.link.progress(self._run.progress(self._at_work(writer.rows, self._received)))

    def _at_work(self, rows: int = 0, received: int = 0) -> AtWork:
        """`rows` and `received` are not committed yet. The slices of this attempt tell how long the others take."""
        state = self._state
        at = AtWork(self._table.name, rows, received, self._requests())
        done = state.slices_done - self._done_before
        if not done or state.slices_total is None:
            return at
        pace = (steady_seconds() - self._began) / done
        return replace(at, seconds_left=pace * (state.slices_total - state.slices_done))

    def _requests(self) -> int:
        """How many requests were sent since the last commit."""
        return self._requests_sent() - self._requests_before

    def _requests_sent(self) -> int:
        return self._asking.requests_sent() if self._asking else 0

    def _commit(
        self,
        writer: "_Writer",
        position: Json | None = None,
        complete: bool = False,
        counts: bool = False,
        ordered: bool = False,
    ) -> None:
        files = writer.table.finish()
        before = self._state
        after = replace(
            before,
            done=complete,
            slices_done=before.slices_done + int(counts),
            rows=before.rows + writer.rows,
            received=before.received + self._received,
            requests=before.requests + self._requests(),
            files=before.files + len(files),
            size=before.size + sum(file["bytes"] for file in files),
            position=position,
            cursor=self._table.cursor(),
            columns=merge_columns(before.columns, writer.table.columns),
            rejected=before.rejected + writer.rejects.rows,
        )
        self._run.state.resources[self._table.name] = after
        self._requests_before += self._requests()
        payload = self._payload(after, writer, complete, counts, ordered)
        answer = self._run.ask("commit_slice", payload | {"publish": ordered and before.position is not None})
        self._received = 0
        if answer.get("conflict"):
            self._run.state.resources[self._table.name] = before
            raise _overtaken(answer["conflict"])

    def _payload(self, after: ResourceProgress, writer: "_Writer", complete: bool, counts: bool, ordered: bool) -> Json:
        name = self._table.name
        is_seen = complete or (ordered and not self._table.replace)
        moves = self._table.tracks and after.cursor is not None and is_seen
        return {
            "resource": name,
            "table": self._table.table,
            "files": writer.table.files,
            "columns": after.columns,
            "visible": ordered and not self._table.replace,
            "complete": complete,
            "replace": self._table.replace,
            "sharing": self._run.sharing.get(self._table.table, []),
            "rejects": self._rejects(writer),
            "cursor": {"value": after.cursor, "after": self._table.cursor_saved_by} if moves else None,
            "checkpoint": self._run.state.as_json(),
            "progress": self._run.progress(None if complete else self._at_work()),
            "logs": self._entries(after, writer.rows, complete, counts),
        }

    def _rejects(self, writer: "_Writer") -> Json | None:
        if not (self._isolating and self._isolating.rejects):
            return None
        files = writer.rejects.finish()
        return {"table": f"{self._table.table}_rejects", "files": files, "columns": writer.rejects.columns}

    def _entries(self, after: ResourceProgress, rows: int, complete: bool, counts: bool) -> list[log_texts.Entry]:
        name, entries = self._table.name, []
        if counts and after.in_slices:
            entries.append(log_texts.slice_completed(name, after, rows))
        if complete and after.rejected:
            entries.append(
                log_texts.rows_rejected(name, after, f"bronze.{self._run.source}.{self._table.table}_rejects")
            )
        if complete:
            entries.append(log_texts.resource_completed(name, after, steady_seconds() - self._began))
        return entries


@dataclass(frozen=True)
class _Writer:
    """The files of one commit: the rows of a slice, and the rows that could not be read."""

    name: str
    table: SliceWriter
    rejects: SliceWriter

    @property
    def rows(self) -> int:
        return self.table.rows

    @property
    def files(self) -> list[Json]:
        return self.table.files

    def add(self, page: Page) -> None:
        self.table.add(page.table)
        if page.rejects is not None:
            self.rejects.add(page.rejects)


def _partly(bad: Sequence[Permanent], files: int) -> Permanent:
    """The first error, with the number of files that also have one."""
    first = bad[0]
    names = [error.details["file"] for error in bad if "file" in error.details]
    others = f" ({len(bad):,} of {files:,} files could not be read; the others were.)" if files > 1 else ""
    return Permanent(first.code, first.message + others, first.details | {"files": names[:_MOST_NAMES]})


def _overtaken(run_id: str) -> Permanent:
    text = f"Run {run_id} has extracted this resource meanwhile; nothing was added twice. Start one run at a time."
    return Permanent(ErrorCode.DATA_ERROR, f"{text} A concurrency key holds the others back.", {"run_id": run_id})
