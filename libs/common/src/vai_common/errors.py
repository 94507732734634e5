"""The errors that a run can end with (document 000, "Error Codes").

A handler raises `Retryable` or `Permanent`. Any other exception becomes INTERNAL_ERROR and is retried.
"""

from enum import StrEnum
from typing import Any


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
        self.message = message
        self.details = details or {}

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def as_json(self) -> dict[str, Any]:
        """The `error` of a run, as document 000 shows it."""
        return {"code": self.code, "message": self.message, "details": self.details, "retryable": self.retryable}


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
