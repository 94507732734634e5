"""The process that draws: `python -m vai_drawing` reads one graph per line from its input and writes one SVG per line.

Both are JSON. An answer is `{"svg": …}`, or `{"too_large": true}`. It has a lower priority than its parent process and
its own memory limit, and it ends when its input ends.
"""

import json
import os
import resource
import sys

from vai_drawing import as_graph
from vai_drawing.layout import TooLarge
from vai_drawing.svg import svg

_MEMORY = 1 << 30  # bytes of address space; the largest drawing needs a tenth of it
_NICE = 10


def _answer(line: str) -> str:
    try:
        return json.dumps({"svg": svg(as_graph(json.loads(line)))})
    except (TooLarge, MemoryError):
        return json.dumps({"too_large": True})


def main() -> None:
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    for line in sys.stdin:
        sys.stdout.write(_answer(line) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
