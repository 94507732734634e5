"""The log entries of an extraction: events, texts and data keys of document 004."""

from typing import Any

from vai_common.errors import RunError
from vai_extract_worker.progress import ResourceProgress

Entry = dict[str, Any]
Data = dict[str, Any]


def _entry(event: str, message: str, data: Data, level: str = "info") -> Entry:
    return {"event": event, "message": message, "data": data, "level": level}


def extraction_started(source: str, resources: list[str], completed: int) -> Entry:
    goes_on = f", {completed} of {len(resources)} resources were complete" if completed else ""
    return _entry(
        "extraction_started", f"Starting extraction from {source}{goes_on}", {"source": source, "resources": resources}
    )


def resource_started(name: str, state: ResourceProgress, before: int, total: int) -> Entry:
    """`before` counts the resources that have ended, completed or failed."""
    sliced = ", sliced" if (state.slices_total or 1) > 1 else ""
    data: Data = {"resource": name, "completed_count": before, "total_count": total}
    return _entry("resource_started", f"Extracting {name} ({before + 1}/{total}){sliced}", data)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _of(state: ResourceProgress, number: int) -> str:
    return f"Slice {number}" if state.slices_total is None else f"Slice {number}/{state.slices_total}"


def slice_started(name: str, state: ResourceProgress) -> Entry:
    number = state.slices_done + 1
    text = f"{_of(state, number)} for {name}"
    return _entry("slice_started", text, {"resource": name, "slice": number, "slices_total": state.slices_total})


def slice_completed(name: str, state: ResourceProgress, rows: int) -> Entry:
    number = state.slices_done
    text = f"{_of(state, number)}: {_count(rows, 'row')}"
    return _entry(
        "slice_completed", text, {"resource": name, "slice": number, "slices_total": state.slices_total, "rows": rows}
    )


def slice_divided(name: str, state: ResourceProgress, why: str) -> Entry:
    """A slice that is larger than the source gives at once."""
    number = state.slices_done + 1
    text = f"Slice {number} for {name} is too large for the source and goes on in two halves: {why}"
    return _entry("slice_divided", text, {"resource": name, "slice": number})


def resource_completed(name: str, state: ResourceProgress, seconds: float) -> Entry:
    text = f"Completed {name}: {_count(state.rows, 'row')}, {_count(state.files, 'file')}"
    data: Data = {"resource": name, "rows": state.rows, "files": state.files, "duration_seconds": round(seconds, 3)}
    return _entry("resource_completed", text, data)


def resource_note(name: str, note: str) -> Entry:
    return _entry("resource_note", f"{name}: {note}", {"resource": name}, "warning")


def columns_missing(name: str, columns: list[str], place: str | None) -> Entry:
    """`place` is the file; None: no row of the whole resource has them."""
    shown = ", ".join(columns[:20]) + (", …" if len(columns) > 20 else "")
    where = "No row has" if place is None else f"{place} has no"
    text = f"{where} {shown}, which columns of {name} declares"
    return _entry("columns_missing", text, {"resource": name, "columns": columns[:100]}, "warning")


def rows_rejected(name: str, state: ResourceProgress, table: str) -> Entry:
    text = f"{_count(state.rejected, 'row')} of {name} could not be read; {table} has them, each with its line"
    return _entry("rows_rejected", text, {"resource": name, "rejected_rows": state.rejected, "table": table}, "warning")


def resource_failed(name: str, error: RunError, state: ResourceProgress) -> Entry:
    data: Data = {"resource": name, "error": error.as_json(), "rows": state.rows, "slices_completed": state.slices_done}
    return _entry("resource_failed", f"Failed {name}: {error.message}", data, "error")


def extraction_completed(source: str, rows: int, completed: list[str], failed: list[str]) -> Entry:
    text = f"Extraction from {source} completed: {_count(rows, 'row')}, {_count(len(completed), 'resource')}"
    text += f", {len(failed)} failed: {', '.join(failed)}" if failed else ""
    data: Data = {"source": source, "rows": rows, "completed_resources": completed, "failed_resources": failed}
    return _entry("extraction_completed", text, data, "warning" if failed else "info")


def late_rows(name: str, rows: int, param: str, asked: Any) -> Entry:
    text = f"{_count(rows, 'row')} of {name} older than {asked} came although {param} asked for newer ones, and "
    text += "were passed over; if they came late, give the resource a lag"
    data: Data = {"resource": name, "rows": rows, "param": param, "asked": asked}
    return _entry("late_rows_passed_over", text, data, "warning")


