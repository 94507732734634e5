"""The extraction in the child process: one resource after another, slice by slice. The worker commits each slice.

A resource that fails does not stop the others (document 000, "Partial Success"). If it may succeed later, the run's
next attempt tries it again, from the checkpoint. After the last attempt the result has the resources that succeeded.
"""

import traceback
from collections import defaultdict
from contextlib import closing
from importlib import import_module
from typing import Any

from vai_common.egress.addresses import Policy
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_extract_worker import log_texts
from vai_extract_worker.confidential import DiscreetLink, hidden_of
from vai_extract_worker.loading.loading import Loading, Run, Unanswered
from vai_extract_worker.loading.results import Outcome
from vai_extract_worker.loading.trial import Trial
from vai_extract_worker.progress import Progress
from vai_extract_worker.source import IsolatingTable, Means, Source
from vai_records.definitions.dlt_extract import DltExtract
from vai_records.definitions.source_types import source_types
from vai_records.lake.manifest import Columns
from vai_worker.children.job import Job
from vai_worker.children.link import Link, Stop
from vai_worker.lake.storage import open_lake


def extract(job: Job, link: Link) -> dict[str, Any]:
    """Extract what the definition asks for. Return the run's result (decision 29).

    Raises `Stop`; or, when nothing could be extracted, the most important `RunError` (see `loading.results`).
    """
    definition = DltExtract.model_validate(job.definition)
    hidden = hidden_of(definition.stored(), job.connection, job.named_secrets)
    discreet = DiscreetLink(link, hidden)
    try:
        prepared = job.prepared
        policy = Policy.parse(prepared["addresses"])
        means = Means(job, discreet, policy, prepared["files_root"], prepared["cursors"], hidden)
        with closing(open_source(definition, means)) as source:
            return Extraction(job, discreet, definition, source).perform()
    except Unanswered as unanswered:
        raise unanswered.error from unanswered
    except RunError as error:
        raise hidden.error(error) from error.__cause__


def open_source(definition: DltExtract, means: Means) -> Source:
    """The source of that name; its code is imported only here."""
    found = source_types().get(definition.source)
    if found is None or not found.code:
        raise Permanent(ErrorCode.DATA_ERROR, f"The source {definition.source} has nothing to extract.")
    module, _, name = found.code.partition(":")
    source: Source = getattr(import_module(module), name)(definition, means)
    return source


