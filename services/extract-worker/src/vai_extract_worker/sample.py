"""The source `sample` (decision 34): synthetic tables of a given size; the same seed gives the same rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_extract_worker.modes import mode_of
from vai_extract_worker.progress import Json, ResourceProgress
from vai_extract_worker.source import Means, Page, Table
from vai_extract_worker.waits import wait
from vai_records.definitions.dlt_extract import SIZES, DltExtract, Sample
from vai_records.definitions.sources.resources import Rehearsal, SampleResource

_PAGE = 10_000
_SECOND_MICROSECONDS = 1_000_000
_FIRST_DAY = 1_767_225_600
_CATEGORIES = pa.array(["books", "garden", "kitchen", "toys"])


class SampleSource:
    """The resources. If none are defined: three tables, or one of the size that the definition names."""

    def __init__(self, definition: DltExtract, means: Means) -> None:
        self._definition = cast(Sample, definition)
        self._means = means

    def close(self) -> None:
        """There is nothing to close."""

    def tables(self) -> list[Table]:
        return [SampleTable(self._definition, resource, self._means) for resource in self._resources()]

    def _resources(self) -> list[SampleResource]:
        given = self._definition
        if given.resources:
            return given.resources
        if given.model_fields_set & {"rows", "slices", "rows_per_second"}:
            return [SampleResource(name="sample")]
        return [SampleResource(name=f"sample_{size.lower()}", rows=rows) for size, rows in SIZES.items()]


@dataclass(frozen=True)
class Stretch:
    """Rows from `first` up to, not including, `end`."""

    index: int
    first: int
    end: int


class SampleTable:
    """One synthetic table, in as many slices as the definition asks for. If it is incremental, ids go on from the
    cursor.
    """

    sliced = True

    def __init__(self, definition: Sample, resource: SampleResource, means: Means) -> None:
        self.name = resource.name
        self.table = resource.table_name
        mode = mode_of(definition, resource, by_definition=True)
        saved = means.cursors.get(self.name)
        self.replace = mode.replaces
        self.tracks = mode.tracks
        self.cursor_saved_by = saved["run_id"] if saved else None
        self._last = saved["value"]["last"] if saved and mode.begins else 0
        self._rows = definition.rows if resource.rows is None else resource.rows
        self._seed = definition.seed if resource.seed is None else resource.seed
        self._slices = resource.slices or definition.slices
        self._pace = resource.rows_per_second or definition.rows_per_second
        self._rehearsal = resource.fail
        self._means = means

    def begin(self, state: ResourceProgress) -> None:
        state.plan = state.plan or {"after": self._last}
        self._last = (state.cursor or {}).get("last", state.plan["after"])

    def slices(self, state: ResourceProgress) -> list[Any] | None:
        first = (state.plan or {})["after"] + 1
        bounds = [first + self._rows * index // self._slices for index in range(self._slices + 1)]
        stretches = [Stretch(index, bounds[index], bounds[index + 1]) for index in range(self._slices)]
        return stretches[state.slices_done :]

    def pages(self, part: Any, position: Json | None) -> Iterator[Page]:
        if self._rehearsal:
            _rehearse(self._rehearsal, part.index, self._means.job.attempt)
        step = min(_PAGE, max(1, int(self._pace / 10))) if self._pace else _PAGE
        for first in range(part.first, part.end, step):
            end = min(first + step, part.end)
            table = _rows(first, end, self._seed)
            if self._pace:
                wait((end - first) / self._pace, self._means.link)
            self._last = end - 1
            yield Page(table, table.nbytes)

    def cursor(self) -> Json | None:
        return {"last": self._last} if self.tracks else None


def _rows(first: int, end: int, seed: int) -> pa.Table:
    ids = pa.array(range(first, end), pa.int64())
    mixed = pc.multiply(pc.add(ids, seed), 0x9E3779B97F4A7C15 - 2**64)
    mixed = pc.bit_wise_and(pc.shift_right(mixed, 20), 0xFFFFFFF)
    moments = pc.multiply(pc.add(ids, _FIRST_DAY), _SECOND_MICROSECONDS)
    return pa.table(
        {
            "id": ids,
            "name": pc.binary_join_element_wise("item", pc.cast(mixed, pa.string()), "-"),
            "category": pc.take(_CATEGORIES, pc.bit_wise_and(mixed, 3)),
            "amount": pc.divide(pc.cast(pc.bit_wise_and(mixed, 0xFFFF), pa.float64()), 100.0),
            "created_at": moments.cast(pa.timestamp("us", tz="UTC")),
        }
    )


def _rehearse(rehearsal: Rehearsal, index: int, attempt: int) -> None:
    over = rehearsal.attempts is not None and attempt > rehearsal.attempts
    if index < rehearsal.after_slices or over:
        return
    code = ErrorCode(rehearsal.code)
    text = "The definition of this sample asks for this failure; take `fail` out of it."
    raise (Retryable if rehearsal.retryable else Permanent)(code, text, {"slice": index + 1})
