"""A process that has a fork server and a child at work, and says their pids. Run by test_forks.py."""

import asyncio
import sys
from typing import Any

from vai_testkit.owned import HeldRun
from vai_testkit.toys import Play, ToyHeavy
from vai_worker.children.forks import Forks


class Telling(HeldRun):
    """Prints what its child logs."""

    async def checkpoint(self) -> None:
        return None

    async def log(self, event: str, message: str, data: dict[str, Any] | None = None, level: str = "info") -> None:
        sys.stdout.write(f"{(data or {})['child']} {(data or {})['server']}\n")
        sys.stdout.flush()


async def main() -> None:
    await Forks((), 512, "file:///nowhere").perform(ToyHeavy(), Telling("dlt_extract", {"do": "deaf"}, reads=Play))


if __name__ == "__main__":
    asyncio.run(main())
