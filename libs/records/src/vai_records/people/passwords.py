"""Passwords: stored as argon2id, compared at the same cost whether there is an account or not."""

import unicodedata

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 12
LONGEST = 256

# OWASP's least for argon2id, in KiB: a gateway compares two at a time in a small pod.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)

# Of a random password that nobody kept, at today's cost.
_NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$iUC1gxBpkXbCsSyywqm91Q$+CDND6nsOPN7+Te/ufxxXY1GklPcJAnu4bdg72PkQMM"


def hashed(password: str) -> str:
    """What is stored of a password. Takes tens of milliseconds: not for an event loop."""
    return _HASHER.hash(_same(password))


def fits(stored: str | None, password: str) -> bool:
    """Whether it is the password that was stored; as long for nobody's (None) as for somebody's."""
    try:
        return _HASHER.verify(_NOBODYS if stored is None else stored, _same(password)) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def is_old(stored: str) -> bool:
    """Whether it was stored at another cost than today's."""
    return _HASHER.check_needs_rehash(stored)


def _same(password: str) -> str:
    """The same characters however a keyboard composed them (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)
