"""Reads a request's body, with limits of size, depth and parts."""

import asyncio
import re
from collections.abc import AsyncIterator
from itertools import accumulate
from typing import Any

import orjson
from fastapi import Request
from starlette.requests import ClientDisconnect

from vai_api_gateway.problems import Problem, refusal
from vai_common import numbers
from vai_common.nesting import DEEPEST
from vai_records.refused import Place, refused

LARGEST_BODY = 1_048_576
"""Bytes."""

DEEPEST_BODY = DEEPEST
"""Levels of arrays and objects."""

MOST_PARTS = 250_000
"""Arrays and objects of a body. Each needs much more memory than the two bytes in which it is written."""

LARGEST_BATCH = 8 * LARGEST_BODY
"""Bytes of a body that holds many runs."""

LARGEST_SIGN_IN = 16_384
"""Bytes of a body that is read without a credential."""

_TEXTS = re.compile(rb'"[^"]*+"')
_SOME_TEXTS = re.compile(rb'(?:[^"]*+"[^"]*+"){1,5000}')
_STEPS = bytes(1 if byte in b"[{" else 255 if byte in b"]}" else 0 for byte in range(256))
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


class JsonRequest(Request):
    """A request whose body is limited while it is read, and then checked for what cannot be stored."""

    largest: int = LARGEST_BODY
    demands = "send the body as JSON: Content-Type: application/json, without a Content-Encoding"

    async def body(self) -> bytes:
        """The body. Raises `Problem` 413 as soon as it is too large, 415 if it is not plain JSON."""
        if not hasattr(self, "_body"):
            declared = self.headers.get("content-length", "")
            if declared.isdecimal() and int(declared) > self.largest:
                raise self._too_large()
            self._body = await self._read()
            if self._body and not self._is_json():
                raise Problem(415, "unsupported_media_type", self.demands, ("header", "Content-Type"))
        return self._body

    async def json(self) -> Any:
        """The parsed body. Raises `Problem` 422 if it is not JSON, is too deep, or contains U+0000."""
        raw = await self.body()
        parts = raw.count(b"[") + raw.count(b"{")
        if parts > MOST_PARTS and (parts := await _parts(raw)) > MOST_PARTS:
            message = f"{parts} arrays and objects; at most {MOST_PARTS} are taken at once"
            raise _unreadable(("body",), message, "json_too_large")
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            _refuse_odd_number(raw)
            raise _unreadable(("body", error.pos), f"this is not JSON: {error.msg}", "json_invalid") from error
        if parts > DEEPEST_BODY and await _depth(raw) > DEEPEST_BODY:
            raise _unreadable(("body",), f"nested deeper than {DEEPEST_BODY} levels; make it flatter", "json_too_deep")
        if numbers.may_be_odd(raw):
            _refuse_odd_number(raw)
        if _holds_nul(raw):
            raise _unreadable(("body",), "no text may hold the character U+0000", "json_invalid")
        return value

    async def _read(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self.largest:
                raise self._too_large()
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    def _is_json(self) -> bool:
        given, encoding = self.headers.get("content-type", ""), self.headers.get("content-encoding", "identity")
        if given == "application/json" and encoding == "identity":
            return True
        media, encoding = given.split(";")[0].strip().lower(), encoding.strip().lower()
        plain = media == "application/json" or (media.startswith("application/") and media.endswith("+json"))
        return plain and encoding == "identity"

    def _too_large(self) -> Problem:
        message = f"the body is larger than {self.largest} bytes"
        return Problem(413, "too_large", message, ("body",), {"Connection": "close"})


class BatchRequest(JsonRequest):
    """A request whose body may hold many runs."""

    largest = LARGEST_BATCH


class SignInRequest(JsonRequest):
    """A request without a credential."""

    largest = LARGEST_SIGN_IN


def _refuse_odd_number(raw: bytes) -> None:
    if (found := numbers.find(raw)) is not None:
        place, text = found
        shown = numbers.shown(text)
        message = f"{shown} cannot be stored as a number: use at most 64 bits or a double, or write it as a string"
        raise _unreadable(("body", *place), message, "number_too_large")


def _unreadable(loc: Place, message: str, word: str) -> Problem:
    """Carries our exception through FastAPI, which replaces other exceptions while a body is read."""
    return refusal(refused(loc, message, word))


async def _depth(raw: bytes) -> int:
    """Levels of nesting of valid JSON. Other requests get their turn meanwhile."""
    level = deepest = 0
    async for brackets in _brackets(raw):
        steps = memoryview(brackets.translate(_STEPS)).cast("b")
        deepest = max(deepest, max(accumulate(steps, initial=level)))
        level += sum(steps)
    return deepest


async def _parts(raw: bytes) -> int:
    """Arrays and objects, as far as this is JSON; brackets within strings begin none."""
    return sum([brackets.count(b"[") + brackets.count(b"{") async for brackets in _brackets(raw)])


async def _brackets(raw: bytes) -> AsyncIterator[bytes]:
    """The brackets of JSON that stand outside of strings, piece by piece."""
    raw = raw.replace(rb"\\", b"").replace(rb"\"", b"")  # the remaining quotes begin and end strings
    start = 0
    while start < len(raw):
        some = _SOME_TEXTS.match(raw, start)
        end = len(raw) if some is None else some.end()
        yield _TEXTS.sub(b"", raw[start:end]).translate(None, _NO_BRACKETS)
        start = end
        await asyncio.sleep(0)


def _holds_nul(raw: bytes) -> bool:
    """Whether a string of this JSON contains U+0000: its escape after an even number of backslashes."""
    return b"\\u0000" in raw and b"\\u0000" in raw.replace(rb"\\", b"_")
