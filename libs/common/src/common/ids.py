"""Ids of stored things: UUIDv7 (RFC 9562), so that they sort by the time they were made."""

import os
from uuid import UUID

from common.clock import unix_milliseconds

NIL = UUID(int=0)


def uuid7() -> UUID:
    """A new id; two made in the same millisecond are in no particular order."""
    value = unix_milliseconds() << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF000 << 64) | 0x7000 << 64
    value = value & ~(0xC000 << 48) | 0x8000 << 48
    return UUID(int=value)
