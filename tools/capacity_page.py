"""Writes the tables of docs/capacity.md from what was measured. `--check` only says whether it is stale.

What stands between two marks of the page is drawn, by the name in the first of them; the rest is written by hand.
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.capacity import tables
from bench.capacity.costs import Constants
from tools.drawn_page import write_or_check

PAGE = Path(__file__).parents[1] / "docs/capacity.md"
_MARKED = re.compile(r"(<!-- drawn by make generate: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

PARTS: Mapping[str, Callable[[Constants], str]] = {
    "order": tables.order,
    "example": tables.example,
    "made": tables.made,
    "costs": tables.costs,
    "processes": tables.processes,
    "growth": tables.growth,
    "point": tables.second_point,
    "scales": tables.scales,
}
"""What can be drawn, by the name that the page gives it."""


def drawn() -> str:
    """The whole page as it should be."""
    known = Constants.read()
    return _MARKED.sub(lambda found: f"{found[1]}\n{PARTS[found[2]](known)}\n\n{found[3]}", PAGE.read_text())


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` say whether it is stale."""
    return write_or_check(PAGE, drawn(), arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
