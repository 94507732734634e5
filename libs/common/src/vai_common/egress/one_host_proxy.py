"""A guard for libraries that connect by themselves: a proxy on loopback that leads to one host, at a checked address.

obstore resolves names and follows redirects in its own code. With this proxy it has to name the host of each
connection, also after a redirect. The proxy refuses every host but the store's own, which it resolves, checks and
connects to. TLS stays between the library and the store: the proxy only passes bytes on.
"""

import base64
import secrets
import selectors
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Self
from urllib.parse import urlsplit

from vai_common.egress.addresses import Policy, resolve
from vai_common.errors import ErrorCode, Permanent, RunError

CONNECT_SECONDS = 10.0
IDLE_SECONDS = 120.0
"""Seconds without any byte, after which a connection is closed."""

_LARGEST_HEAD = 64 * 1024
_READ = 256 * 1024
_HOP = (b"proxy-authorization", b"proxy-connection", b"connection", b"keep-alive")


class Gate:
    """Listens until it is closed. `leads_to(host, port)` says whether the library may connect there.

    `refusal` is the reason of the last refused connection, or None. The library's own error does not tell it.
    """

    def __init__(self, policy: Policy, leads_to: Callable[[str, int], bool]) -> None:
        self._policy = policy
        self._leads_to = leads_to
        self._password = secrets.token_urlsafe(24)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.refusal: RunError | None = None
        threading.Thread(target=self._accept, name="gate", daemon=True).start()

    @property
    def url(self) -> str:
        """The proxy's address for the library, with a password, so that no other local process can use it."""
        return f"http://gate:{self._password}@127.0.0.1:{self._listening.getsockname()[1]}"

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept()
        self._listening.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), name="gate connection", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client:
                client.settimeout(IDLE_SECONDS)
                head, rest = _head(client)
                method, target, lines = _parsed(head)
                host, port = _destination(method, target)
                if not self._knows(lines):
                    # After a redirect to another host the client does not send the password again.
                    self.refusal = None if self._leads_to(host, port) else _astray(host, port)
                    _refuse(client, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED)
                    return
                try:
                    store = self._connect(host, port)
                except (RunError, OSError):
                    _refuse(client, HTTPStatus.BAD_GATEWAY)
                    return
                with store:
                    if method == "CONNECT":
                        client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                        store.sendall(rest)
                    else:
                        store.sendall(_onward(method, target, lines) + rest)
                    _relay(client, store)
        except (OSError, ValueError):
            pass  # one side is gone, or did not speak HTTP

    def _knows(self, lines: list[bytes]) -> bool:
        wanted = b"basic " + base64.b64encode(f"gate:{self._password}".encode())
        given = [line.partition(b":")[2].strip() for line in lines if line.lower().startswith(b"proxy-authorization:")]
        return any(one[:6].lower() == b"basic " and secrets.compare_digest(wanted[6:], one[6:]) for one in given)

    def _connect(self, host: str, port: int) -> socket.socket:
        """A connection to a checked address. Raises `RunError` where there may be none, and `OSError`."""
        try:
            if not self._leads_to(host, port):
                raise _astray(host, port)
            addresses = resolve(host, port, self._policy)
        except RunError as error:
            self.refusal = error
            raise
        for address in addresses[:-1]:
            try:
                return socket.create_connection((address, port), CONNECT_SECONDS / len(addresses))
            except OSError:
                continue
        return socket.create_connection((addresses[-1], port), CONNECT_SECONDS)


def _astray(host: str, port: int) -> Permanent:
    text = (
        f"The store redirects to {host}:{port}, which is not its own host; redirects of a store are not followed. Put "
        "the final address into the connection's endpoint_url, or correct its region."
    )
    return Permanent(ErrorCode.CONNECTION_ERROR, text, {"host": host})


def _head(client: socket.socket) -> tuple[bytes, bytes]:
    """A request's head, and the bytes that came after it. Raises ValueError if there is no head."""
    read = b""
    while b"\r\n\r\n" not in read:
        part = client.recv(_READ)
        if not part or len(read) > _LARGEST_HEAD:
            raise ValueError("no head of a request")
        read += part
    head, _, rest = read.partition(b"\r\n\r\n")
    return head, rest


def _parsed(head: bytes) -> tuple[str, str, list[bytes]]:
    first, *lines = head.split(b"\r\n")
    method, target, _ = first.decode("ascii").split(" ")
    return method, target, lines


def _destination(method: str, target: str) -> tuple[str, int]:
    """Host (lower case) and port that a request names. Raises ValueError if it names none."""
    parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    if not parts.hostname or not port or (method != "CONNECT" and parts.scheme != "http"):
        raise ValueError("a request that names no host")
    return parts.hostname, port


def _onward(method: str, target: str, lines: list[bytes]) -> bytes:
    """The head to send to the store. The connection serves one request."""
    parts = urlsplit(target)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    kept = [line for line in lines if line.partition(b":")[0].strip().lower() not in _HOP]
    return b"\r\n".join([f"{method} {path} HTTP/1.1".encode(), *kept, b"Connection: close", b"", b""])


def _refuse(client: socket.socket, status: HTTPStatus) -> None:
    client.sendall(f"HTTP/1.1 {status.value} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())


def _relay(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes on in both directions until the store has sent all, or no byte has come for `IDLE_SECONDS`."""
    with selectors.DefaultSelector() as watched:
        for source, target in ((one, other), (other, one)):
            source.settimeout(IDLE_SECONDS)
            watched.register(source, selectors.EVENT_READ, target)
        while watched.get_map():
            ready = watched.select(IDLE_SECONDS)
            if not ready:
                return
            for key, _ in ready:
                assert isinstance(key.fileobj, socket.socket)
                source, target = key.fileobj, key.data
                if data := source.recv(_READ):
                    target.sendall(data)
                else:
                    watched.unregister(source)
                    target.shutdown(socket.SHUT_WR)
                    if source is other:
                        return  # the store has sent everything
