"""The keys, and what they encrypt: credentials of connections, write-only values of definitions (decision 35).

An envelope is: version (1 byte), length of the key's id (1 byte), the key's id, nonce (12 bytes), ciphertext and tag
(AES-256-GCM). It opens only for the organisation and the object (connection, action, run) that it was made for.
"""

import base64
import binascii
import os
import re
from typing import Any
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = 1
_NONCE = 12
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


class SecretError(Exception):
    """The keys in the settings are invalid, or an envelope cannot be decrypted. The message shows no secret."""


class Keyring:
    """Encrypts with the first key and decrypts with any, so that keys can be changed without stopping."""

    def __init__(self, setting: str) -> None:
        """`setting` is VAI_ENCRYPTION_KEYS: `k1:<base64 of 32 bytes>,k0:…`; raises `SecretError` with what is wrong."""
        self._keys = dict(_key(part, place) for place, part in enumerate(setting.split(","), 1))
        if len(self._keys) < len(setting.split(",")):
            raise SecretError("VAI_ENCRYPTION_KEYS: two keys have the same id")
        self._first = next(iter(self._keys))

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._keys)})"

    @property
    def first(self) -> str:
        """The id of the key that encrypts."""
        return self._first

    @property
    def head(self) -> bytes:
        """How every envelope of the first key begins."""
        name = self._first.encode()
        return bytes((_VERSION, len(name))) + name

    def encrypt(self, plain: bytes, org_id: UUID, object_id: UUID) -> bytes:
        """An envelope that opens only with the same organisation and object."""
        nonce = os.urandom(_NONCE)
        return self.head + nonce + self._keys[self._first].encrypt(nonce, plain, _bound(self.head, org_id, object_id))

    def decrypt(self, envelope: bytes, org_id: UUID, object_id: UUID) -> bytes:
        """Raises `SecretError` if the key is unknown, or the envelope was changed or belongs to something else."""
        head, nonce, ciphertext = _parts(envelope)
        key_id = head[2:].decode("ascii", "replace")
        if key_id not in self._keys:
            raise SecretError(f"The key {key_id!r} is missing in VAI_ENCRYPTION_KEYS: add it again, after the first.")
        try:
            return self._keys[key_id].decrypt(nonce, ciphertext, _bound(head, org_id, object_id))
        except InvalidTag:
            raise SecretError(
                "The secret cannot be decrypted: it was changed, belongs to another object, or its key is another one."
            ) from None

    def encrypt_json(self, value: Any, org_id: UUID, object_id: UUID) -> bytes:
        """As `encrypt`, of a JSON value."""
        return self.encrypt(orjson.dumps(value), org_id, object_id)

    def decrypt_json(self, envelope: bytes, org_id: UUID, object_id: UUID) -> Any:
        """As `decrypt`, of what `encrypt_json` made."""
        return orjson.loads(self.decrypt(envelope, org_id, object_id))


def _key(part: str, place: int) -> tuple[str, AESGCM]:
    key_id, separator, encoded = part.strip().partition(":")
    if not separator or not _KEY_ID.fullmatch(key_id):
        raise SecretError(f"VAI_ENCRYPTION_KEYS: key number {place} is not of the form id:base64")
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise SecretError(f"VAI_ENCRYPTION_KEYS: the key {key_id!r} is not base64") from None
    if len(key) != 32:
        raise SecretError(f"VAI_ENCRYPTION_KEYS: the key {key_id!r} has {len(key)} bytes, 32 are needed")
    return key_id, AESGCM(key)


def _parts(envelope: bytes) -> tuple[bytes, bytes, bytes]:
    if len(envelope) < 2 or envelope[0] != _VERSION or len(envelope) < 2 + envelope[1] + _NONCE:
        raise SecretError("The stored value is not an encrypted secret of a known version.")
    start = 2 + envelope[1]
    return envelope[:start], envelope[start : start + _NONCE], envelope[start + _NONCE :]


def _bound(head: bytes, org_id: UUID, object_id: UUID) -> bytes:
    return head + org_id.bytes + object_id.bytes
