"""Reads a value of a row as a period: a day, a week, a month, a quarter or a year, each as a number that grows by one
per period.

Only plausible values are read: months are 1 to 12, years 1900 to 2200. A bare number is a period only if its column's
name says so.
"""

import re
import unicodedata
from calendar import monthrange
from datetime import UTC, date, datetime
from typing import Any, Final

from vai_extract_worker.paging.row_leaves import Path
from vai_extract_worker.values.selection import words

Readings = dict[str, int]
"""A value as a number of each unit that it may have. Units such as `month of` begin again after their last number."""

CYCLES: Final = {
    "month of": (12, 12),
    "quarter of": (4, 4),
    "half of": (2, 2),
    "week of": (52, 53),
    "day of": (28, 31),
    "period of": (12, 13),
}
"""The last numbers of each unit, after which it may begin with 1 again."""

_WORDS: Final = {
    "year": "year fy jahr yil rok ar annee ano anno jaar yyyy",
    "quarter": "quarter quartal trimestre kwartaal qtr",
    "half": "half halfyear semester halbjahr semestre semestr",
    "month": "month monat mois mes mese maand yearmonth yyyymm ym months ay maned manad miesiac",
    "week": "week woche semaine semana settimana kw wk",
    "day": "day date tag datum jour dia fecha giorno dag yyyymmdd",
    "period": "period zeitraum periode periodo interval",
}
_UNITS: Final = {word: unit for unit, text in _WORDS.items() for word in text.split()}
_BESIDE: Final = words(
    "start begin beginning end from to of name number no num nr key label fiscal calendar report reporting billing "
    "accounting statement iso utc first last code bucket value text beginn ende the in"
)
"""Words that the name of a period's column may have besides the unit."""
_FACTS: Final = words(
    "as valid validity expires expiry expiration expire expired updated update modified changed created generated "
    "generation fetched fetch retrieved requested request queried query accessed loaded extracted exported synced sync "
    "refreshed refresh checked crawled scraped now today current currently until next previous seen snapshot stamp "
    "timestamp ts cutoff due deadline trace session token id uuid guid hash nonce etag ref reference correlation job "
    "batch run seq sequence counter count calls hits version revision cached cache ttl age served server response "
    "processed per remaining left stand gueltig aktualisiert erstellt"
)
"""Words in the names of values that describe the answer, or how it was made, and change with each request."""
_LONG: Final = frozenset(("year", "half", "quarter", "month", "week"))

_MONTHS: Final = (
    "january janvier januar enero gennaio janeiro januari jan ocak styczen",
    "february fevrier februar febrero febbraio fevereiro februari feb subat luty",
    "march mars marz marzo marco maart mar mart marzec",
    "april avril abril aprile apr nisan kwiecien",
    "may mai mayo maggio maio mei maj mays",
    "june juin juni junio giugno junho jun haziran czerwiec",
    "july juillet juli julio luglio julho jul temmuz lipiec",
    "august aout agosto augustus aug augusti agustos sierpien",
    "september septembre septiembre settembre setembro sep sept eylul wrzesien",
    "october octobre oktober octubre ottobre outubro oct okt ekim pazdziernik",
    "november novembre noviembre novembro nov kasm listopad",
    "december decembre dezember diciembre dicembre dezembro desember dec dez aralk grudzien",
)
"""Names of months, reduced to their ASCII letters: Kasım is kasm."""
_BY_NAME: Final = {name: number for number, text in enumerate(_MONTHS, 1) for name in text.split()}

_YEARS: Final = range(1900, 2201)
_ISO: Final = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ](.+))?")
_DAY_FIRST: Final = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
_MONTH: Final = re.compile(r"(\d{4})(?:[-/.]|[-/ ]?[mM](?=\d\d))(\d{2})")
_PART: Final = {
    "quarter": re.compile(
        r"(?P<y>\d{4})[-/ ]?[qQ](?P<n>[1-4])|(?:[qQ](?P<m>[1-4])|(?P<k>[1-4])[qQ])[-/ ']?(?P<z>(?:\d\d){0,2})"
    ),
    "half": re.compile(
        r"(?P<y>\d{4})[-/ ]?[hHsS](?P<n>[12])|(?:[hHsS](?P<m>[12])|(?P<k>[12])[hH])[-/ ']?(?P<z>(?:\d\d){0,2})"
    ),
}
"""Quarters and halves of a year: 2026-Q1, Q1 2026, Q1/26, 1Q26; halves with H, or with S, as Eurostat writes them."""
_PARTS: Final = {"quarter": 4, "half": 2}
_WEEK: Final = re.compile(r"(\d{4})[-/ ]?(?:W|KW ?)(\d{2})")
_YEARS_SPAN: Final = re.compile(r"(?:FY[ -]?)?(\d{4})(?:[-/]\d{2}(?:\d{2})?)?|FY[ '-]?(\d\d)")
_WHOLE_HOUR: Final = re.compile(r"(\d{2}):(?:00(?::00(?:\.0+)?)?|59:59(?:\.9+)?)(?:Z|[+-]\d{2}:?\d{2})?")
_SECONDS: Final = (631_152_000, 4_102_444_800)
"""1990 to 2100, in seconds since 1970."""


def words_of(name: str) -> list[str]:
    bare = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", bare)]


