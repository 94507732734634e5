"""Chooses ports: the same ones at each start if they are free, and never the ones of another stack on this machine."""

import json
import random
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from vai_devstack.errors import StackError

_TRIED = 400


@dataclass
class PortBook:
    """Hands out TCP ports of 127.0.0.1 by name and remembers them in a file.

    While it is open, each port is also claimed as an abstract socket name: that is what keeps two stacks apart that
    start at the same moment, and the kernel frees it with the process.
    """

    path: Path
    base: int = 0
    remembered: dict[str, int] = field(default_factory=dict)
    _claims: dict[int, socket.socket] = field(default_factory=dict)
    _taken: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with suppress(OSError, ValueError):
            self.remembered = {str(name): int(port) for name, port in json.loads(self.path.read_text()).items()}

    def take(self, name: str, preferred: int) -> int:
        """The port of that name: the remembered one, else the preferred one, else the next free one above it.

        Where somebody asked for a `base`, what is remembered counts only if it is among the next ones above that.
        """
        if name in self._taken:
            return self._taken[name]
        known = self.remembered.get(name, preferred)
        first = preferred if self.base and not preferred <= known < preferred + _TRIED else known
        for port in range(first, min(first + _TRIED, 65536)):
            if self._claim(port):
                self._taken[name] = port
                self._remember(name, port)
                return port
        raise StackError(f"none of the ports {first} to {first + _TRIED - 1} is free for {name}")

    def close(self) -> None:
        for claim in self._claims.values():
            claim.close()
        self._claims.clear()
        self._taken.clear()

    def _claim(self, port: int) -> bool:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            claim.bind(f"\0vai-port-{port}")
        except OSError:
            claim.close()
            return False
        if not is_free(port):
            claim.close()
            return False
        self._claims[port] = claim
        return True

    def _remember(self, name: str, port: int) -> None:
        if self.remembered.get(name) != port:
            self.remembered[name] = port
            self.path.write_text(json.dumps(self.remembered, indent=2) + "\n")


def is_free(port: int) -> bool:
    """Whether nobody listens there; connections that have just ended don't count."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def random_base() -> int:
    """Where a test's stack looks for ports: below those that the kernel gives to outgoing connections."""
    return random.randrange(20_000, 30_000)
