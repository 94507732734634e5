"""One delivery of a message on its channel, through the one way out (rule 25). What fails says why, without secrets."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiosmtplib
import httpx2
from standardwebhooks import Webhook

from vai_common.clock import now
from vai_common.egress.addresses import Policy
from vai_common.egress.aiosmtplib_guard import guarded_smtp
from vai_common.egress.httpx2_guard import guarded_client
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_records.secrets.hiding import Hidden
from vai_scheduler.alerts.channels import body_for, email_for, host_of
from vai_scheduler.alerts.words import Message
from vai_worker.retry_after import seconds_to_wait

Json = dict[str, Any]

STEP_SECONDS = 10.0
"""For a connection, and for each answer."""

ALL_SECONDS = 30.0
"""For the whole delivery: less than a claim lasts."""

_MOST_READ = 2_000
_LONGEST_ANSWER = 200
_LONGEST_WAIT = 3_600.0
_AGAIN = frozenset((408, 409, 425, 429))


async def deliver(message: Message, channel: Json, secrets: Json, policy: Policy) -> Json | None:
    """Send it. What was delivered to some of an email's recipients only is told as an error that changes nothing.

    Raises `RunError`: `Retryable` where another attempt may help.
    """
    hidden = Hidden(_secret_texts(secrets))
    try:
        async with asyncio.timeout(ALL_SECONDS):
            if channel["type"] == "email":
                return await _mail(message, channel, secrets, policy)
            await _post(message, channel["type"], secrets, policy, hidden)
            return None
    except RunError as error:
        raise hidden.error(error) from None
    except TimeoutError:
        place = channel.get("host", "")
        raise Retryable(ErrorCode.TIMEOUT, f"{place} took longer than {ALL_SECONDS:g} s.", {"host": place}) from None


async def _post(message: Message, kind: str, secrets: Json, policy: Policy, hidden: Hidden) -> None:
    url, body = secrets["url"], body_for(kind, message)
    host = host_of(url)
    try:
        async with (
            guarded_client(policy, STEP_SECONDS, STEP_SECONDS) as client,
            client.stream("POST", url, content=body, headers=_headers(message, secrets, body)) as answer,
        ):
            _judge(host, answer, hidden.cut(await _start_of(answer)))
    except (httpx2.InvalidURL, httpx2.LocalProtocolError, httpx2.UnsupportedProtocol) as error:
        text = f"{host} cannot be asked ({type(error).__name__}): correct the address of the rule's channel."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"host": host}) from error
    except httpx2.TransportError as error:
        text = f"{host} does not answer ({type(error).__name__})."
        raise Retryable(ErrorCode.CONNECTION_ERROR, text, {"host": host}) from error


def _headers(message: Message, secrets: Json, body: bytes) -> dict[str, str]:
    """The id is the same at each attempt; the signature is that of Standard Webhooks."""
    headers = {"content-type": "application/json", "user-agent": "vai-alerts", "webhook-id": message.id}
    if secret := secrets.get("signing_secret"):
        at = now()
        headers["webhook-timestamp"] = str(int(at.timestamp()))
        headers["webhook-signature"] = Webhook(secret).sign(message.id, at, body.decode())
    if authorization := secrets.get("authorization"):
        headers["authorization"] = authorization
    return headers


async def _start_of(answer: httpx2.Response) -> str:
    """The beginning of what it said, on one line; it may be anything, and endless."""
    if answer.is_success:
        return ""
    read = b""
    async for piece in answer.aiter_raw(_MOST_READ):
        read += piece
        if len(read) >= _MOST_READ:
            break
    text = read[:_MOST_READ].decode("utf-8", "replace")
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:_LONGEST_ANSWER]


def _judge(host: str, answer: httpx2.Response, said: str) -> None:
    status = answer.status_code
    if answer.is_success:
        return
    details = {"host": host, "statusCode": status}
    text = f"{host} answered {status}" + (f": {said}" if said else "")
    if status in _AGAIN or status >= 500:
        raise Retryable(ErrorCode.CONNECTION_ERROR, text, details, _asked_wait(answer.headers))
    if status in (401, 403):
        text += ". Give the rule's channel an address or credentials that it takes."
        raise Permanent(ErrorCode.AUTH_ERROR, text, details)
    text += ". Correct the address of the rule's channel: redirects are not followed." if status < 400 else (
        ". Correct the rule's channel."
    )  # fmt: skip
    raise Permanent(ErrorCode.DATA_ERROR, text, details)


def _asked_wait(headers: Mapping[str, str]) -> float | None:
    """Given as seconds or as a date."""
    asked = seconds_to_wait(headers.get("retry-after"), now())
    return None if asked is None else min(asked, _LONGEST_WAIT)


async def _mail(message: Message, channel: Json, secrets: Json, policy: Policy) -> Json | None:
    host = channel["host"]
    mail = email_for(message, channel["sender"], channel["recipients"])
    own_name = channel["sender"].rpartition("@")[2]
    at = (policy, host, channel["port"], channel["security"], own_name, STEP_SECONDS)
    try:
        async with guarded_smtp(*at) as client:
            if channel.get("username"):
                await client.login(channel["username"], secrets.get("password", ""))
            refused, _ = await client.send_message(mail)
    except aiosmtplib.SMTPRecipientsRefused as error:
        codes = {recipient.recipient: (recipient.code, recipient.message) for recipient in error.recipients}
        raise _refused(host, codes) from error
    except aiosmtplib.SMTPAuthenticationError as error:
        raise Permanent(ErrorCode.AUTH_ERROR, _said(host, error), {"host": host}) from error
    except aiosmtplib.SMTPResponseException as error:
        kind = Retryable if 400 <= error.code < 500 else Permanent
        raise kind(ErrorCode.CONNECTION_ERROR, _said(host, error), {"host": host}) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        if isinstance(error, TimeoutError) and not isinstance(error, aiosmtplib.SMTPException):
            raise Retryable(ErrorCode.TIMEOUT, f"{host} does not answer.", {"host": host}) from error
        if isinstance(error, aiosmtplib.SMTPNotSupported) or type(error) is aiosmtplib.SMTPException:
            text = f"{host}: {error} Choose another security, or leave user name and password out."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"host": host}) from error
        text = f"{host} does not answer as a mail server ({type(error).__name__}: {error})."
        raise Retryable(ErrorCode.CONNECTION_ERROR, text[:500], {"host": host}) from error
    return _refused(host, refused).as_json() if refused else None


def _said(host: str, error: aiosmtplib.SMTPResponseException) -> str:
    return f"{host} answered {error.code}: {str(error.message)[:_LONGEST_ANSWER]}"


def _refused(host: str, codes: Mapping[str, Any]) -> Permanent:
    """For recipients that were not taken: address → code and text."""
    told = {address: f"{said[0]} {str(said[1])[:100]}" for address, said in codes.items()}
    text = f"{host} does not take these recipients: {', '.join(told)}. Correct them in the rule's channel."
    return Permanent(ErrorCode.DATA_ERROR, text, {"host": host, "recipients": told})


def _secret_texts(secrets: Json) -> list[str]:
    """All that may come back in an answer: an address is hidden with each part of its path and each value."""
    texts = [value for value in secrets.values() if isinstance(value, str)]
    parts = urlsplit(secrets.get("url", ""))
    return [*texts, *parts.path.split("/"), *(value for _, value in parse_qsl(parts.query))]
