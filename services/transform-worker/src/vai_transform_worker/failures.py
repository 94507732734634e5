"""Turns failures of DuckDB and deltalake into errors of runs (decision 25).

Failures inside an Arrow stream arrive as OSError or DeltaError and keep only their text, so they are recognised by
their text. Values of rows are never shown: a value in DuckDB's message is shown only if the SQL itself has it.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import duckdb

from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_transform_worker.query.engine import AsText
from vai_transform_worker.query.error_texts import without_values
from vai_transform_worker.query.exact import not_exact
from vai_worker.lake import store_errors
from vai_worker.reading.sources import Source

_LONGEST = 1_000
_DUCKDB = re.compile(r"\b([A-Z][A-Za-z]*(?: [A-Za-z]+){0,3}) Error: ")
_RETRIED = {
    "IO": ErrorCode.CONNECTION_ERROR,
    "HTTP": ErrorCode.CONNECTION_ERROR,
    "INTERNAL": ErrorCode.INTERNAL_ERROR,
    "FATAL": ErrorCode.INTERNAL_ERROR,
    "INTERRUPT": ErrorCode.INTERNAL_ERROR,
}
_OF_THE_SQL = {"Parser", "Binder", "Catalog", "Syntax", "Permission"}
"""Errors that occur before a row is read. Their messages have names from the SQL, but no values."""

_KINDS = {*_RETRIED, *_OF_THE_SQL, "Out of Memory", "Conversion", "Out of Range", "Invalid Input", "Not implemented"}


def query_failure(
    error: Exception, memory_mb: int, spill_mb: int = 0, sql: str = "", rows_read: bool = False
) -> RunError:
    """The run's error for a failed query. `memory_mb` and `spill_mb` are what the query may use.

    `rows_read`: rows were read before, so the message may have values, too.
    """
    text = _words_of(error).strip()
    match = _DUCKDB.search(text)
    kind = match[1] if match and match[1] in _KINDS else "?"
    text = text[match.start() :] if match else text
    details = {"engine": "duckdb", "type": kind}
    if kind == "Out of Memory" and "max_temp_directory_size" in text:
        return Permanent(ErrorCode.DATA_ERROR, _too_much("disk", f"{spill_mb:,}", "VAI_SPILL_MB"), details)
    if kind == "Out of Memory":
        return Permanent(ErrorCode.DATA_ERROR, _too_much("memory", str(memory_mb), "VAI_CHILD_MEMORY_MB"), details)
    if (ours := not_exact(text)) is not None:
        return Permanent(ErrorCode.DATA_ERROR, ours[:_LONGEST], details)
    is_shown = kind in ("IO", "HTTP") or (kind in _OF_THE_SQL and not rows_read)
    said = (text if is_shown else without_values(text, sql))[:_LONGEST]
    if kind in _RETRIED:
        return Retryable(_RETRIED[kind], f"The query broke off: {said}", details)
    if kind == "Permission":
        return Permanent(ErrorCode.DATA_ERROR, f"The SQL may read nothing but its inputs: {said}", details)
    return Permanent(ErrorCode.DATA_ERROR, f"The SQL failed, correct it and run again: {said}", details)


_MISSING = re.compile(r"no such file|does not exist|not found|cannot open file|no files in log|404", re.IGNORECASE)


def version_gone(error: Exception, sources: Iterable[Source]) -> Permanent | None:
    """The error of a run that reads earlier versions whose files are gone. None for any other failure."""
    named = [each for each in sources if each.version is not None]
    if not named or not isinstance(error, duckdb.IOException) or not _MISSING.search(str(error)):
        return None
    listed = ", ".join(f"version {each.version} of {each.dataset}" for each in named)
    message = f"The files of {listed} are gone: a version can be read for a day after the next. Take a newer one"
    return Permanent(ErrorCode.DATA_ERROR, message, {"versions": {each.dataset: each.version for each in named}})


def _words_of(error: Exception) -> str:
    """DuckDB's message. DuckDB cuts long values in the middle of a character, which Python then cannot decode."""
    return error.object.decode(errors="replace") if isinstance(error, UnicodeDecodeError) else str(error)


