"""The errors that a run can end with (document 000, "Error Codes").

A handler raises `Retryable` or `Permanent`. Any other exception becomes INTERNAL_ERROR and is retried.
"""

from enum import StrEnum
from math import inf
from typing import Any

import orjson

LARGEST_DETAILS = 65_536
"""Bytes of JSON; what does not fit is left out. An error is a row, a log entry and an event, which Kafka bounds."""

LONGEST_MESSAGE = 10_000
"""Characters."""


class ErrorCode(StrEnum):
    CONNECTION_ERROR = "CONNECTION_ERROR"
    AUTH_ERROR = "AUTH_ERROR"
    RATE_LIMITED = "RATE_LIMITED"
    DATA_ERROR = "DATA_ERROR"
    TIMEOUT = "TIMEOUT"
    INTERNAL_ERROR = "INTERNAL_ERROR"


class RunError(Exception):
    """Why a run failed: `message` says what to do, `details` are JSON values. Travels between processes."""

    retryable = False

    def __init__(self, code: ErrorCode, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(code, message, details)
        self.code = code
        self.message = message if len(message) <= LONGEST_MESSAGE else f"{message[: LONGEST_MESSAGE - 1]}…"
        self.details = details or {}

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def as_json(self) -> dict[str, Any]:
        """The `error` of a run, as document 000 shows it."""
        details = _bounded(self.details)
        return {"code": self.code, "message": self.message, "details": details, "retryable": self.retryable}


def _bounded(details: dict[str, Any]) -> dict[str, Any]:
    """What fits of the details, in their order, and the names of what is `left_out`."""
    if _size(details) <= LARGEST_DETAILS:
        return details
    kept, left = dict[str, Any](), list[str]()
    room: float = LARGEST_DETAILS - 1_000
    for name, value in details.items():
        size = _size({name: value})
        if size <= room:
            kept[name], room = value, room - size
        else:
            left.append(name[:50])
    return {**kept, "left_out": left[:10]}


def _size(value: Any) -> float:
    """Bytes as JSON; infinite for what is none."""
    try:
        return len(orjson.dumps(value))
    except TypeError:
        return inf


class Permanent(RunError):
    """Trying again would not help."""


class Retryable(RunError):
    """Trying again may help; `retry_after` (seconds) is the least wait that the other side asked for."""

    retryable = True

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        details: dict[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, message, details)
        self.args = (code, message, details, retry_after)
        self.retry_after = retry_after


def unexpected(error: BaseException, trace: str | None = None) -> Retryable:
    """The error for any other exception: INTERNAL_ERROR, retried, with the end of the traceback for debugging."""
    details = {"type": type(error).__name__} | ({"trace": trace[-2000:]} if trace else {})
    text = f"Unexpected {type(error).__name__}: {error}. If it stays after the retries, report it with the run's id."
    return Retryable(ErrorCode.INTERNAL_ERROR, text, details)
