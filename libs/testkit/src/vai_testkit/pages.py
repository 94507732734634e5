"""The code blocks of a page, as tests read them. A block is run by a test, or says why not: ```sh not run: why."""

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

_BLOCK = re.compile(r"^ *```(\w*)([^\n]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_WHY = re.compile(r" not run: (\S.*)")


@dataclass(frozen=True)
class Block:
    """`text` without its indent; `why` it is not run, None where it must be."""

    line: int
    language: str
    text: str
    why: str | None


def blocks(page: Path) -> list[Block]:
    """All of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            line=text.count("\n", 0, found.start()) + 1,
            language=found[1],
            text=dedent(found[3]),
            why=why[1] if (why := _WHY.fullmatch(found[2])) else None,
        )
        for found in _BLOCK.finditer(text)
    ]


def to_run(page: Path, *languages: str) -> list[str]:
    """What stands in the blocks of these languages that must be run."""
    return [block.text for block in blocks(page) if block.language in languages and block.why is None]
