"""Patterns for the quotes of csv: whether records are complete, and whether they are sound. For RE2, which looks at
each byte once.

A record is sound if each closing quote is followed by the delimiter or the end of the line, and if no backslash stands
before a quote in a field without quotes (unless the backslash is the declared escape). In a record that is not sound a
quote was not doubled, not escaped or not closed. Programs read such records differently and may join several rows into
one.
"""

import re
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc


@cache
def whole_records(delimiter: str, quote: str, escape: str) -> str:
    """A pattern for complete records as lenient readers see them: text may follow a closing quote."""
    unquoted, quoted = _fields(delimiter, quote, escape)
    return _records(f"{unquoted}|{quoted}(?:{unquoted})?", delimiter)


@cache
def sound_records(delimiter: str, quote: str, escape: str) -> str:
    """A pattern for complete records that are sound."""
    unquoted, quoted = _fields(delimiter, quote, escape)
    if not escape:
        cut, mark = re.escape(delimiter), re.escape(quote)
        parts = f"(?:[^{cut}\\\\\\n\\r]|\\\\+[^{cut}{mark}\\\\\\n\\r])"
        unquoted = f"(?:[^{cut}{mark}\\\\\\n\\r]|\\\\+[^{cut}{mark}\\\\\\n\\r]){parts}*\\\\*|\\\\+"
    return _records(f"{unquoted}|{quoted}", delimiter)


@cache
def clean_records(delimiter: str, quote: str, escape: str) -> str:
    """A pattern for complete records that have quotes around fields and nowhere else."""
    cut, mark = re.escape(delimiter), re.escape(quote)
    return _records(f"[^{cut}{mark}\\n\\r]+|{_fields(delimiter, quote, escape)[1]}", delimiter)


def fits(data: bytes, pattern: str) -> bool:
    """Whether the pattern matches the whole text."""
    return bool(pc.match_substring_regex(pa.array([data], pa.binary()), pattern)[0].as_py())


def _records(field: str, delimiter: str) -> str:
    return f"^(?s:(?:(?:{field})?[{re.escape(delimiter)}\\n\\r])*)$"


def _fields(delimiter: str, quote: str, escape: str) -> tuple[str, str]:
    """Fields that begin without a quote, and with one."""
    cut, mark, taken = re.escape(delimiter), re.escape(quote), re.escape(escape)
    escaped = f"|{taken}." if escape else ""
    begin = f"(?:[^{cut}{mark}{taken}\\n\\r]{escaped})"
    plain = f"(?:[^{cut}{taken}\\n\\r]{escaped})"
    return f"{begin}{plain}*", f"{mark}(?:[^{mark}{taken}]{escaped}|{mark}{mark})*{mark}"
