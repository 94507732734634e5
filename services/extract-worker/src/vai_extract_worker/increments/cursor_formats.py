"""Formats of times, for a source that does not write ISO 8601, or that expects another format in requests than in
rows.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from vai_extract_worker.increments.cursor_values import Key, as_instant, grain, key_of, names_zone, shape, written
from vai_records.definitions.sources.resources import Incremental
from vai_records.definitions.sources.time_formats import UNITS, directives, unit_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WRITTEN: Final = {"date": "%Y-%m-%d", "datetime": "%Y-%m-%dT%H:%M:%SZ"}


class TimeFormat:
    """One format of times. `zone` is the time zone for patterns that have none, and for `date`."""

    def __init__(self, form: str, zone: tzinfo = UTC) -> None:
        self._form = form
        self._zone = UTC if form in UNITS and form != "date" else zone
        self._pattern = _WRITTEN.get(form, form)
        self._has_zone = "z" in directives(form) or self._zone is UTC
        self.unit = unit_of(form)

    def read(self, value: Any) -> datetime:
        """A value of a row as a moment. Raises ValueError, whose text does not quote the value."""
        try:
            if self._form in ("unix", "unix_ms"):
                return _EPOCH + timedelta(microseconds=self._microseconds(value))
            if isinstance(value, bool) or not isinstance(value, str | int):
                raise ValueError
            found = datetime.strptime(str(value), self._pattern)  # noqa: DTZ007 - the zone comes below
            return (found if found.tzinfo else found.replace(tzinfo=self._zone)).astimezone(UTC)
        except (ValueError, OverflowError, InvalidOperation):
            raise ValueError(f"{shape(value)} does not fit the format {self._form}") from None

    def written(self, moment: datetime) -> str | int:
        """A moment in this format. Digits that the format has no place for are cut off, so it may name an earlier
        moment.

        When clocks are set back, one hour comes twice, and the source may assume its second occurrence. Then an hour
        earlier is written, so that no row is left out.
        """
        if self._form in ("unix", "unix_ms"):
            return (moment - _EPOCH) // self.unit
        if self._form == "datetime_ms":
            moment = moment.astimezone(UTC)
            return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
        return self._local(moment).strftime(self._pattern)

    def written_after(self, moment: datetime) -> str | int:
        """The same for an exclusive end: the written moment is never before it."""
        said = self.written(moment)
        return said if self.read_back(said) == moment else self.written(moment + self.unit)

    def read_back(self, said: str | int) -> datetime:
        """A text in this format as a moment."""
        if self._form == "datetime_ms":
            return datetime.fromisoformat(str(said))
        return self.read(said).astimezone(UTC)

    def _microseconds(self, value: Any) -> int:
        if isinstance(value, bool) or (isinstance(value, str) and not value.isascii()):
            raise ValueError
        return int(Decimal(str(value)) * (1_000_000 if self._form == "unix" else 1_000))

    def _local(self, moment: datetime) -> datetime:
        local = moment.astimezone(self._zone)
        if self._has_zone:
            return local
        twice = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
        if twice[0] is not None and twice[1] is not None and twice[0] > twice[1]:
            return (local.replace(fold=0).astimezone(UTC) - (twice[0] - twice[1])).astimezone(self._zone)
        return local


class CursorFormats:
    """How the values of one cursor are compared, and how they are written in requests."""

    def __init__(self, incremental: Incremental) -> None:
        zone: tzinfo = ZoneInfo(incremental.timezone) if incremental.timezone else UTC
        self._zone = zone
        self._as_text = incremental.compare_as == "text"
        self._shown = TimeFormat(incremental.format, zone) if incremental.format else None
        self._asked = TimeFormat(incremental.param_format, zone) if incremental.param_format else None

    def key(self, value: Any) -> Key:
        """The key by which a row's value is compared. Raises ValueError with the reason if it has none."""
        if self._shown:
            return self._shown.read(value)
        found = key_of(value, self._as_text)
        if self._zone is not UTC and isinstance(found, datetime) and isinstance(value, str) and not names_zone(value):
            found = found.replace(tzinfo=self._zone).astimezone(UTC)
        if self._asked and not isinstance(found, datetime):
            raise ValueError(f"{shape(value)} is no time, and param_format writes times: give the format of the rows")
        return found

    def given(self, value: Any) -> Key:
        """The same for a value of the definition, or one that was saved from it. It may always be ISO 8601."""
        try:
            return self.key(value)
        except ValueError:
            found = as_instant(value) if self._shown and isinstance(value, str) else None
            if found is None:
                raise
            return found

    def grain(self, value: Any) -> timedelta:
        """How long a value lasts: all moments within this time are written alike."""
        return self._shown.unit if self._shown else grain(value)

    def as_shown(self, key: Key, like: Any) -> Any:
        """A key as the source writes it. `like` is a value of the source, as an example."""
        if self._shown and isinstance(key, datetime):
            return self._shown.written(key)
        return written(key, like, self._zone)

    def asked(self, key: Key, like: Any, *, is_it: bool) -> Any:
        """The value for a request "from `key` on". `like` is a value of the source, `is_it` the one that has this
        key.
        """
        if self._asked and isinstance(key, datetime):
            return self._asked.written(key)
        if is_it and (self._shown is None or self._fits(like)):
            return like
        return self.as_shown(key, like)

    def asked_until(self, key: Key, value: Any) -> Any:
        """The same for the end, which is exclusive."""
        form = self._asked or (None if self._shown is None or self._fits(value) else self._shown)
        return form.written_after(key) if form and isinstance(key, datetime) else value

    def floor_of(self, key: Key) -> Key:
        """From which moment on the source answers if it is asked from `key` on. Its format may be coarser than the
        key.
        """
        if self._asked and isinstance(key, datetime):
            return min(key, self._asked.read_back(self._asked.written(key)))
        return key

    def _fits(self, value: Any) -> bool:
        try:
            return self._shown is not None and self._shown.read(value) is not None
        except ValueError:
            return False
