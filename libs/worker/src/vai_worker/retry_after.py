"""Reads `Retry-After` (RFC 9110, 10.2.3) as servers write it: a finite number of seconds, or None."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 1e9
"""Seconds, about thirty years. Larger values become this. `vai_worker.retry_rules` does not wait that long anyway."""

_SECONDS = re.compile(r"[0-9]{1,400}(?:\.[0-9]{1,400})?", re.ASCII)
_LONGEST_TEXT = 400


def seconds_to_wait(given: str | None, answered_at: datetime) -> float | None:
    """Seconds that the other side asks to wait, 0 or more. None if there is no readable value.

    A date is relative to `answered_at`: the time of the answer by the other side's clock, if it sends that.
    """
    text = (given or "").strip()
    if len(text) > _LONGEST_TEXT:
        return LONGEST if text.isascii() and text.isdigit() else None
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST)
    at = moment(text)
    return None if at is None else min(max((at - answered_at).total_seconds(), 0.0), LONGEST)


def moment(text: str | None) -> datetime | None:
    """The time of an HTTP date, or None if the text is no date. Without a zone it is UTC."""
    try:
        found = parsedate_to_datetime((text or "")[:_LONGEST_TEXT])
        return (found.replace(tzinfo=UTC) if found.tzinfo is None else found).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
        return None