def units_named(path: Path) -> frozenset[str]:
    """The units that a name has, if its other words are allowed: month for `billing_month`, none for `due_day`."""
    for name in reversed(path):
        parts = words_of(name)
        if not parts or any(part not in _UNITS and part not in _BESIDE for part in parts):
            return frozenset()
        if units := frozenset(_UNITS[part] for part in parts if part in _UNITS):
            return units
    return frozenset()


def is_fact(path: Path) -> bool:
    """Whether a name describes the answer: `as_of`, `validUntil`, `request`. It may still be a period, such as
    `created_month`.
    """
    return any(part in _FACTS for name in path for part in words_of(name))


def speaks_of_long(path: Path) -> bool:
    return any(_UNITS.get(word) in _LONG for word in words_of(path[-1]))


def readings(value: Any, units: frozenset[str]) -> Readings:
    """The periods that a value may be. `units` are the units in its column's name. Empty if it is no period."""
    if isinstance(value, str):
        return _of_text(value.strip(), units)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        return {}
    return _of_number(int(value), units) if units else {}


def _of_text(text: str, units: frozenset[str]) -> Readings:
    if found := _ISO.fullmatch(text):
        is_whole = found[4] is None or _WHOLE_HOUR.fullmatch(found[4]) is not None
        return _of_day(int(found[1]), int(found[2]), int(found[3])) if is_whole else {}
    if found := _DAY_FIRST.fullmatch(text):
        one, two, year = int(found[1]), int(found[2]), int(found[3])
        by_month = {f"{unit} (US)": number for unit, number in _of_day(year, one, two).items()}
        return _of_day(year, two, one) | by_month
    if found := _MONTH.fullmatch(text):
        return _of_month(int(found[1]), int(found[2]))
    if found := _WEEK.fullmatch(text):
        return _of_week(int(found[1]), int(found[2]))
    if found_part := _of_part(text, units):
        return found_part
    if text.isdigit() and text.isascii():
        return _of_number(int(text), units, len(text)) if units and len(text) > 1 else {}
    if units and (found := _YEARS_SPAN.fullmatch(text)):
        year = int(found[1]) if found[1] else 2000 + int(found[2])
        return {"year": year} if year in _YEARS else {}
    return _of_name(text)


def _of_part(text: str, units: frozenset[str]) -> Readings:
    """A quarter or a half, with or without a year. Two digits of a year mean this century. S1 alone is not read: it may
    be a sample.
    """
    for unit, form in _PART.items():
        if found := form.fullmatch(text):
            told, number = found["y"] or found["z"] or "", int(found["n"] or found["m"] or found["k"])
            year = int(told or 0) + 2000 * (len(told) == 2)
            if not told:
                return {f"{unit} of": number} if unit == "quarter" or unit in units else {}
            return {unit: year * _PARTS[unit] + number} if year in _YEARS else {}
    return {}


def _of_name(text: str) -> Readings:
    """`January`, `Jan 2026`, `März 2026`."""
    names, years = words_of(text), re.findall(r"\d+", text)
    number = _BY_NAME.get(names[0]) if len(names) == 1 and len(text) <= 20 else None
    if number is None or len(years) > 1:
        return {}
    if not years:
        return {"month of": number}
    told = _of_month(int(years[0]), number) if len(years[0]) == 4 else {}
    return {f"{unit} (by name)": count for unit, count in told.items()}


def _of_number(number: int, units: frozenset[str], digits: int = 0) -> Readings:
    """`digits` is the length of a text. Two digits are a number within a year, 01 as well as 12."""
    found: Readings = {}
    if not digits or digits == 2:
        found = {of: number for of, (_, last) in CYCLES.items() if of.split()[0] in units and 1 <= number <= last}
    if number in _YEARS and units & {"year", "period"}:
        found["year"] = number
    if len(str(number)) == 6:
        found |= _of_month(number // 100, number % 100)
        found |= _of_week(number // 100, number % 100) if "week" in units else {}
    if len(str(number)) == 8:
        found |= _of_day(number // 10_000, number // 100 % 100, number % 100)
    seconds, rest = divmod(number, 1000) if number > _SECONDS[1] else (number, 0)
    if _SECONDS[0] <= seconds <= _SECONDS[1] and seconds % 3600 == 0 and not rest:
        day = datetime.fromtimestamp(seconds, UTC)
        found |= _of_day(day.year, day.month, day.day)
    return found


def _of_day(year: int, month: int, day: int) -> Readings:
    """A day. The first and the last day of a month also stand for the month."""
    if year not in _YEARS or not 1 <= month <= 12 or not 1 <= day <= monthrange(year, month)[1]:
        return {}
    found = {"day": date(year, month, day).toordinal()}
    edges = [str(day)] + ["last"] * (day == monthrange(year, month)[1])
    return found | {f"month ({edge})": year * 12 + month for edge in edges}


def _of_month(year: int, month: int) -> Readings:
    return {"month": year * 12 + month} if year in _YEARS and 1 <= month <= 12 else {}


def _of_week(year: int, week: int) -> Readings:
    try:
        return {"week": date.fromisocalendar(year, week, 1).toordinal() // 7} if year in _YEARS else {}
    except ValueError:
        return {}
