"""Runs a source that was written for dlt: its resources become tables, page by page; what dlt keeps as state is the
cursor (docs/write-a-source.md).
"""

import inspect
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from difflib import get_close_matches
from importlib import import_module
from pathlib import PurePath
from typing import Any, Final, NoReturn, cast

import pyarrow as pa
import requests
from dlt.common.configuration import known_sections
from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.configuration.specs.config_section_context import ConfigSectionContext
from dlt.common.json import json as dlt_json
from dlt.common.pipeline import StateInjectableContext, TPipelineState
from dlt.extract import DltResource
from dlt.extract import DltSource as TheirSource
from dlt.extract.incremental import Incremental, IncrementalResourceWrapper
from dlt.extract.items import DataItemWithMeta
from dlt.extract.pipe_iterator import ManagedPipeIterator
from dlt.extract.source import SourceInjectableContext, SourceSchemaInjectableContext

from vai_common.egress.socket_guard import guarded_sockets
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_extract_worker import failures
from vai_extract_worker.modes import Mode, mode_of
from vai_extract_worker.progress import Json, ResourceProgress
from vai_extract_worker.source import Means, Page, Table
from vai_extract_worker.values.columns import table_of, with_declared
from vai_records.definitions.dlt_extract import DltExtract, DltTables
from vai_records.definitions.source_types import source_types
from vai_records.definitions.sources.resources import Resource
from vai_records.secrets.hiding import Hidden
from vai_worker.children.link import Stop

_PAGE_ROWS: Final = 1_000
_LARGEST_STATE: Final = 1 << 20
_READ_SECONDS: Final = 60.0


class DltSource:
    """Its function gets the fields of the definition, and of the connection's config and credentials what it takes.

    Until it is closed, Python code of this process connects to permitted addresses only.
    """

    def __init__(self, definition: DltExtract, means: Means) -> None:
        self._definition, self._means = cast(DltTables, definition), means
        self._where = source_types()[definition.source].dlt
        self._stack = ExitStack()
        self._stack.enter_context(guarded_sockets(means.policy))

    def close(self) -> None:
        self._stack.close()

    def tables(self) -> list[Table]:
        made = self.made()
        given = self._definition.resources
        wanted = given or [Resource(name=name) for name in made.selected_resources]
        for one in wanted:
            if one.name not in made.resources:
                near = get_close_matches(one.name, made.resources, 1)
                hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(made.resources))}"
                text = f"{self._definition.source} has no table {one.name!r}; {hint}"
                raise Permanent(ErrorCode.DATA_ERROR, text, {"resource": one.name})
        return [DltTable(self.made, self._means, one, self._mode(made.resources[one.name], one)) for one in wanted]

    def _mode(self, theirs: DltResource, resource: Resource) -> Mode:
        """What has no incremental is extracted whole, unless the definition says that it is to be added."""
        adds = _has_incremental(theirs) or resource.write_disposition in ("append", "merge")
        return mode_of(self._definition, resource, since=adds and theirs.write_disposition != "replace")

    def made(self) -> TheirSource:
        """The source, new: its resources can be read once."""
        module, _, name = self._where.partition(":")
        try:
            function = getattr(import_module(module), name)
            found = function(**self._arguments(function))
        except Exception as error:
            _raise_meant(error, self._definition.source, "", self._means.hidden)
        if not isinstance(found, TheirSource):
            text = f"{self._where} is no source of dlt: {type(found).__name__}. Tell whoever builds the image."
            raise Permanent(ErrorCode.INTERNAL_ERROR, text, {"source": self._definition.source})
        return found

    def _arguments(self, function: Callable[..., Any]) -> dict[str, Any]:
        connection = self._means.job.connection
        said = {**connection.config, **connection.credentials} if connection else {}
        taken = inspect.signature(function).parameters
        return {name: value for name, value in said.items() if name in taken} | self._definition.arguments


