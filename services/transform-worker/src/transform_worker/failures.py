"""What a failure of DuckDB or deltalake means for the run (decision 25).

Failures inside an Arrow stream arrive as OSError or DeltaError and keep only their text, so the text is what counts.
"""

import re

from common.errors import ErrorCode, Permanent, Retryable, RunError

_LONGEST = 1_000
_DUCKDB = re.compile(r"(Out of Memory|IO|HTTP|INTERNAL|FATAL|INTERRUPT|Permission) Error: ")
_UNFIT = re.compile(r"[Cc]ast error|[Ss]chema error|SchemaMismatch|Cannot cast|Can't cast|Invalid data type")
_RETRIED = {
    "IO": ErrorCode.CONNECTION_ERROR,
    "HTTP": ErrorCode.CONNECTION_ERROR,
    "INTERNAL": ErrorCode.INTERNAL_ERROR,
    "FATAL": ErrorCode.INTERNAL_ERROR,
    "INTERRUPT": ErrorCode.INTERNAL_ERROR,
}


def query_failure(error: Exception, memory_mb: int, spill_mb: int = 0) -> RunError:
    """The run's error for a failed query; `memory_mb` and `spill_mb` are what the query may use."""
    text = str(error).strip()
    match = _DUCKDB.search(text)
    kind = match[1] if match else text.partition(":")[0][:60]
    details = {"engine": "duckdb", "type": kind}
    if kind == "Out of Memory" and "max_temp_directory_size" in text:
        message = (
            f"The SQL needs more disk than it may use ({spill_mb:,} MB): filter or aggregate earlier, "
            "or give the workers more (VAI_SPILL_MB)"
        )
        return Permanent(ErrorCode.DATA_ERROR, message, details)
    if kind == "Out of Memory":
        message = (
            f"The SQL needs more memory than it may use ({memory_mb} MB): filter or aggregate earlier, "
            "or give the workers more (VAI_CHILD_MEMORY_MB)"
        )
        return Permanent(ErrorCode.DATA_ERROR, message, details)
    if kind in _RETRIED:
        return Retryable(_RETRIED[kind], f"The query broke off: {text[:_LONGEST]}", details)
    if kind == "Permission":
        return Permanent(ErrorCode.DATA_ERROR, f"The SQL may read nothing but its inputs: {text[:_LONGEST]}", details)
    return Permanent(ErrorCode.DATA_ERROR, f"The SQL failed, correct it and run again: {text[:_LONGEST]}", details)


def write_failure(error: Exception, table: str) -> RunError:
    """The run's error for a table that could not be written."""
    text = str(error).split("\n   0: <unknown>")[0].strip()[:_LONGEST]
    details = {"engine": "deltalake", "type": type(error).__name__, "table": table}
    if _UNFIT.search(text):
        message = f"The rows do not fit into {table}: {text}. Cast the column in the SQL, or run it as full_refresh"
        return Permanent(ErrorCode.DATA_ERROR, message, details)
    return Retryable(ErrorCode.CONNECTION_ERROR, f"{table} could not be written: {text}", details)
