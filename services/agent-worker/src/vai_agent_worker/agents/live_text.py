"""What a model says while it says it, as entries of the run's log: whoever streams the log reads along."""

import asyncio

from vai_common.clock import steady_seconds
from vai_worker.owned import Owned

SOON_SECONDS = 0.2
"""Until text that has come is written; the first piece is written at once."""
_LONGEST = 4_000


class LiveText:
    """Collects pieces of one answer; an entry's message is the text.

    Its `offset` says where this text begins in the answer; 0 begins the answer anew.
    """

    def __init__(self, run: Owned, turn: int) -> None:
        self._run, self._turn = run, turn
        self._offset, self._kept = 0, ""
        self._last = float("-inf")
        self._writing: set[asyncio.Task[None]] = set()

    def add(self, text: str) -> None:
        self._kept += text
        if self._kept and (steady_seconds() - self._last >= SOON_SECONDS or len(self._kept) >= _LONGEST):
            self._write()

    async def end(self) -> None:
        """Write what is left."""
        if self._kept:
            self._write()
        if self._writing:
            await asyncio.gather(*self._writing)

    def _write(self) -> None:
        text, self._kept, self._last = self._kept, "", steady_seconds()
        data = {"turn": self._turn, "offset": self._offset}
        self._offset += len(text)
        task = asyncio.ensure_future(self._run.log("model_text", text, data))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
