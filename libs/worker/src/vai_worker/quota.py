"""Whether an answer says that a quota is used up, and until when. Servers write this in several ways."""

import re
from collections.abc import Mapping
from datetime import datetime

from vai_worker.retry_after import LONGEST, moment, seconds_to_wait

_REMAINING = ("X-RateLimit-Remaining", "RateLimit-Remaining", "X-Rate-Limit-Remaining", "X-Rate-Limit-Requests-Left")
_RESETS = ("X-RateLimit-Reset", "RateLimit-Reset", "X-Rate-Limit-Reset", "X-RateLimit-Reset-After")
_FIELD = re.compile(r"\b([rt])=([0-9]{1,15})\b", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?", re.ASCII)
_FIRST_EPOCH = 1e9
"""A larger number is a time (seconds or milliseconds since 1970), a smaller one is seconds from now."""


def is_quota(status: int, headers: Mapping[str, str]) -> bool:
    """429, and 403 with a time to come back or with nothing left of a quota (decision 25)."""
    return status == 429 or (status == 403 and ("Retry-After" in headers or _left(headers) == 0))


def is_spent(status: int, headers: Mapping[str, str]) -> bool:
    """Whether the next request would be one too many, also where this one was answered."""
    return is_quota(status, headers) or _left(headers) == 0


def quota_wait(headers: Mapping[str, str], answered_at: datetime) -> float | None:
    """Seconds until the quota has room, from `Retry-After`, else from the time of its reset. None if not said.

    The case of the headers' names does not matter.
    """
    asked = seconds_to_wait(headers.get("Retry-After"), answered_at)
    if asked is not None:
        return asked
    for name in _RESETS:
        if (wait := _until(headers.get(name, ""), answered_at)) is not None:
            return wait
    fields = dict(_FIELD.findall(headers.get("RateLimit", "")))
    return float(fields["t"]) if "t" in fields else None


def _left(headers: Mapping[str, str]) -> int | None:
    for name in _REMAINING:
        if re.fullmatch(r"[0-9]{1,15}", text := headers.get(name, "").strip(), re.ASCII):
            return int(text)
    fields = dict(_FIELD.findall(headers.get("RateLimit", "")))
    return int(fields["r"]) if "r" in fields else None


def _until(text: str, answered_at: datetime) -> float | None:
    text = text.strip()
    if _NUMBER.fullmatch(text):
        number = float(text)
        if number < _FIRST_EPOCH:
            return number
        seconds = number / 1000 if number > 1000 * _FIRST_EPOCH else number
        return min(max(seconds - answered_at.timestamp(), 0.0), LONGEST)
    at = moment(text) or _iso(text)
    return None if at is None else min(max((at - answered_at).total_seconds(), 0.0), LONGEST)


def _iso(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text[:50])
    except ValueError:
        return None
    return found if found.tzinfo else None
