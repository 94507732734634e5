"""Webhooks as their senders sign them: the headers of a delivery."""

import base64
import hmac
from datetime import datetime
from typing import Protocol

from standardwebhooks import Webhook

from vai_common import clock


class Sign(Protocol):
    """The headers of a delivery; `more` are others, or the same with another value."""

    def __call__(self, secret: str, body: bytes, **more: str) -> dict[str, str]: ...


def standard(
    secret: str | bytes, body: bytes, message_id: str = "msg_1", at: datetime | None = None, **more: str
) -> dict[str, str]:
    """As Standard Webhooks, by the library that senders use."""
    at = at or clock.now()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, at, body.decode()),
    } | more


def shopify(secret: str, body: bytes, **more: str) -> dict[str, str]:
    mac = base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()
    return {"X-Shopify-Hmac-Sha256": mac, "X-Shopify-Webhook-Id": "b54557e4"} | more


def github(secret: str, body: bytes, **more: str) -> dict[str, str]:
    mac = hmac.digest(secret.encode(), body, "sha256").hex()
    return {"X-Hub-Signature-256": f"sha256={mac}", "X-GitHub-Delivery": "72d3162e-cc78"} | more
