"""POST /webhooks/{org_id}/{path}: messages of other systems. Verified, stored, then answered (decisions 40, 42)."""

from base64 import b64encode
from secrets import token_bytes
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import Headers

from vai_api_gateway.auth.roles import Open
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, answer
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.requests import JsonRequest
from vai_api_gateway.http.shapes import Shape
from vai_api_gateway.metrics import webhooks_refused, webhooks_taken
from vai_api_gateway.problems import Problem
from vai_api_gateway.webhooks.paths import OpenWebhook
from vai_api_gateway.webhooks.signatures import Message, Mismatch, Unproven, scheme_of
from vai_common import clock
from vai_common.batcher import Overloaded
from vai_common.telemetry import current_traceparent
from vai_records.automations.runs import NewAutomationRun
from vai_records.automations.triggers import webhook_path

Json = dict[str, Any]

KEPT_HEADERS = (
    *("content-type", "user-agent"),
    *("x-shopify-topic", "x-shopify-shop-domain", "x-shopify-api-version", "x-shopify-triggered-at"),
    "x-github-event",
)
"""Headers that conditions and steps may read; never a signature, a cookie or a credential."""
_LONGEST_HEADER = 500
_NOBODYS = "whsec_" + b64encode(token_bytes(32)).decode()
_FORMS = frozenset(("application/x-www-form-urlencoded", "multipart/form-data"))


class WebhookRequest(JsonRequest):
    """Senders give JSON different content types, so everything but a form is read as JSON."""

    demands = "send the body as JSON (GitHub: content type application/json), without a Content-Encoding"

    async def body(self) -> bytes:
        """As for every request, except that its largest size is a setting."""
        self.largest = gateway_of(self).settings.webhook_bytes
        return await super().body()

    async def json(self) -> Any:
        """The parsed body; None where there is none."""
        return await super().json() if await self.body() else None

    def _is_json(self) -> bool:
        media = self.headers.get("content-type", "").split(";")[0].strip().lower()
        encoding = self.headers.get("content-encoding", "identity").strip().lower()
        return media not in _FORMS and encoding == "identity"


class WebhookRoute(JsonRoute):
    """A route whose requests are read as `WebhookRequest`."""

    reads = WebhookRequest
    any_query = True


class DeliveryShape(Shape):
    """`accepted` with the automation run that it started, `repeated` with the one that it had started, or `ignored`."""

    automation_run_id: UUID | None = None
    status: Literal["accepted", "repeated", "ignored"]


_OPEN = Depends(Open("the signature says who sends it: other systems have no credential of ours"))
_SIGNED_BY = {
    "webhook-id": "Standard Webhooks: the message's id, the same whenever it is sent again",
    "webhook-timestamp": "Standard Webhooks: Unix seconds, not more than five minutes from now",
    "webhook-signature": "Standard Webhooks: `v1,` and a signature; several with a space between them",
    "X-Shopify-Hmac-Sha256": "Shopify's signature",
    "X-Hub-Signature-256": "GitHub's signature",
}
_DOCUMENTED: Json = {
    "security": [],
    "parameters": [
        {"in": "header", "name": name, "required": False, "schema": {"type": "string"}, "description": text}
        for name, text in _SIGNED_BY.items()
    ],
    "requestBody": {
        "description": "Any JSON, at most 1 MiB (`VAI_WEBHOOK_BYTES`); an object's fields become the run's inputs",
        "content": {"application/json": {"schema": {}}},
    },
}
_REFUSALS: dict[int | str, Json] = {
    **{code: PROBLEMS[code] for code in (413, 415, 422, 503)},
    401: {**PROBLEMS[401], "description": "Unsigned, stale, the signature does not match, or there is no such webhook"},
}

router = APIRouter(prefix="/webhooks", tags=["Webhooks"], route_class=WebhookRoute, responses=_REFUSALS)


@router.post(
    "/{org_id}/{path:path}",
    response_model=DeliveryShape,
    status_code=202,
    dependencies=[_OPEN],
    openapi_extra=_DOCUMENTED,
    summary="Receive a webhook",
)
async def receive_webhook(request: Request, org_id: UUID, path: str) -> Response:
    """Starts the automation whose webhook has this path, once for each message; `docs/webhooks.md` says how to sign.

    The body is the automation run's `event.data`, and its inputs. An automation that is paused or in error ignores it.
    """
    try:
        taken = await _take(gateway_of(request), request, org_id, path)
    except Problem as problem:
        webhooks_refused.labels(reason=problem.errors[0]["type"]).inc()
        raise
    except Overloaded:
        webhooks_refused.labels(reason="overloaded").inc()
        raise
    webhooks_taken.labels(status=taken["status"]).inc()
    return answer(taken, 202)


async def _take(gateway: Gateway, request: Request, org_id: UUID, path: str) -> Json:
    hook, message_id = await _verified(gateway, request, org_id, path)
    payload = await request.json()
    if hook.status != "active":
        await gateway.webhook_intake.ignore(hook.id)
        return {"status": "ignored"}
    new = NewAutomationRun(
        org_id=org_id,
        automation_id=hook.id,
        version_id=hook.version_id,
        triggered_by="webhook",
        trigger_key=f"webhook:{message_id}",
        event=_event(message_id, request.headers, payload),
        inputs=payload if isinstance(payload, dict) else {"payload": payload},
        traceparent=current_traceparent(),
    )
    started = await gateway.webhook_intake.start(new, len(await request.body()))
    return {"automationRunId": started.run_id, "status": "accepted" if started.is_new else "repeated"}


async def _verified(gateway: Gateway, request: Request, org_id: UUID, path: str) -> tuple[OpenWebhook, str]:
    """The webhook of a signed message, and the message's id. The body of an unsigned message is not read.

    If there is no such webhook, the signature is compared with one of a random secret: without the right secret nobody
    learns whether a path exists.
    """
    try:
        verify = scheme_of(request.headers)
        message = Message(request.headers, await request.body())
        hook = await _found(gateway, org_id, path)
        message_id = verify(_NOBODYS if hook is None else hook.secret, message, clock.now())
        if hook is None:
            raise Mismatch("no signature matches")
    except Unproven as error:
        raise Problem(401, error.word, str(error), ("header",)) from error
    return hook, message_id


async def _found(gateway: Gateway, org_id: UUID, path: str) -> OpenWebhook | None:
    try:
        return await gateway.webhook_paths.find(org_id, webhook_path(path))
    except ValueError:
        return None


def _event(message_id: str, headers: Headers, payload: Any) -> Json:
    return {
        "type": "webhook",
        "id": message_id,
        "occurredAt": clock.now().isoformat(),
        "headers": {name: headers[name][:_LONGEST_HEADER] for name in KEPT_HEADERS if name in headers},
        "data": payload,
    }
