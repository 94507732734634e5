"""Every connection that Python code of this process opens: to permitted addresses only.

For code that brings its own client libraries. Libraries in C that open their sockets themselves are not seen.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from vai_common.egress.addresses import EgressRefused, Policy, resolve


@contextmanager
def guarded_sockets(policy: Policy) -> Iterator[None]:
    """Until the block is left, `connect` of any socket raises `EgressRefused` or `UnknownHost` where it may not. The
    address that was checked is the one that is connected to.
    """
    there: dict[str, Callable[..., Any]] = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex")}

    def guarded(name: str) -> Callable[..., Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            try:
                found = _checked(self, address, policy)
            except BaseException:
                self.close()  # most callers close only after an OSError
                raise
            return there[name](self, found)

        return connect

    for name in there:
        setattr(socket.socket, name, guarded(name))
    try:
        yield
    finally:
        for name, method in there.items():
            setattr(socket.socket, name, method)


def _checked(opened: socket.socket, address: Any, policy: Policy) -> Any:
    if opened.family not in (socket.AF_INET, socket.AF_INET6):
        raise EgressRefused(f"the socket {address!r:.100}", "this machine")
    host, port, *rest = address
    return (resolve(str(host), int(port), policy)[0], port, *rest)
