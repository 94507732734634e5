"""The end of an extraction: its result (decision 29), or its most important error."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_extract_worker.progress import Progress

_DAY = 86_400.0

_TELLING = (
    ErrorCode.AUTH_ERROR,
    ErrorCode.CONNECTION_ERROR,
    ErrorCode.RATE_LIMITED,
    ErrorCode.DATA_ERROR,
    ErrorCode.TIMEOUT,
    ErrorCode.INTERNAL_ERROR,
)


@dataclass(frozen=True)
class Outcome:
    """The state at the end of an attempt; `tables` are the table names by resource.

    `partly` are failed resources of which some complete files are already visible.
    """

    state: Progress
    tables: dict[str, str]
    failed: dict[str, RunError]
    destination: str
    partly: frozenset[str] = frozenset()

    def result(self) -> dict[str, Any]:
        """The result. `failed_resources` is not empty if only a part was extracted."""
        resources = self.state.resources
        done = {name: state for name, state in resources.items() if state.done or name in self.partly}
        result: dict[str, Any] = {
            "recordsProcessed": sum(state.rows for state in done.values()),
            "bytesTransferred": sum(state.received for state in done.values()),
            "tables": [self.tables[name] for name in done],
            "artifacts": [
                {"name": f"{self.tables[name]}.parquet", "size": each.size} for name, each in done.items() if each.size
            ],
            "destination_path": self.destination,
            "per_resource_rows": {name: state.rows for name, state in done.items()},
            "failed_resources": list(self.failed),
        }
        if rejected := {name: state.rejected for name, state in done.items() if state.rejected}:
            result["rejected_rows"] = rejected
        if self.failed:
            result["resource_errors"] = {name: error.as_json() for name, error in self.failed.items()}
        return result

    def verdict(self, attempts_left: bool, may_wait: bool = False) -> RunError | None:
        """The error with which the attempt ends. None if all or a part of the resources succeeded.

        `may_wait`: if only resources are left that wait for a quota, the run waits without using up an attempt.
        """
        later = [error for error in self.failed.values() if isinstance(error, Retryable) and _is_soon(error)]
        if later and not attempts_left:
            later = [error for error in later if may_wait and error.code is ErrorCode.RATE_LIMITED]
        if later:
            wait = max((error.retry_after for error in later if error.retry_after is not None), default=None)
            first = _most_telling(later)
            return Retryable(first.code, first.message, self._details(first), wait)
        if not self.failed or self.state.done or self.partly:
            return None
        worst = _most_telling(list(self.failed.values()))
        if isinstance(worst, Retryable):
            return Retryable(worst.code, worst.message, self._details(worst), worst.retry_after)
        return Permanent(worst.code, worst.message, self._details(worst))

    def _details(self, error: RunError) -> dict[str, Any]:
        codes = {name: failure.code for name, failure in self.failed.items()}
        return error.details | {"failed_resources": codes}


def _is_soon(error: Retryable) -> bool:
    """Whether the error asks for a wait of at most a day (decision 25)."""
    return error.retry_after is None or error.retry_after <= _DAY


def _most_telling(errors: Sequence[RunError]) -> RunError:
    """The order of importance: errors that somebody must correct come before those that may pass by themselves."""
    return min(errors, key=lambda error: (error.retryable, _TELLING.index(error.code)))
