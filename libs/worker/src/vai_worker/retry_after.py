"""`Retry-After` as servers really write it (RFC 9110, 10.2.3): a finite number of seconds, or nothing."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 1e9
"""Seconds, about thirty years: what is larger is told as this. `vai_worker.endings` refuses to wait for much less."""

_SECONDS = re.compile(r"[0-9]{1,400}(?:\.[0-9]{1,400})?", re.ASCII)
_LONGEST_TEXT = 400


def seconds_to_wait(given: str | None, answered_at: datetime) -> float | None:
    """How long the other side asks to wait, 0 at least; None where it says nothing that can be read.

    A date is taken relative to `answered_at`: the time of the answer by the other side's clock, where it tells it.
    """
    text = (given or "").strip()
    if len(text) > _LONGEST_TEXT:
        return LONGEST if text.isascii() and text.isdigit() else None
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST)
    at = moment(text)
    return None if at is None else min(max((at - answered_at).total_seconds(), 0.0), LONGEST)


def moment(text: str | None) -> datetime | None:
    """The time that an HTTP date names; None where it is no date. One without a zone is taken as UTC."""
    try:
        found = parsedate_to_datetime((text or "")[:_LONGEST_TEXT])
        return (found.replace(tzinfo=UTC) if found.tzinfo is None else found).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
        return None
