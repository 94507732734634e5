"""Reads numbers in a country's notation: `1.234,50`. Only for columns that are declared as numbers."""

import re
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from vai_records.definitions.sources.csv_words import CsvWords

_NUMBERS: Final = ("bigint", "double", "decimal")
_UNFIT: Final = "="
"""A prefix for a text that is no number in this notation, so that no type accepts it: 1.5 if the comma is the decimal
mark.
"""
_SPELLINGS: Final = {" ": "[\u00a0\u2007\u2009\u202f]", "'": "\u2019"}
"""Characters that are also written for a mark: non-breaking spaces, and the typographic apostrophe."""


def written_plainly(kind: str, column: pa.ChunkedArray, words: CsvWords) -> pa.ChunkedArray:
    """A text column that is declared `kind`, with its numbers in the usual notation: 1234.50."""
    mark, group = words.decimal_separator, words.thousands_separator
    is_told = "decimal_separator" in words.model_fields_set
    if not kind.startswith(_NUMBERS) or (mark == "." and group is None and not (is_told and kind == "bigint")):
        return column
    if group in _SPELLINGS:
        column = pc.replace_substring_regex(column, _SPELLINGS[group], group)
    whole = "[0-9]+" if group is None else f"(?:{_grouped(re.escape(group), group)}|[0-9]+)"
    fits = pc.match_substring_regex(column, rf"^[+-]?{whole}(?:{re.escape(mark)}[0-9]+)?$")
    plain = column if group is None else pc.replace_substring(column, group, "")
    plain = pc.replace_substring(plain, mark, ".")
    if kind == "bigint" and is_told:
        plain = pc.replace_substring_regex(plain, r"\.0+$", "")
    unfit = pc.binary_join_element_wise(pa.scalar(_UNFIT), column, pa.scalar(""))
    return pc.if_else(fits, plain, unfit)


def _grouped(mark: str, group: str) -> str:
    """A pattern for groups of three digits. The first group does not begin with zero, so 0.123 has no group. In India
    only the last group has three digits.
    """
    indian = rf"|[1-9][0-9]?(?:{mark}[0-9]{{2}})*{mark}[0-9]{{3}}" if group == "," else ""
    return rf"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+{indian}"
