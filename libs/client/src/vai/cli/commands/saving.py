"""Saves what comes in pieces: a file appears once it is complete."""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from vai.cli.screen import show


def save(pieces: Iterable[bytes], target: Path) -> None:
    """Into the file, and says so; `-` is the standard output."""
    if str(target) == "-":
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        return
    part = target.with_name(f"{target.name}.part")
    size = 0
    try:
        with part.open("wb") as written:
            for piece in pieces:
                size += written.write(piece)
        os.replace(part, target)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    show.done(f"{target}: {show.size(size)}", {"file": str(target), "bytes": size})
