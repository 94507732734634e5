"""Whether a webhook comes from somebody who knows its secret (decision 42): three schemes, told apart by their header.

Standard Webhooks sign id, time and body. Shopify and GitHub sign the body alone, so that only the id that they send
beside it tells a repeat.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from standardwebhooks import Webhook

TOLERANCE = timedelta(minutes=5)
"""How far the signed time may be from now, either way."""

_PREFIX = "whsec_"
_URL_SAFE = str.maketrans("-_", "+/")
_SECONDS = re.compile(r"[0-9]{1,11}")
_PLAIN_ID = re.compile(r"[!-~]{1,200}")


class Unproven(Exception):
    """Nothing says that the message comes from somebody who knows the secret; `word` is for programs."""

    word = ""


class Unsigned(Unproven):
    """A header that the signature needs is not there."""

    word = "unsigned"


class Stale(Unproven):
    """It was signed too long ago, or for a time that has not come."""

    word = "stale"


class Mismatch(Unproven):
    """No signature is the secret's for this message."""

    word = "signature_mismatch"


@dataclass(frozen=True)
class Message:
    """What came in. `headers` are found in any case."""

    headers: Mapping[str, str]
    body: bytes


Verify = Callable[[str, Message, datetime], str]
"""Secret, message, now → the message's id. Raises `Unproven`."""


def scheme_of(headers: Mapping[str, str]) -> Verify:
    """How a message with these headers is verified. Raises `Unsigned`."""
    for header, verify in _SCHEMES.items():
        if headers.get(header):
            return verify
    raise Unsigned(f"unsigned: send webhook-id, webhook-timestamp and webhook-signature, or {_OTHERS}")


def _standard(secret: str, message: Message, now: datetime) -> str:
    """Standard Webhooks; one good signature among several is enough, so that secrets can be rotated."""
    sent_id, sent_at = message.headers.get("webhook-id"), message.headers.get("webhook-timestamp")
    if not sent_id or not sent_at:
        raise Unsigned("unsigned: webhook-id and webhook-timestamp are signed, too; send them")
    expected = _signed(secret, sent_id, _fresh(sent_at, now), message.body)
    shown = [word.partition(",") for word in message.headers["webhook-signature"].split()]
    if not any(_same(_decoded(text), expected) for version, _, text in shown if version == "v1"):
        raise Mismatch(_NO_MATCH)
    return _as_id(sent_id)


def _shopify(secret: str, message: Message, _now: datetime) -> str:
    mac = hmac.digest(secret.encode(), message.body, "sha256")
    if not _same(_decoded(message.headers["x-shopify-hmac-sha256"]), mac):
        raise Mismatch(_NO_MATCH)
    return _as_id(message.headers.get("x-shopify-webhook-id") or _hash(mac + message.body))


def _github(secret: str, message: Message, _now: datetime) -> str:
    mac = hmac.digest(secret.encode(), message.body, "sha256")
    algorithm, _, text = message.headers["x-hub-signature-256"].strip().partition("=")
    if algorithm != "sha256" or not _same(text.lower().encode(), mac.hex().encode()):
        raise Mismatch(_NO_MATCH)
    return _as_id(message.headers.get("x-github-delivery") or _hash(mac + message.body))


_SCHEMES: Mapping[str, Verify] = {
    "webhook-signature": _standard,
    "x-shopify-hmac-sha256": _shopify,
    "x-hub-signature-256": _github,
}
_OTHERS = "X-Shopify-Hmac-Sha256, or X-Hub-Signature-256"
_NO_MATCH = "the signature does not match"


def _signed(secret: str, message_id: str, at: datetime, body: bytes) -> bytes:
    """The signature that Standard Webhooks asks for. Its signers sign text: other bytes are nobody's."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Mismatch(_NO_MATCH) from None
    return base64.b64decode(Webhook(_key(secret)).sign(message_id, at, text).partition(",")[2])


def _key(secret: str) -> bytes:
    """The base64 behind `whsec_`; where it is none, as in document 002's example, its UTF-8 bytes."""
    text = secret.removeprefix(_PREFIX)
    key = _base64(text) or text.encode()
    if not key:
        raise Mismatch(_NO_MATCH)
    return key


def _fresh(text: str, now: datetime) -> datetime:
    at = datetime.fromtimestamp(int(text), UTC) if _SECONDS.fullmatch(text) else datetime.min.replace(tzinfo=UTC)
    if abs(at - now) > TOLERANCE:
        raise Stale("stale: webhook-timestamp is not within five minutes of now, in Unix seconds")
    return at


def _decoded(text: str) -> bytes:
    """A signature in any spelling of base64; what is none equals no signature."""
    return _base64(text.strip().translate(_URL_SAFE)) or b""


def _base64(text: str) -> bytes | None:
    """The bytes, with padding or without it; None where it is no base64."""
    bare = text.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _same(one: bytes, other: bytes) -> bool:
    return hmac.compare_digest(one, other)


def _hash(data: bytes) -> str:
    return f"sha256-{sha256(data).hexdigest()}"


def _as_id(text: str) -> str:
    """An id as it is kept: short and plain, or its hash."""
    return text if _PLAIN_ID.fullmatch(text) else _hash(text.encode())
