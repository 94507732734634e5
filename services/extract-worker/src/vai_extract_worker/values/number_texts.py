"""Numbers as a country writes them: `1.234,50`. Only what is declared a number is read so."""

import re
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from vai_records.definitions.sources.csv_words import CsvWords

_NUMBERS: Final = ("bigint", "double", "decimal")
_UNFIT: Final = "="
"""Begins a text that is no number, so that no type takes it for one: 1.5 where the comma is the mark."""


def written_plainly(kind: str, column: pa.ChunkedArray, words: CsvWords) -> pa.ChunkedArray:
    """A column of text that is declared `kind`, its numbers as all the world reads them: 1234.50."""
    mark, group = words.decimal_separator, words.thousands_separator
    if (mark == "." and group is None) or not kind.startswith(_NUMBERS):
        return column
    whole = r"[0-9]+" if group is None else rf"(?:[0-9]{{1,3}}(?:{re.escape(group)}[0-9]{{3}})+|[0-9]+)"
    fits = pc.match_substring_regex(column, rf"^[+-]?{whole}(?:{re.escape(mark)}[0-9]+)?$")
    plain = column if group is None else pc.replace_substring(column, group, "")
    unfit = pc.binary_join_element_wise(pa.scalar(_UNFIT), column, pa.scalar(""))
    return pc.if_else(fits, pc.replace_substring(plain, mark, "."), unfit)
