"""Asks a vendor's token endpoint for an access token (RFC 6749, section 5), by the same egress policy as all."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx2
import orjson

from vai_common.clock import now
from vai_common.egress.addresses import Policy
from vai_common.egress.httpx2_guard import guarded_client
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_records.connections.credentials import sent_secrets
from vai_records.connections.oauth import Answer, OAuth
from vai_records.secrets.hiding import Hidden

_SECONDS = 15.0
_LARGEST = 256 * 1024
_CODE = re.compile(r"[a-z_]{1,40}")
_ADVICE = {
    "invalid_client": "correct client_id and client_secret, or try another token_endpoint_auth_method",
    "invalid_grant": "its refresh_token is no good any more: connect again, and give the new one",
    "invalid_scope": "correct config.auth.scope",
    "unauthorized_client": "this client may not use this grant: change it at the vendor's, or take another type",
    "unsupported_grant_type": "take another config.auth.type",
}
_ADVICE_OF_ACCOUNTS = _ADVICE | {
    "invalid_grant": "its private_key was revoked or is another account's, there is no such client_email or subject, "
    "or the clock here is wrong: make a new key, and give it",
    "invalid_client": "correct client_email and private_key",
    "unauthorized_client": "the account may not act for this subject, or with this scope: permit it at the vendor's",
}
"""Of service accounts, which have no refresh token."""


async def ask(oauth: OAuth, slug: str, policy: Policy) -> Answer:
    """The vendor's answer. Raises AUTH_ERROR where it refuses, `Retryable` where it may give one later."""
    sent = oauth.request()
    hidden = hidden_of(oauth, sent)
    place = hidden.address(oauth.url.partition("?")[0])
    details = {"connection": slug, "url": place}
    try:
        status, body, wait = await _posted(oauth.url, sent, policy)
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError) as error:
        text = f"{place} is not an address for tokens: correct config.auth.access_token_url of {slug}."
        raise Permanent(ErrorCode.DATA_ERROR, text, details) from error
    except (httpx2.HTTPError, TimeoutError) as error:
        text = f"{place}, where {slug} gets its access token, does not answer ({type(error).__name__}); try it later."
        raise Retryable(ErrorCode.CONNECTION_ERROR, text, details) from error
    if status == 200:
        try:
            return oauth.read(orjson.loads(body), now().timestamp())
        except ValueError as error:
            text = f"The answer of {place} holds no access token ({_why(error)}): check config.auth.access_token_url."
            raise Permanent(ErrorCode.AUTH_ERROR, text, details) from None
    advice = _ADVICE if oauth.signer is None else _ADVICE_OF_ACCOUNTS
    raise _refused(status, body, wait, place, slug, hidden, details, advice)


def hidden_of(oauth: OAuth, sent: tuple[Mapping[str, str], Mapping[str, str]]) -> Hidden:
    """What is not shown of what the vendor says: the secrets, and the request's headers and fields made of them."""
    key = oauth.signer and oauth.signer.key
    kept = [text for text in (oauth.client_secret, oauth.refresh_token, key, sent[1].get("assertion")) if text]
    return Hidden([*kept, *sent_secrets(*sent)])


async def _posted(
    url: str, sent: tuple[dict[str, str], dict[str, str]], policy: Policy
) -> tuple[int, bytes, float | None]:
    """Status, body, and seconds of a `Retry-After`. A redirect is an answer: secrets follow none."""
    headers, form = sent
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    async with (
        asyncio.timeout(2 * _SECONDS),
        guarded_client(policy, _SECONDS, _SECONDS) as client,
        client.stream("POST", url, content=urlencode(form).encode(), headers=headers) as answer,
    ):
        body = bytearray()
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > _LARGEST:
                raise httpx2.RemoteProtocolError("the answer is too large for a token")
        waits = answer.headers.get("retry-after", "")
        return (
            answer.status_code,
            bytes(body),
            float(waits) if waits.isascii() and waits.isdigit() and len(waits) < 6 else None,
        )


def _refused(
    status: int,
    body: bytes,
    wait: float | None,
    place: str,
    slug: str,
    hidden: Hidden,
    details: dict[str, Any],
    advices: Mapping[str, str],
) -> RunError:
    said = f"{place}, where {slug} gets its access token, answered {status}"
    details = details | {"statusCode": status}
    if status == 429:
        return Retryable(ErrorCode.RATE_LIMITED, f"{said}: too many requests.", details, wait)
    if status >= 500 or status in (408, 425):
        return Retryable(ErrorCode.CONNECTION_ERROR, f"{said}: it fails.", details, wait)
    if 300 <= status < 400:
        text = f"{said}: it redirects, and secrets follow no redirect. Put the final address into access_token_url."
        return Permanent(ErrorCode.AUTH_ERROR, text, details)
    code, description = _told(body, hidden)
    advice = advices.get(code, "correct the connection's credentials and config.auth")
    told = f" ({code}{f': {description}' if description else ''})" if code else ""
    return Permanent(ErrorCode.AUTH_ERROR, f"{said}{told}: {advice}.", details | ({"error": code} if code else {}))


def _told(body: bytes, hidden: Hidden) -> tuple[str, str]:
    """The error's code and description, without secrets; empty where it says none."""
    try:
        answer = orjson.loads(body)
    except ValueError:
        return "", ""
    code = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        return "", ""
    description = answer.get("error_description")
    text = hidden.text(description) if isinstance(description, str) else ""
    return code, re.sub(r"[^\x20-\x7e]+", " ", text)[:200].strip()


def _why(error: ValueError) -> str:
    return "it is not JSON" if isinstance(error, orjson.JSONDecodeError) else str(error)