def bound_not_shown(name: str, rows: int, param: str, value: Any) -> Entry:
    text = f"{name} was asked from {value} on, where it had {rows:,} rows, and now shows none of them: {param} seems "
    text += "to exclude the value that it is given. Then rows that came later with that value are missing: set a lag"
    return _entry("bound_not_shown", text, {"resource": name, "rows": rows, "param": param, "value": value}, "warning")


def windows_have_gaps(name: str, form: str) -> Entry:
    text = f"Rows of {name} have times that are finer than the ends of its windows ({form}), which the source counts. "
    text += "What lies between the end of a window and the beginning of the next one is not asked for: set the format "
    text += "of slices to datetime_ms, or to a pattern with %f"
    return _entry("windows_have_gaps", text, {"resource": name, "format": form}, "warning")


def total_not_reached(name: str, rows: int, total: int, place: str) -> Entry:
    text = f"{_count(rows, 'row')} of {name} came, and {place} says that there are {total:,}. Where the source leaves "
    text += "none out by itself, name the right paginator"
    return _entry("total_not_reached", text, {"resource": name, "rows": rows, "total": total}, "warning")


def last_page_empty(name: str, pages: int) -> Entry:
    text = f"The last of the {pages:,} pages of {name} that total_path announces has no rows. If the source counts its "
    text += "pages from 0, the first one is missing: set base_page in the paginator to 0; else say 1 there"
    return _entry("last_page_empty", text, {"resource": name, "pages": pages}, "warning")


def total_may_be_capped(name: str, total: int) -> Entry:
    text = f"{_count(total, 'row')} of {name} came, as many as its total says, and the last page is full: many sources "
    text += "count no further than that, and there may be more. Ask for less at a time (slices, incremental)"
    return _entry("total_may_be_capped", text, {"resource": name, "total": total}, "warning")


def paging_not_found(name: str, rows: int) -> Entry:
    text = f"{_count(rows, 'row')} came on one page, and nothing in the answer tells whether there are more. If these "
    text += "are all, set paginator: single_page; else name the paginator."
    return _entry("paging_not_found", text, {"resource": name, "rows": rows}, "warning")


def paging_repeats(name: str) -> Entry:
    text = f"Pages of {name} have the same rows as the one before, but for a value that may move with each request: if "
    text += (
        "the source ignores which page it is asked for, rows came several times. If these are different pages, name "
    )
    text += "the whole primary_key; else name the right paginator"
    return _entry("paging_repeats", text, {"resource": name}, "warning")


def rows_moved(name: str, rows: int) -> Entry:
    text = (
        f"{_count(rows, 'row')} of {name} came twice, by the primary_key: the list has changed its order while it was "
    )
    text += "read, so others may be missing. Sort by a field that stays, such as id or created_at, or give a lag"
    return _entry("rows_moved", text, {"resource": name, "rows": rows}, "warning")


def characters_lost(name: str, values: int) -> Entry:
    text = f"{_count(values, 'value')} of a page of {name} have U+FFFD, the sign for a lost character: the source has "
    text += "escaped half of one (such as a smiley that was cut), which no file can hold, or has lost it before"
    return _entry("characters_lost", text, {"resource": name, "values": values}, "warning")


def rows_not_remembered(name: str, rows: int, most: int) -> Entry:
    text = (
        f"{_count(rows, 'row')} of {name} may come again in the next run: more than {most:,} stand at the end of the "
    )
    text += "cursor; take write_disposition merge with a primary_key, or a cursor of finer values"
    return _entry("rows_not_remembered", text, {"resource": name, "rows": rows}, "warning")


def saved_cursor_ahead(name: str, value: str) -> Entry:
    text = f"The cursor of {name} stood at {value}, which is in the future; it goes on from now. Rows from before that "
    text += "may be missing: extract once with incremental: false"
    return _entry("cursor_in_the_future", text, {"resource": name, "value": value}, "warning")


def table_shared(name: str, table: str, why: str, replaces: bool) -> Entry:
    """Two definitions fill one table, perhaps by accident."""
    does = "takes the place of those rows" if replaces else "adds to those rows"
    text = f"{table} was filled {why} before; this run {does}. If that is not wanted, give {name} a table, or the "
    text += "definition a source_name or a connection, of its own"
    return _entry("table_shared", text, {"resource": name, "table": table, "replaces": replaces}, "warning")
