"""Turns failures of Spark into errors of runs (decision 25). Values of rows are never shown."""

import re

from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_transform_worker.query.error_texts import HIDDEN

_LONGEST = 600
_CLASS = re.compile(r"\[([A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)*)\]")
_OF_NAMES = (
    *("UNRESOLVED_", "AMBIGUOUS_", "MISSING_", "DATATYPE_MISMATCH", "PARSE_SYNTAX_ERROR", "UNSUPPORTED_"),
    *("COLUMN_", "GROUP_BY", "INVALID_", "NOT_", "WRONG_NUM_ARGS", "NUM_COLUMNS_MISMATCH", "INCOMPATIBLE_COLUMN_TYPE"),
)
"""Classes of errors that come before a row is read: their messages have names of the SQL, and no values."""

_LOST = re.compile(
    r"UNAVAILABLE|failed to connect|Connection refused|Socket closed|INVALID_HANDLE|RETRIES_EXCEEDED|ExecutorLost"
    r"|SparkContext|FileNotFound|FAILED_READ_FILE|S3Exception|AmazonS3|DEADLINE_EXCEEDED|PATH_NOT_FOUND"
)
_REFUSED = re.compile(r"UNAUTHENTICATED|PERMISSION_DENIED")
_CANCELLED = re.compile(r"OPERATION_CANCELED|interrupted|cancelled", re.IGNORECASE)
_OUT_OF_SPACE = re.compile(r"No space left|OutOfMemory|Disk quota", re.IGNORECASE)
_OURS = re.compile(
    r"vai: (Column '[^'\n]{1,260}' [^\n]{0,120}?(?:DECIMAL\(38, 0\) or VARCHAR|keep epoch_ns\(…\)|good enough)"
    r"|a number with decimals is CAST to a whole one: write round\(…\) around it)"
)
"""What we let Spark raise (`query.exact`, `dialect`)."""

_NO_DELTA = re.compile(r"DATA_SOURCE_NOT_FOUND|Failed to find.* data source: delta", re.IGNORECASE)


def failure(error: Exception, rows_read: bool) -> RunError:
    """The run's error for what pyspark raised. `rows_read`: a job ran, so the message may hold values."""
    text = str(error).partition("JVM stacktrace")[0]
    found = _CLASS.search(text)
    kind = found[1] if found else type(error).__name__
    details = {"engine": "spark", "type": kind}
    if (ours := _OURS.search(text)) is not None:
        return Permanent(ErrorCode.DATA_ERROR, ours[1], details)
    if _NO_DELTA.search(text):
        message = "The Spark cluster cannot read Delta tables: give it the jar of Delta for its version"
        return Permanent(ErrorCode.CONNECTION_ERROR, message, details)
    if _REFUSED.search(text):
        message = "The Spark cluster refuses this installation: look at VAI_SPARK_TOKEN"
        return Permanent(ErrorCode.AUTH_ERROR, message, details)
    if _OUT_OF_SPACE.search(text):
        message = "The Spark cluster has too little memory or disk for this SQL: filter earlier, or make it larger"
        return Permanent(ErrorCode.DATA_ERROR, message, details)
    if found is not None and _LOST.search(text):
        message = f"Spark lost its way to the data or to itself ({kind}): look at the cluster's own log"
        return Retryable(ErrorCode.CONNECTION_ERROR, message, details)
    if kind.startswith(_OF_NAMES) and found is not None:
        said = text[found.start() :].partition(";\n")[0].strip()
        said = (said if not rows_read else found[0])[:_LONGEST]
        return Permanent(ErrorCode.DATA_ERROR, f"Spark cannot run the SQL, correct it or use duckdb: {said}", details)
    if _CANCELLED.search(text):
        return Retryable(ErrorCode.INTERNAL_ERROR, "The job was ended in Spark by somebody else", details)
    if found is None:
        message = f"Spark did not answer as it should ({kind}): look at the cluster's own log"
        return Retryable(ErrorCode.CONNECTION_ERROR, message, details)
    return Permanent(ErrorCode.DATA_ERROR, f"The SQL failed in Spark: [{kind}] {HIDDEN}", details)
