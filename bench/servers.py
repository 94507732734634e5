"""Runs a server in a process of its own, so that it takes nothing from the event loop of who measures."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

_SPAWN = get_context("spawn")


@contextmanager
def serving(serve: Callable[..., None], *given: Any) -> Iterator[str]:
    """The address at which `serve` answers. It gets a connection, to which it sends its port, and what is `given`."""
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=serve, args=(theirs, *given), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()
