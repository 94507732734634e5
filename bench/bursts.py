"""A stack that makes bursts of runs when it is told to: one side of `bench.against`.

It also runs in older checkouts, with their own packages: it uses what they have had since the first.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from bench.measure import cpu_seconds
from bench.path import _burst

try:
    from vai_testkit.stack import running_stack
except ImportError:  # the packages' names until 0.1.0
    from testkit.stack import running_stack  # type: ignore[import-not-found,no-redef]


async def main() -> None:
    """Each line of standard input is a number of runs; each answer is a line of JSON."""
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory(prefix="vai-") as folder:
        async with running_stack(Path(folder)) as stack:
            await _burst(stack, 1_500)
            _say({})
            while line := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
                runs, before = int(line), cpu_seconds(stack)
                _, rate = await _burst(stack, runs)
                after = cpu_seconds(stack)
                _say({"rate": rate} | {name: (after[name] - before[name]) / runs * 1e6 for name in after})


def _say(answer: dict[str, float]) -> None:
    print("bench:" + json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
