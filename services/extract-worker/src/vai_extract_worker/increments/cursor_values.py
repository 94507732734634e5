"""The values of a cursor: compares them, and writes one as its source writes it."""

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from vai_extract_worker.values.columns import instant

Key = int | float | Decimal | datetime | str
"""A comparable value: a number, an instant, or text if the definition says so."""

_NUMBER = re.compile(r"[+-]?\d{1,400}(\.\d{1,400})?", re.ASCII)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_WRITTEN = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:(?P<between>[Tt ])\d{2}:\d{2}(?P<seconds>:\d{2}(?P<fraction>[.,]\d+)?)?"
    r"(?P<zone> ?(?:[Zz]|UTC|GMT|[+-]\d{2}:?\d{2}))?)?"
)
_MIDNIGHT = re.compile(r"(?<=\d\d-\d\d)([Tt ])24(?=:00)")
"""The end of a day in ISO 8601, which is the same instant as the beginning of the next day."""

_LEAP_SECOND = re.compile(r":59:60")
_NAMED_UTC = re.compile(r" ?(?:UTC|GMT|z)$")


def key_of(value: Any, as_text: bool = False) -> Key:
    """The key by which a value is compared. Raises ValueError with the reason if it cannot be compared."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{shape(value)} is neither a number nor a time")
    if as_text:
        return str(value)
    if not isinstance(value, str):
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{value} is not a number that can be compared")
        return value
    if _ISO.match(value) and (found := as_instant(value)) is not None:
        return found
    if _NUMBER.fullmatch(value):
        return Decimal(value)
    raise ValueError(f"{shape(value)} is neither a number nor a time in ISO 8601 (compare_as: text takes it as text)")


def as_instant(value: Any) -> datetime | None:
    """A cursor's value as a moment, None if it is no time."""
    later = timedelta(0)
    if isinstance(value, str):
        value = _NAMED_UTC.sub("+00:00", value) if value[-1:] in "TCz" else value
        if _MIDNIGHT.search(value):
            value, later = _MIDNIGHT.sub(r"\g<1>00", value), timedelta(days=1)
        elif _LEAP_SECOND.search(value):
            value, later = _LEAP_SECOND.sub(":59:59", value), timedelta(seconds=1)
    try:
        return instant(value) + later
    except (ValueError, OverflowError, OSError):
        return None


def before(key: Key, amount: float) -> Key:
    """The key minus `amount` (seconds for an instant). Raises ValueError for text, which has no difference."""
    if isinstance(key, str):
        raise ValueError("text has no lag")
    if isinstance(key, datetime):
        try:
            return key - timedelta(seconds=amount)
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)
    if isinstance(key, float):
        return key - amount
    return key - (int(amount) if float(amount).is_integer() else Decimal(str(amount)))


def written(key: Key, like: Any, zone: tzinfo = UTC) -> Any:
    """A key in the form of the value `like`: a time with the same zone, separator and decimals, a number as text or
    not.

    `zone` is the time zone of times that name none.
    """
    if isinstance(key, datetime):
        return _written_instant(key, like, zone) if isinstance(like, str) else key.timestamp()
    if isinstance(like, str):
        if re.match(r"0\d", like):  # the source compares text
            return str(max(key, 0)).zfill(len(like)) if isinstance(key, int | Decimal) else str(key)
        return str(key)
    return float(key) if isinstance(key, Decimal) else key


def names_zone(value: str) -> bool:
    """Whether a time names its zone, or has a form that is not known here."""
    form = _WRITTEN.fullmatch(value)
    return form is None or form["zone"] is not None


def _written_instant(moment: datetime, like: str, zone: tzinfo) -> str:
    form = _WRITTEN.fullmatch(like)
    local = moment.astimezone(_zone_of(like) if names_zone(like) else zone)
    if form is None:
        return local.isoformat()
    if form["between"] is None:
        return local.date().isoformat()
    text = f"{local:%Y-%m-%d}{form['between']}{local:%H:%M}"
    if form["seconds"] is None:
        return text + (form["zone"] or "")
    text += f":{local:%S}"
    if form["fraction"]:
        mark, decimals = form["fraction"][0], len(form["fraction"]) - 1
        text += mark + f"{local.microsecond:06d}"[:decimals].ljust(decimals, "0")
    return text + (form["zone"] or "")


def grain(value: Any) -> timedelta:
    """How long a written time lasts (all moments within it are written alike): a day, a minute, a second, or less."""
    form = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
    if form is None or form["fraction"]:
        return timedelta(milliseconds=1)
    if form["between"] is None:
        return timedelta(days=1)
    return timedelta(seconds=1) if form["seconds"] else timedelta(minutes=1)


def _zone_of(like: str) -> tzinfo:
    try:
        return datetime.fromisoformat(_NAMED_UTC.sub("+00:00", like)).tzinfo or UTC
    except ValueError:
        return UTC


def shape(value: Any) -> str:
    """The form of a value without its content, which belongs to a customer: 31/12/2025 becomes 99/99/9999."""
    if not isinstance(value, str):
        return f"a {type(value).__name__}"
    return "text like " + re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", value[:40]))
