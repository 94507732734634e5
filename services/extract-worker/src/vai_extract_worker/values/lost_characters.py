"""Texts of JSON that have lost a character: told of, once a resource and attempt."""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from vai_extract_worker.log_texts import characters_lost
from vai_worker.children.link import Link

_SIGN: Final = "\ufffd"


class LostCharacters:
    """JSON may escape half of a character (`\\ud83d` alone), which no file can hold: U+FFFD stands there instead.

    A source may have written that sign itself, where it had lost one before; it is told of as well.
    """

    def __init__(self, name: str, link: Link) -> None:
        self._name = name
        self._link = link
        self._has_told = False

    def meet(self, table: pa.Table) -> None:
        if self._has_told:
            return
        texts = [column for column in table.columns if pa.types.is_string(column.type)]
        count = sum(pc.sum(pc.match_substring(column, _SIGN)).as_py() or 0 for column in texts)
        if count:
            self._has_told = True
            entry = characters_lost(self._name, count)
            self._link.log(entry["event"], entry["message"], entry["data"], entry["level"])
