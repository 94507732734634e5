"""`python -m bench [path] [statements] [recovery] [footprint] [starts] [kinds]`: all of them where none is named."""

import asyncio
import sys
import tempfile
from pathlib import Path

from bench import footprint, kinds, path, recovery, statements
from bench.measure import table
from testkit.stack import running_stack

_ON_A_STACK = {
    "footprint": ("What an idle stack costs", footprint.measure),
    "path": ("The empty path", path.measure),
    "statements": ("Time does not slow it down", statements.measure),
}
_ALONE = {
    "starts": ("How long it takes to be there", footprint.measure_starts),
    "kinds": ("The kinds beside what they stand on", kinds.measure),
}
_NAMES = (*_ON_A_STACK, "recovery", *_ALONE)


async def main(names: list[str]) -> None:
    chosen = names or list(_NAMES)
    if unknown := sorted(set(chosen) - set(_NAMES)):
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(_NAMES)}")
    with tempfile.TemporaryDirectory(prefix="vai-") as folder:
        if any(name in _ON_A_STACK for name in chosen):
            async with running_stack(Path(folder) / "a") as stack:
                for name, (title, measure) in _ON_A_STACK.items():
                    if name in chosen:
                        print(table(title, await measure(stack)), flush=True)
        if "recovery" in chosen:
            async with running_stack(Path(folder) / "b", replicas={"extract-worker": 2}) as stack:
                print(table("When a worker dies", await recovery.measure(stack)), flush=True)
    for name, (title, alone) in _ALONE.items():
        if name in chosen:
            print(table(title, await alone()), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
