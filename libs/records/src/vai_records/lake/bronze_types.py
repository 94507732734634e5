"""The types of bronze's columns by DuckDB's names, and where two of them meet: what a reader of both files gets.

A reader unites files by name, and DuckDB then finds a type for both. Where that type would change a value (`true`
beside 7 reads as 1) or where there is none (a date beside a number), the later file is written as text, and with one
text beside it everything reads as the text that it is.
"""

import re

NULL, BIGINT, UBIGINT, DOUBLE, TEXT, BLOB = "NULL", "BIGINT", "UBIGINT", "DOUBLE", "VARCHAR", "BLOB"

WIDEST_DECIMAL = 38
EXACT_DIGITS = 15
"""How many digits a double keeps exactly."""

_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_WHOLE_DIGITS = {BIGINT: 19, UBIGINT: 20}


def met(known: str, found: str, wide: bool = False) -> str:
    """The type that holds the values of both types unchanged. `wide`: there are whole numbers that no double holds
    exactly.
    """
    if known == found or found == NULL:
        return known
    if known in (NULL, BLOB):
        return found if known == NULL else BLOB
    if {known, found} == {BIGINT, DOUBLE}:
        return TEXT if wide else DOUBLE
    one, other = _digits(known), _digits(found)
    if DOUBLE in (known, found) and (digits := one or other) and not {known, found} & _WHOLE_DIGITS.keys():
        return DOUBLE if sum(digits) <= EXACT_DIGITS else TEXT
    if one and other and {known, found} != _WHOLE_DIGITS.keys():
        return decimal_name(max(one[0], other[0]), max(one[1], other[1]))
    return TEXT


def decimal_name(before: int, after: int) -> str:
    """The type of numbers with so many digits before and after the point. Text if there is no such type."""
    return f"DECIMAL({before + after},{after})" if before + after <= WIDEST_DECIMAL else TEXT


def _digits(kind: str) -> tuple[int, int] | None:
    if kind in _WHOLE_DIGITS:
        return _WHOLE_DIGITS[kind], 0
    found = _DECIMAL.fullmatch(kind)
    return (int(found[1]) - int(found[2]), int(found[2])) if found else None
