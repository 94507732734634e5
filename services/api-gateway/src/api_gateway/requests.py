"""How a request's body is read: JSON that Postgres can store, of a bounded size and depth."""

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute

from api_gateway import odd_numbers
from api_gateway.problems import Problem, refusal
from common.telemetry import span
from records.refused import Place, refused

LARGEST_BODY = 1_048_576
"""Bytes."""

DEEPEST_BODY = 100
"""Levels of arrays and objects."""


LARGEST_BATCH = 8 * LARGEST_BODY
"""Bytes of a body that holds many runs."""


class JsonRequest(Request):
    """A request whose body is bounded while it is read, and then held against what can be stored."""

    largest = LARGEST_BODY
    demands = "send the body as JSON: Content-Type: application/json, without a Content-Encoding"

    async def body(self) -> bytes:
        """The body. Raises `Problem` 413 as soon as it is known to be too large, 415 where it is no plain JSON."""
        if not hasattr(self, "_body"):
            declared = self.headers.get("content-length", "")
            if declared.isdecimal() and int(declared) > self.largest:
                raise self._too_large()
            self._body = await self._read()
            if self._body and not self._is_json():
                raise Problem(415, "unsupported_media_type", self.demands, ("header", "Content-Type"))
        return self._body

    async def json(self) -> Any:
        """The parsed body. Raises `Problem` 422 where it is no JSON, too deep, or holds what no text may."""
        raw = await self.body()
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            _refuse_odd_number(raw)
            raise _unreadable(("body", error.pos), f"this is not JSON: {error.msg}", "json_invalid") from error
        if odd_numbers.may_be_odd(raw):
            _refuse_odd_number(raw)
        if raw.count(b"[") + raw.count(b"{") > DEEPEST_BODY and _depth(value) > DEEPEST_BODY:
            raise _unreadable(("body",), f"nested deeper than {DEEPEST_BODY} levels", "json_too_deep")
        if b"\\u0000" in raw and _holds_nul(value):
            raise _unreadable(("body",), "no text may hold the character U+0000", "json_invalid")
        return value

    async def _read(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in self.stream():
            size += len(part)
            if size > self.largest:
                raise self._too_large()
            parts.append(part)
        return b"".join(parts)

    def _is_json(self) -> bool:
        media = self.headers.get("content-type", "").split(";")[0].strip().lower()
        encoding = self.headers.get("content-encoding", "identity").strip().lower()
        plain = media == "application/json" or (media.startswith("application/") and media.endswith("+json"))
        return plain and encoding == "identity"

    def _too_large(self) -> Problem:
        message = f"the body is larger than {self.largest} bytes"
        return Problem(413, "too_large", message, ("body",), {"Connection": "close"})


class BatchRequest(JsonRequest):
    """A request whose body may hold many runs."""

    largest = LARGEST_BATCH


class JsonRoute(APIRoute):
    """Routes whose requests are read as `JsonRequest`, under the trace that their caller names."""

    reads: ClassVar[type[JsonRequest]] = JsonRequest

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        name = f"{' '.join(sorted(self.methods or ()))} {self.path_format}"

        async def read_and_handle(request: Request) -> Response:
            if b"%00" in request.scope["query_string"] or "\x00" in request.scope["path"]:
                raise refused(("query",), "no text may hold the character U+0000")
            with span(name, request.headers.get("traceparent")):
                return await handle(self.reads(request.scope, request.receive))

        return read_and_handle


class BatchRoute(JsonRoute):
    """A route whose requests are read as `BatchRequest`."""

    reads = BatchRequest


def _refuse_odd_number(raw: bytes) -> None:
    if (found := odd_numbers.find(raw)) is not None:
        place, text = found
        shown = text if len(text) <= 40 else f"{text[:39]}…"
        message = f"{shown} cannot be kept as a number: give at most 64 bits or a double, or write it as a string"
        raise _unreadable(("body", *place), message, "number_too_large")


def _unreadable(loc: Place, message: str, word: str) -> Problem:
    """The framework lets nothing but its own exceptions out of the reading of a body."""
    return refusal(refused(loc, message, word))


def _depth(value: Any) -> int:
    """Levels of nesting, without recursion."""
    level, depth = [value], 0
    while level := [inner for outer in level for inner in _inside(outer)]:
        depth += 1
    return depth


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values()) or [None]
    return (value or [None]) if isinstance(value, list) else []


def _holds_nul(value: Any) -> bool:
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, str) and "\x00" in one:
            return True
        if isinstance(one, dict):
            rest.extend((*one.keys(), *one.values()))
        elif isinstance(one, list):
            rest.extend(one)
    return False
