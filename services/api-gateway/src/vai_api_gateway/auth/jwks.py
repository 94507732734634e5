"""The public keys of an OIDC issuer, from a file or an address. They are read again when they change."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import httpx2
import jwt
import structlog

from vai_common import clock
from vai_common.egress.addresses import Policy
from vai_common.egress.httpx2_guard import guarded_client
from vai_common.errors import RunError

_log = structlog.get_logger()

_FRESH_SECONDS = 300.0
_AGAIN_SECONDS = 10.0
_TIMEOUT = 5.0
_LARGEST = 1_048_576

Keys = dict[str | None, jwt.PyJWK]


class NoKeys(Exception):
    """The issuer's keys could not be read. The reason is in the log."""


class KeySource(Protocol):
    async def keys(self, wanted: str | None) -> Keys:
        """The keys by id. They are read again if `wanted` is not among them. Raises `NoKeys`."""


def key_source(place: str, policy: Policy) -> KeySource:
    """`place` is an address (http, https) or a file's path."""
    if place.startswith(("http://", "https://")):
        return KeysFromAddress(lambda: fetch(place, policy))
    return KeysFromFile(Path(place))


class KeysFromFile:
    """Read again as soon as the file changes, so that a renewed secret needs no restart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._keys: Keys = {}

    async def keys(self, wanted: str | None) -> Keys:
        try:
            facts = os.stat(self._path)
            seen = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
            if seen != self._seen:
                self._keys = parse(self._path.read_bytes())
                self._seen = seen
        except (OSError, jwt.PyJWTError, ValueError) as error:
            _log.error("oidc_keys_unreadable", path=str(self._path), error=repr(error))
            if not self._keys:
                raise NoKeys from error
        return self._keys


class KeysFromAddress:
    """Asked every five minutes, and for an unknown key, but at most every ten seconds.

    If the issuer does not answer, the known keys stay valid.
    """

    def __init__(self, fetch: Callable[[], Awaitable[bytes]], now: Callable[[], float] = clock.steady_seconds) -> None:
        self._fetch = fetch
        self._now = now
        self._keys: Keys = {}
        self._asked_at: float | None = None
        self._answered_at = 0.0
        self._asking = asyncio.Lock()

    async def keys(self, wanted: str | None) -> Keys:
        async with self._asking:
            if self._due(wanted):
                await self._ask()
        if not self._keys:
            raise NoKeys
        return self._keys

    def _due(self, wanted: str | None) -> bool:
        if self._asked_at is not None and self._now() - self._asked_at < _AGAIN_SECONDS:
            return False
        unknown = wanted is not None and wanted not in self._keys
        return not self._keys or unknown or self._now() - self._answered_at >= _FRESH_SECONDS

    async def _ask(self) -> None:
        self._asked_at = self._now()
        try:
            self._keys = parse(await self._fetch())
            self._answered_at = self._now()
        except (RunError, httpx2.HTTPError, httpx2.InvalidURL, OSError, jwt.PyJWTError, ValueError) as error:
            _log.error("oidc_keys_unreachable", error=repr(error))


def parse(document: bytes) -> Keys:
    """The public keys that sign, without secrets (`oct`) and keys for encryption. Raises PyJWTError, ValueError."""
    keys = [key for key in jwt.PyJWKSet.from_json(document.decode()).keys if _signs(key)]
    if not keys:
        raise ValueError("there is no public key that signs")
    return {key.key_id: key for key in keys} | ({None: keys[0]} if len(keys) == 1 else {})


def _signs(key: jwt.PyJWK) -> bool:
    return key.key_type in ("RSA", "EC", "OKP") and key.public_key_use in (None, "sig")


async def fetch(address: str, policy: Policy) -> bytes:
    """The document at an address. Raises RunError, httpx2.HTTPError, and ValueError if it is too large."""
    async with guarded_client(policy, _TIMEOUT, _TIMEOUT) as client, client.stream("GET", address) as answer:
        answer.raise_for_status()
        document = b""
        async for part in answer.aiter_bytes():
            document += part
            if len(document) > _LARGEST:
                raise ValueError(f"the keys are more than {_LARGEST} bytes")
        return document
