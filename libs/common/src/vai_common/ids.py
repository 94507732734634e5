"""Ids of stored things: UUIDv7 (RFC 9562), so that they sort by the time they were made."""

import os
from datetime import datetime
from uuid import UUID

from vai_common.clock import unix_nanoseconds

NIL = UUID(int=0)


def least_of(moment: datetime) -> UUID:
    """No id that is made at this moment or later is less than this one."""
    return UUID(int=max(0, round(moment.timestamp() * 1_000)) << 80)


def uuid7() -> UUID:
    """A new id. The ids of one process sort by time: the 12 bits after the milliseconds hold their fraction."""
    milliseconds, rest = divmod(unix_nanoseconds(), 1_000_000)
    head = milliseconds << 16 | 0x7000 | rest * 4_096 // 1_000_000
    tail = int.from_bytes(os.urandom(8), "big") & ~(0b11 << 62) | 0b10 << 62
    return UUID(int=head << 64 | tail)
