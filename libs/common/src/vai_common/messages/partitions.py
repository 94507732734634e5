"""The partition that every Kafka client chooses for a key, so that the events of one subject stay in their order."""

import struct
from collections.abc import Sequence
from functools import lru_cache

from aiokafka.partitioner import DefaultPartitioner

_SEED, _M, _BITS = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF
_others = DefaultPartitioner()


def partition_of(key: bytes | None, partitions: Sequence[int], available: Sequence[int]) -> int:
    """Of `partitions`, by the key's hash; without a key any of those that are `available`."""
    if key is None:
        return int(_others(key, partitions, available))
    return partitions[(_hash(key) & 0x7FFFFFFF) % len(partitions)]


@lru_cache(2_048)
def _hash(key: bytes) -> int:
    """Murmur2 as Kafka's clients compute it, all words read at once: aiokafka's takes twice as long.

    It is kept, because the events of a run come shortly after each other.
    """
    size = len(key)
    whole = size // 4
    hashed = _SEED ^ size
    for word in struct.unpack_from(f"<{whole}I", key):
        word = word * _M & _BITS
        hashed = (hashed * _M ^ (word ^ word >> 24) * _M) & _BITS
    if rest := key[4 * whole :]:
        hashed = (hashed ^ int.from_bytes(rest, "little")) * _M & _BITS
    hashed ^= hashed >> 13
    hashed = hashed * _M & _BITS
    return hashed ^ hashed >> 15