class DltTable:
    """One resource of dlt. It can go on within an extraction where its rows come in the order of its incremental; else
    a later attempt reads it from where the run began, and no row comes twice.
    """

    sliced = False

    def __init__(self, made: Callable[[], TheirSource], means: Means, resource: Resource, mode: Mode) -> None:
        self.name, self.table = resource.name, resource.table_name
        self.replace, self.tracks = mode.replaces, mode.tracks
        saved = means.cursors.get(self.name)
        self.cursor_saved_by = saved["run_id"] if saved else None
        self._saved = saved["value"] if saved and mode.begins else None
        self._made, self._resource, self._hidden = made, resource, means.hidden
        self._state: Json | None = None

    def begin(self, state: ResourceProgress) -> None:
        """The first attempt decides where the run begins."""
        state.plan = state.plan or {"state": self._saved and self._saved["state"]}
        self._saved = {"state": state.plan["state"]}

    def slices(self, state: ResourceProgress) -> list[Any] | None:
        return None

    def pages(self, part: Any, position: Json | None) -> Iterator[Page]:
        text = position["state"] if position else self._saved and self._saved["state"]
        state: TPipelineState = dlt_json.typed_loads(text) if text else cast(TPipelineState, {})
        source = self._made().with_resources(self.name)
        items = _items(source, state)
        rows: list[Any] = []
        try:
            for item in items:
                table = _table(item, self._resource.columns)
                if table is None:
                    rows += item if isinstance(item, list) else [item]
                if table is not None and rows:  # the state is already that after the table
                    yield self._page(table_of(_plain(rows), self._resource.columns))
                    rows = []
                if table is not None:
                    yield self._page(table, source, state)
                elif rows and (isinstance(item, list) or len(rows) >= _PAGE_ROWS):
                    yield self._page(table_of(_plain(rows), self._resource.columns), source, state)
                    rows = []
        except (Stop, GeneratorExit):
            raise
        except Exception as error:
            _raise_meant(error, source.name, self.name, self._hidden)
        finally:
            items.close()
        self._state = self._kept(state)
        if rows:
            last = table_of(_plain(rows), self._resource.columns)
            yield Page(last, last.nbytes)

    def _page(self, table: pa.Table, source: TheirSource | None = None, state: TPipelineState | None = None) -> Page:
        """With the source's state after it, where an attempt can go on from that."""
        goes_on = source is not None and state is not None and _goes_on(source.resources[self.name])
        self._state = self._kept(cast(TPipelineState, state)) if goes_on else None
        return Page(table, table.nbytes, self._state)

    def _kept(self, state: TPipelineState) -> Json:
        text = dlt_json.typed_dumps(state)
        if len(text) > _LARGEST_STATE:
            text = f"What {self.name} keeps as dlt's state has more than {_LARGEST_STATE:,} characters. Ask whoever "
            raise Permanent(ErrorCode.DATA_ERROR, f"{text}maintains the source.", {"resource": self.name})
        return {"state": text}

    def cursor(self) -> Json | None:
        return self._state if self.tracks else None


def _items(source: TheirSource, state: TPipelineState) -> Generator[Any]:
    """What the selected resource yields, as it yields it; `state` is changed as the items go by."""
    sections = (known_sections.SOURCES, source.section, source.name)
    contexts: list[Any] = [
        ConfigSectionContext(sections=sections, source_state_key=source.name),
        StateInjectableContext(state=state),
        SourceSchemaInjectableContext(source.schema),
        SourceInjectableContext(source),
    ]
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(Container().injectable_context(context))
        pipe: Any = ManagedPipeIterator.from_pipes(source.resources.selected_pipes)
    pipe.set_context(contexts)
    with pipe:
        for each in pipe:
            item = each.item
            yield item.data if isinstance(item, DataItemWithMeta) else item


def _has_incremental(resource: DltResource) -> bool:
    """Of its own, or of the resource that it is made from."""
    pipe: Any = resource._pipe
    while pipe is not None:
        if pipe.get_by_type(IncrementalResourceWrapper, Incremental) is not None:
            return True
        pipe = pipe.parent
    return False


def _goes_on(resource: DltResource) -> bool:
    """Whether the state after a page says all that is left: not where its rows, or another resource's, come in any
    order.
    """
    found: Any = resource.incremental
    found = getattr(found, "incremental", found)
    return not resource.is_transformer and bool(getattr(found, "row_order", None) == "asc")


def _table(item: Any, columns: dict[str, Any]) -> pa.Table | None:
    """Arrow and pandas as they are; None for rows."""
    if isinstance(item, pa.RecordBatch):
        item = pa.Table.from_batches([item])
    elif type(item).__module__.partition(".")[0] == "pandas":
        item = pa.Table.from_pandas(item, preserve_index=False)
    return with_declared(item, columns) if isinstance(item, pa.Table) else None


def _plain(rows: list[Any]) -> list[Any]:
    return [row.model_dump() if hasattr(row, "model_dump") else row for row in rows]


def _raise_meant(error: Exception, source: str, resource: str, hidden: Hidden) -> NoReturn:
    """The run's error that an exception of foreign code means: by what caused it, else by where it was raised."""
    details = {"resource": resource} if resource else {"source": source}
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RunError):
            raise cause
        if isinstance(cause, requests.RequestException):
            answer = cause.response
            raise (failures.of_status(answer, hidden) if answer is not None else _unanswered(cause)) from error
        if isinstance(cause, ConfigurationException):
            text = f"{source} lacks a value: {str(cause)[:300]} Put it into the definition, or the connection's config "
            raise Permanent(ErrorCode.AUTH_ERROR, f"{text}or credentials.", details) from error
        if isinstance(cause, (ConnectionError, TimeoutError)):
            text = f"A connection of {source} failed ({type(cause).__name__}); check that it is up."
            raise Retryable(ErrorCode.CONNECTION_ERROR, text, details) from error
        error_below, cause = cause, cause.__cause__ or cause.__context__
    frame = traceback.extract_tb(error_below.__traceback__)[-1]
    place = f"{PurePath(frame.filename).name}:{frame.lineno}"
    text = f"{resource or source} failed in its own code ({type(error_below).__name__} in {place}). If the vendor's "
    text += "answer is right, tell whoever maintains the source."
    raise Permanent(ErrorCode.DATA_ERROR, text, details | {"place": place}) from error


def _unanswered(error: requests.RequestException) -> RunError:
    url = error.request.url if error.request else None
    return failures.of_exception(error, url if isinstance(url, str) else None, _READ_SECONDS)
