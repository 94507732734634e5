"""The frames between a worker and its child: four bytes of length, then JSON.

No pickle: users' SQL runs in the child, and a forged pickle would run code in the worker.
"""

import socket
import struct
from typing import Any

import orjson

from vai_common.errors import ErrorCode, Permanent, Retryable, RunError

_LENGTH = struct.Struct("!I")
LARGEST = 64 * 1024 * 1024


def encode(frame: dict[str, Any]) -> bytes:
    body = orjson.dumps(frame, option=orjson.OPT_NON_STR_KEYS)
    return _LENGTH.pack(len(body)) + body


def decode(body: bytes) -> dict[str, Any]:
    frame: dict[str, Any] = orjson.loads(body)
    return frame


def length_of(head: bytes) -> int:
    """The body's length in bytes. Raises ValueError for a length that none of our frames has."""
    length: int = _LENGTH.unpack(head)[0]
    if length > LARGEST:
        raise ValueError(f"a frame of {length} bytes")
    return length


def receive(channel: socket.socket) -> dict[str, Any] | None:
    """The next frame, or None if the other side has closed."""
    head = _exactly(channel, _LENGTH.size)
    body = head and _exactly(channel, length_of(head))
    return decode(body) if body else None


def _exactly(channel: socket.socket, count: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        part = channel.recv(count - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)


def error_frame(error: RunError) -> dict[str, Any]:
    return {**error.as_json(), "retry_after": getattr(error, "retry_after", None)}


def error_of(frame: dict[str, Any]) -> RunError:
    """The error that a frame tells of."""
    code = ErrorCode(frame["code"])
    if frame["retryable"]:
        return Retryable(code, frame["message"], frame["details"], frame["retry_after"])
    return Permanent(code, frame["message"], frame["details"])