def about_text(error: RunError, as_text: Sequence[AsText]) -> RunError:
    """Add to the error which columns were read as text, if it is about one of them or about text."""
    about = [each for each in as_text if each.column.lower() in error.message.lower() or "VARCHAR" in error.message]
    if error.code != ErrorCode.DATA_ERROR or not about:
        return error
    said = "; ".join(
        f"{each.column} of {each.dataset} was read as text (VARCHAR): it is {' and '.join(each.kinds)} in its files"
        for each in about
    )
    return Permanent(ErrorCode.DATA_ERROR, f"{error.message}. {said}. CAST it to the type that you want", error.details)


def _too_much(what: str, most: str, setting: str) -> str:
    return (
        f"The SQL needs more {what} than it may use ({most} MB): filter or aggregate earlier, "
        f"or give the workers more ({setting})"
    )


class _Meaning(NamedTuple):
    """A kind of failure of deltalake: how it is recognised, and the run's error for it."""

    words: re.Pattern[str]
    error: Callable[[str, int], RunError]


def _final(kind: str, table: str, message: str) -> RunError:
    return Permanent(ErrorCode.DATA_ERROR, message, {"engine": "deltalake", "type": kind, "table": table})


def _no_memory(table: str, memory_mb: int) -> RunError:
    message = (
        f"Writing {table} needs more memory than it may use ({memory_mb} MB): write fewer rows at once, "
        "or give the workers more (VAI_CHILD_MEMORY_MB, VAI_SPILL_MB)"
    )
    return _final("memory", table, message)


def _no_disk(table: str, memory_mb: int) -> RunError:
    message = f"There is no room left to write {table}: make room where the lake and the workers' scratch folder are"
    return _final("disk", table, message)


def _unfit(table: str, memory_mb: int) -> RunError:
    message = (
        f"The rows do not fit into {table}: a value or a type cannot be stored as the table has it. "
        "CAST the columns in the SQL, or run it as full_refresh"
    )
    return _final("data", table, message)


def _several(table: str, memory_mb: int) -> RunError:
    message = f"Several rows have the same merge_keys of {table}: give each key once, or run it as full_refresh once"
    return _final("keys", table, message)


def _no_table(table: str, memory_mb: int) -> RunError:
    message = f"{table} is a Delta table that this version cannot write (a feature that another tool gave it)"
    return _final("protocol", table, message)


_MEANINGS = (
    _Meaning(re.compile(r"No space left|StorageFull|Disk quota|quota exceeded", re.IGNORECASE), _no_disk),
    _Meaning(re.compile(r"resources ?exhausted|temp(orary)? (directory|disk)|spill", re.IGNORECASE), _no_memory),
    _Meaning(re.compile(r"multiple source rows|ambiguous", re.IGNORECASE), _several),
    _Meaning(
        re.compile(r"unsupported (reader|writer|table)|(reader|writer) (version|feature)", re.IGNORECASE), _no_table
    ),
    _Meaning(
        re.compile(
            r"cast error|schema ?(error|mismatch)|(cannot|can't) cast|invalid (data type|argument)|coerc"
            r"|too large to store|utf-8|overflow|out of range|parser error|computeerror|duplicate field|panicked"
            r"|error during planning|arrow error|not yet implemented|invariant|generated column|constraint",
            re.IGNORECASE,
        ),
        _unfit,
    ),
)


def write_failure(error: Exception, table: str, memory_mb: int) -> RunError:
    """The run's error for a table that could not be written, by the meaning of the failure, whichever library raised
    it.

    Unknown failures count as trouble on the way to the lake, which the next attempt may not have.
    """
    text = str(error).split("\n   0: <unknown>")[0]
    details = {"engine": "deltalake", "type": type(error).__name__, "table": table}
    if refused := store_errors.meaning(error):
        message = f"{table} could not be written, since the lake refuses it ({refused}): {store_errors.ADVICE}"
        return Retryable(ErrorCode.CONNECTION_ERROR, message, details)
    for meaning in _MEANINGS:
        if meaning.words.search(text):
            return meaning.error(table, memory_mb)
    message = f"{table} could not be written: the lake did not answer as it should ({type(error).__name__})"
    return Retryable(ErrorCode.CONNECTION_ERROR, message, details)