class Extraction:
    """One attempt of one run."""

    def __init__(self, job: Job, link: Link, definition: DltExtract, source: Source) -> None:
        limit, tables = definition.limit_rows, source.tables()
        self._is_trial = limit is not None
        self._tables = {table.name: table if limit is None else Trial(table, limit) for table in tables}
        state = Progress.begin(list(self._tables), job.checkpoint)
        lake = open_lake(job.lake_url)
        self._run = Run(
            job, link, lake, job.prepared["source"], definition.slice_rows, state, {}, self._known(job), self._sharing()
        )
        self._attempts_left = job.attempt < definition.retry.max_attempts
        self._is_patient = definition.retry.max_attempts > 1
        self._before = {name: (one.done, one.rows) for name, one in state.resources.items()}

    def _sharing(self) -> dict[str, list[str]]:
        """The resources of each table that several fill."""
        filled = defaultdict(list)
        for table in self._tables.values():
            filled[table.table].append(table.name)
        return {table: names for table, names in filled.items() if len(names) > 1}

    def _known(self, job: Job) -> dict[str, Columns]:
        """The columns of the files that are already in the table. A reader will read them together with this run's
        files.
        """
        there = job.prepared.get("columns", {})
        return {
            table.table: there[table.table]["of_others" if table.replace else "all"]
            for table in self._tables.values()
            if table.table in there
        }

    def perform(self) -> dict[str, Any]:
        """Extract the resources that are left, then return the result."""
        run, state = self._run, self._run.state
        run.log(log_texts.extraction_started(run.source, list(state.resources), len(state.done)))
        for name in state.resources:
            if not state.resources[name].done and not self._is_given_up(name):
                self._load(name)
        run.link.progress(run.progress(None))
        outcome = self._outcome()
        if error := outcome.verdict(self._attempts_left or self._has_advanced, self._may_wait):
            self._give_up(error)
            raise error
        self._announce(outcome)
        result = outcome.result()
        done, failed = list(state.done), list(run.failed)
        run.log(log_texts.extraction_completed(run.source, result["recordsProcessed"], done, failed))
        return result

    @property
    def _has_advanced(self) -> bool:
        """Whether this attempt has committed something: then it does not count."""
        now = {name: (one.done, one.rows) for name, one in self._run.state.resources.items()}
        return self._is_patient and now != self._before

    @property
    def _may_wait(self) -> bool:
        return self._is_patient and bool(self._run.job.prepared.get("may_wait"))

    def _is_given_up(self, name: str) -> bool:
        """Whether the resource failed for good in an earlier attempt of this run. Another request would get the same
        answer.
        """
        given_up = self._run.state.given_up
        if given_up.get("run") != self._run.job.run_id or name not in given_up["errors"]:
            return False
        error = given_up["errors"][name]
        self._run.failed[name] = Permanent(ErrorCode(error["code"]), error["message"], error["details"])
        return True

    def _give_up(self, end: RunError) -> None:
        """Called before another attempt: remember which resources failed for good."""
        final = {name: error.as_json() for name, error in self._run.failed.items() if not error.retryable}
        if not end.retryable or not final:
            return
        self._run.state.given_up = {"run": self._run.job.run_id, "errors": final}
        self._run.ask("remember", {"checkpoint": self._run.state.as_json()})

    def _load(self, name: str) -> None:
        try:
            Loading(self._run, self._tables[name]).perform()
        except (Stop, Unanswered):
            raise
        except RunError as error:
            self._fail(name, error)
        except Exception as error:
            self._fail(name, _unexpected(error))

    def _fail(self, name: str, error: RunError) -> None:
        self._run.failed[name] = error
        self._run.log(log_texts.resource_failed(name, error, self._run.state.resources[name]))
        self._run.link.progress(self._run.progress(None))

    def _outcome(self) -> Outcome:
        run = self._run
        destination = f"{run.job.lake_url.rstrip('/')}/{run.job.org_id}/bronze/{run.source}"
        tables = {name: table.table for name, table in self._tables.items()}
        if len(done := {tables[name] for name in run.state.done}) == 1:
            destination += f"/{done.pop()}"  # the columns that were extracted, not all that the source has
        partly = frozenset(name for name in run.failed if self._is_partly_seen(name))
        return Outcome(run.state, tables, run.failed, destination, partly)

    def _is_partly_seen(self, name: str) -> bool:
        """Whether a failed resource's other slices are in its table already."""
        table, state = self._tables[name], self._run.state.resources[name]
        return isinstance(table, IsolatingTable) and table.tracks and not table.replace and state.slices_done > 0

    def _announce(self, outcome: Outcome) -> None:
        """Announce tables that were not announced yet. This happens once, however often the run is taken up again."""
        state = outcome.state
        new = {name: found for name, found in state.done.items() if found.rows and name not in state.announced}
        state.announced = [*state.announced, *new]
        if new and not self._is_trial:
            tables, rows = [outcome.tables[name] for name in new], sum(found.rows for found in new.values())
            self._run.ask("announce", {"tables": tables, "rows": rows, "checkpoint": state.as_json()})


def _unexpected(error: Exception) -> Retryable:
    """As `vai_common.errors.unexpected`, without the error's own words: they may hold rows of the source."""
    frames = "".join(traceback.format_tb(error.__traceback__))[-2000:]
    name = type(error).__name__
    text = f"Unexpected {name}. If it stays after the retries, report it with the run's id."
    return Retryable(ErrorCode.INTERNAL_ERROR, text, {"type": name, "trace": frames})
