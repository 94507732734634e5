"""Signed assertions by which a service account asks for an access token (RFC 7523, as Google's and others').

Of its key file the fields `client_email`, `private_key` and `private_key_id` are the credentials.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import lcm
from typing import Any

import orjson

from vai_common.clock import now

_SECONDS = 3_600
_LARGEST_KEY = 16_384
"""Characters of a PEM file."""
_BITS = (1_024, 4_096)
"""Of a key: more than providers of such accounts give, and little enough to sign within some milliseconds."""


@dataclass(frozen=True)
class Signer:
    """`issuer` is the account, `key` its RSA key (PEM), `subject` somebody for whom it acts."""

    issuer: str
    key: str = field(repr=False)
    key_id: str | None
    audience: str
    scope: str | None
    subject: str | None

    @property
    def fingerprint(self) -> str:
        told = (self.issuer, self.key, self.key_id, self.audience, self.scope, self.subject)
        return hashlib.sha256(orjson.dumps(told)).hexdigest()

    def assertion(self) -> str:
        """A JSON Web Token that is good for an hour, signed by RS256. Raises ValueError for a key that is none."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        since = int(now().timestamp())
        head = {"alg": "RS256", "typ": "JWT", "kid": self.key_id}
        said = {"iss": self.issuer, "aud": self.audience, "iat": since, "exp": since + _SECONDS}
        said |= {"scope": self.scope, "sub": self.subject}
        text = b".".join(_part({name: value for name, value in part.items() if value}) for part in (head, said))
        return b".".join((text, _base64(_rsa(self.key).sign(text, PKCS1v15(), SHA256())))).decode()


def check_key(key: str) -> None:
    """Raises ValueError for what is no RSA key in PEM."""
    _rsa(key)


def _rsa(key: str) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        # The library's own check asks whether two numbers are primes, which takes minutes for numbers that are made
        # to be large. What hangs together signs; whether the provider takes that is for the provider to say.
        raw = key.encode() if len(key) <= _LARGEST_KEY else b""
        found = load_pem_private_key(raw, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        found = None
    if not isinstance(found, RSAPrivateKey) or not _hangs_together(found.private_numbers()):
        raise ValueError(
            f"private_key is an RSA key of {_BITS[0]:,} to {_BITS[1]:,} bits without a password, as PEM: "
            "-----BEGIN PRIVATE KEY-----…"
        )
    return found


def _hangs_together(key: Any) -> bool:
    """Whether the numbers of an RSA key are those of one. Each is bounded before anything is computed with it."""
    n, e, p, q = key.public_numbers.n, key.public_numbers.e, key.p, key.q
    if not _BITS[0] <= n.bit_length() <= _BITS[1] or not 3 <= e < 1 << 32:
        return False
    if min(p, q) < 3 or not p & q & 1 or p * q != n:
        return False
    inner = (key.d < n, key.dmp1 == key.d % (p - 1), key.dmq1 == key.d % (q - 1), key.iqmp < p)
    return all(inner) and key.d * e % lcm(p - 1, q - 1) == 1 and key.iqmp * q % p == 1


def _part(value: Mapping[str, Any]) -> bytes:
    return _base64(orjson.dumps(value))


def _base64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
