"""Reports columns that a resource declares and its source does not have, since they may be typing errors."""

from collections.abc import Mapping

import pyarrow as pa

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker import log_texts
from vai_worker.children.link import Link


class Undelivered:
    """Declared columns that have not come yet. Upper and lower case do not matter.

    `by_value`: a column with only NULLs has not come. For JSON, where a declared column is added to every table.
    """

    def __init__(self, types: Mapping[str, str], by_value: bool) -> None:
        self._left = {name.lower(): name for name in types}
        self._by_value = by_value

    @property
    def names(self) -> list[str]:
        return list(self._left.values())

    def meet(self, table: pa.Table) -> None:
        """Take note of the columns of rows that came."""
        for name in table.column_names if self._left else ():
            if name.lower() in self._left and not (self._by_value and table[name].null_count == len(table)):
                del self._left[name.lower()]

    def tell(self, resource: str, place: str | None, fails: bool, link: Link) -> None:
        """If columns are missing, write a warning to the log, or raise `Permanent` (DATA_ERROR) if `fails`."""
        if not self._left:
            return
        entry = log_texts.columns_missing(resource, self.names, place)
        if fails:
            text = f"{entry['message']}. Correct the names in columns, or set on_missing_column to warn."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "columns", "columns": self.names})
        link.log(entry["event"], entry["message"], entry["data"], entry["level"])
