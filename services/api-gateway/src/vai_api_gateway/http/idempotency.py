"""`Idempotency-Key`: a client can repeat a request without starting anything twice.

The key is in the header, or in the body as `idempotencyKey`. A repeat gets what the first request has made (200). The
same key with another content is 409 (decision 14).
"""

import hashlib
import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from fastapi import Request

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.shapes import LONGEST_NAME, RunShape
from vai_records.refused import refused
from vai_records.runs import runs
from vai_records.runs.new_run import is_repeat
from vai_records.runs.orders import Order, fingerprint

_HEADER = "Idempotency-Key"

TAKES_KEY: dict[str, Any] = {
    "parameters": [
        {
            "name": _HEADER,
            "in": "header",
            "required": False,
            "description": "The same key starts nothing twice: a repeat answers what the first request made",
            "schema": {"anyOf": [{"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}, {"type": "null"}]},
        }
    ]
}
"""What the description says of a route that reads `header_key`: as a parameter of FastAPI's it cost each run 40 µs."""

_WITH_EXPONENT = 1e16
"""From this size on a float is written with an exponent, which jsonb does not keep."""

REPEATED: dict[int | str, dict[str, Any]] = {200: {"model": RunShape, "description": "The key had made this run"}}
"""Further answers of a route that starts runs."""


def header_key(request: Request) -> str | None:
    """The header's key. Raises `Refused` if there are two, or it is empty, too long, or not printable ASCII."""
    given = request.headers.getlist(_HEADER)
    if not given:
        return None
    key = given[0]
    if len(given) > 1:
        raise refused(("header", _HEADER), "the header is there twice; send one key")
    if not 1 <= len(key) <= LONGEST_NAME:
        raise refused(("header", _HEADER), f"a key has 1 to {LONGEST_NAME} characters; this one has {len(key)}")
    if not key.isascii():
        raise refused(
            ("header", _HEADER), "a header may hold ASCII only; send other keys as idempotencyKey in the body"
        )
    if not key.isprintable():
        raise refused(("header", _HEADER), "a key must not contain control characters; remove them")
    return key


def key_of(request: Request, body: str | None) -> str | None:
    """The key of a request. Raises `Refused` if header and body name different keys."""
    header = header_key(request)
    if header is not None and body is not None and header != body:
        raise refused(("body", "idempotencyKey"), "the header Idempotency-Key names another key; send one of them")
    return body if header is None else header


def mark_of(*content: Any) -> bytes:
    """The content that a repeat with the same key must have, too."""
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()


def is_same(stored: Any, given: Any) -> bool:
    """Whether a stored content is the given one exactly: 1 is neither true nor 1.0."""
    return json.dumps(_canonical(stored), sort_keys=True) == json.dumps(_canonical(given), sort_keys=True)


def _canonical(value: Any) -> Any:
    """With its numbers as the database gives them back: 1e16 as an integer, and no -0.0."""
    if isinstance(value, dict):
        return {name: _canonical(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(inner) for inner in value]
    if isinstance(value, float):
        return int(Decimal(repr(value))) if abs(value) >= _WITH_EXPONENT else value + 0.0
    return value


async def first_order(gateway: Gateway, org_id: UUID, order: Order) -> Any:
    """`first_run` of a request that gives an order."""
    beside = (order.concurrency_key, order.parent_run_id)
    return await first_run(gateway, org_id, order.idempotency_key, fingerprint(order), beside)


async def first_run(
    gateway: Gateway, org_id: UUID, key: str | None, mark: bytes, beside: tuple[str | None, UUID | None] = (None, None)
) -> Any:
    """The run that this very request has made before, or None: also where it could not be made any more."""
    if key is None:
        return None
    run = await runs.of_idempotency_key(gateway.pool, org_id, key)
    return run if run is not None and run["deleted_at"] is None and is_repeat(run, mark, beside) else None
