"""Whether a run that has failed is tried again, and after how many seconds (decision 25)."""

import math
import random
from collections.abc import Callable
from typing import Any, Final

from vai_common.clock import now
from vai_common.errors import ErrorCode, Retryable, RunError
from vai_records.definitions.base import Retry
from vai_worker.owned import Owned

LONGEST_PAUSE: Final = 86_400.0
"""Seconds. If the other side asks to wait longer than that, the failure is final (decision 25)."""

MOST_SPARED: Final = 1_000
"""After so many claims of a run every attempt counts."""


def policy_of(run: Owned) -> Retry:
    """The definition's retry settings, or the default if it cannot be read."""
    try:
        return run.definition.retry
    except Exception:
        return Retry()


def final_error(error: RunError, attempt: int, policy: Retry) -> RunError | None:
    """The error with which the run fails; None if another attempt may help and one is left."""
    if not isinstance(error, Retryable):
        return error
    asked = error.retry_after
    if asked is not None and asked > LONGEST_PAUSE:
        text = "The other side asks to wait for more than a day, so the run is not retried automatically."
        return _with(error, text, {"attempts": attempt})
    if attempt >= policy.max_attempts:
        tried = "once" if attempt == 1 else f"{attempt} times"
        return _with(error, f"It was tried {tried}.", {"attempts": attempt})
    return None


def is_spared(run: Owned, error: RunError, policy: Retry) -> bool:
    """Whether the attempt does not count: it has committed something, or it waits for a quota.

    There are bounds: it counts after a wait of a day, a day of such waits in a row, or very many claims.
    """
    if not isinstance(error, Retryable) or policy.max_attempts == 1 or run.epoch >= MOST_SPARED:
        return False
    if error.retry_after is not None and error.retry_after > LONGEST_PAUSE:
        return False
    if error.code is not ErrorCode.RATE_LIMITED:
        return run.advanced
    return run.advanced or (run.waits_for_quota and waited(run) < LONGEST_PAUSE)


def waited(run: Owned) -> float:
    """Seconds since when the run has only got "too many requests"."""
    return 0.0 if run.waits_since is None else max(0.0, (now() - run.waits_since).total_seconds())


def spared_wait(run: Owned, error: RunError, policy: Retry) -> float:
    """Seconds until the next attempt. If the answer does not say when a quota ends: a quarter of the wait so far."""
    asked = error.retry_after if isinstance(error, Retryable) else None
    wait = backoff(policy, 1, asked)
    longer = min(waited(run) / 4, policy.max_interval_seconds) if asked is None and not run.advanced else 0.0
    return max(wait, longer)


def _with(error: Retryable, sentence: str, details: dict[str, Any]) -> Retryable:
    text = error.message.rstrip()
    end = "" if text.endswith((".", "!", "?")) else "."
    return Retryable(error.code, f"{text}{end} {sentence}", error.details | details, error.retry_after)


def backoff(policy: Retry, attempt: int, least: float | None, spread: Callable[[], float] = random.random) -> float:
    """Seconds until the next attempt: exponential with full jitter, never less than the other side asked for."""
    ceiling = min(policy.initial_interval_seconds * policy.multiplier ** (attempt - 1), policy.max_interval_seconds)
    asked = least if least is not None and math.isfinite(least) else 0.0
    return min(max(spread() * ceiling, asked), LONGEST_PAUSE)
