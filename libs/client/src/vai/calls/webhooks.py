"""Sending to the platform's webhooks: signed as Standard Webhooks says (docs/webhooks.md)."""

import base64
import binascii
import hashlib
import hmac
import json
import time
import uuid
from typing import Any
from urllib.parse import quote

from vai.call import Call, segment
from vai.models.answers import Json


def signed(secret: str, body: bytes, message_id: str | None = None, at: float | None = None) -> dict[str, str]:
    """The headers that sign `body`: `webhook-id`, `webhook-timestamp`, `webhook-signature`.

    The same `message_id` starts nothing twice; one is made where none is given. `at` is in Unix seconds, now if absent.
    """
    name = message_id or f"msg_{uuid.uuid4().hex}"
    moment = str(int(time.time() if at is None else at))
    content = f"{name}.{moment}.".encode() + body
    mark = base64.b64encode(hmac.new(_key(secret), content, hashlib.sha256).digest()).decode()
    return {"webhook-id": name, "webhook-timestamp": moment, "webhook-signature": f"v1,{mark}"}


def _key(secret: str) -> bytes:
    """The decoded base64 after `whsec_`, with or without padding. If it is no base64, its UTF-8 bytes."""
    text = secret.removeprefix("whsec_")
    bare = text.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return text.encode()


def send(
    organisation_id: str, path: str, secret: str, payload: Any = None, *, message_id: str | None = None
) -> Call[Json]:
    """Send a signed message to the webhook at `path` of an organisation; it needs no key. The answer has a `status`.

    It is sent again if it may have been lost: the platform recognises a repeated message by its id.
    """
    body = b"" if payload is None else json.dumps(payload).encode()
    headers = signed(secret, body, message_id) | {"Content-Type": "application/json"}
    where = f"/webhooks/{segment(organisation_id)}/{quote(path.lstrip('/'), safe='/')}"
    return Call("POST", where, dict, content=body, headers=headers, repeatable=True)
