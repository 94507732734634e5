"""Warns of JSON texts that have lost a character, once per resource and attempt."""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from vai_extract_worker.log_texts import characters_lost
from vai_worker.children.link import Link

_SIGN: Final = "\ufffd"


class LostCharacters:
    """JSON can escape half of a character (`\\ud83d` alone), which no file can store. U+FFFD replaces it.

    If the source itself wrote U+FFFD, because it had lost a character before, the warning comes as well.
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
