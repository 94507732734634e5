"""Errors of a source as errors of the error model (decision 25). Each message says what to do."""

import re
from typing import Any
from urllib.parse import urlsplit

import requests

from vai_common.clock import now
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_records.secrets.hiding import Hidden
from vai_worker.quota import is_quota, quota_wait
from vai_worker.retry_after import seconds_to_wait

_EXCERPT = 300


def place_of(url: str | None) -> str:
    """An address without the parts that may be secret: without user and query."""
    parts = urlsplit(url or "")
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"


def excerpt(body: bytes, hidden: Hidden) -> str:
    """The first printable characters of an answer, with secret values removed."""
    most = 4 * _EXCERPT
    text = body[:most].decode("utf-8", "ignore" if len(body) > most else "replace")
    text = hidden.cut(text) if len(body) > most else hidden.text(text)
    return re.sub(r"[^\x20-\x7e\xa0-\uffff]+", " ", text)[:_EXCERPT]


def of_status(response: requests.Response, hidden: Hidden, home: str | None = None) -> RunError:
    """The error for an answer whose status is not a success.

    `home`: the only origin that gets the credentials, if the answer is of another one.
    """
    status, place = response.status_code, place_of(response.url)
    details = {"statusCode": status, "url": place, "body": excerpt(response.content, hidden)}
    said = f"{place} answered {status}"
    if is_quota(status, response.headers):
        text = f"{said}: too many requests; request_interval_seconds slows a source down."
        return Retryable(ErrorCode.RATE_LIMITED, text, details, quota_wait(response.headers, now()))
    if status in (401, 403) and home:
        text = (
            f"{said}: a link or redirect of {home} leads there, and the credentials go to {home} alone. "
            "If both are the source, make the other address the base_url."
        )
        return Permanent(ErrorCode.AUTH_ERROR, text, details)
    if status in (401, 403):
        text = f"{said}: the credentials are missing, wrong or may not read this. Correct the connection's credentials."
        return Permanent(ErrorCode.AUTH_ERROR, text, details)
    if status >= 500 or status in (408, 425):
        text = f"{said}: the source fails; if this lasts, ask its operator."
        return Retryable(ErrorCode.CONNECTION_ERROR, text, details, retry_after(response))
    if status in (404, 410):
        text = f"{said}: there is nothing at this address. Check base_url and the resource's path."
        return Permanent(ErrorCode.CONNECTION_ERROR, text, details)
    if status < 400:
        text = f"{said}, which has no data. Check base_url and the resource's path."
        return Permanent(ErrorCode.DATA_ERROR, text, details)
    text = f"{said}: it does not take this request. Check the resource's path, params and paginator."
    return Permanent(ErrorCode.DATA_ERROR, text, details)


def retry_after(response: requests.Response) -> float | None:
    """`Retry-After` in seconds from now, whether given as seconds or as a date."""
    return seconds_to_wait(response.headers.get("Retry-After"), now())


def of_exception(error: requests.RequestException, url: str | None, read_timeout: float) -> RunError:
    """The error of a request that was not answered."""
    place = place_of(url)
    details: dict[str, Any] = {"url": place, "reason": type(error).__name__}
    if isinstance(error, requests.exceptions.ReadTimeout):
        text = f"{place} did not answer within {read_timeout:g} s; see read_timeout_seconds."
        return Retryable(ErrorCode.CONNECTION_ERROR, text, details)
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE" in str(error).upper():
        text = f"The certificate of {place} is not valid: {error}. Renew it, or trust its issuer with SSL_CERT_FILE."
        return Permanent(ErrorCode.CONNECTION_ERROR, text, details)
    if isinstance(error, requests.exceptions.TooManyRedirects):
        text = f"{place} leads in a circle of redirects. Check base_url and the resource's path."
        return Permanent(ErrorCode.CONNECTION_ERROR, text, details)
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return garbage(place, "its compression is broken", "JSON", details)
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
        text = f"{place} is not a valid address. Check base_url, the path, and where the source redirects to."
        return Permanent(ErrorCode.CONNECTION_ERROR, text, details)
    text = f"The connection to {place} failed ({_cause(error)}); check that the source is up."
    return Retryable(ErrorCode.CONNECTION_ERROR, text, details)


def _cause(error: BaseException) -> str:
    while error.__context__ is not None or error.__cause__ is not None:
        error = error.__cause__ or error.__context__ or error
    return f"{type(error).__name__}: {error}"[:200]


class Garbage(Permanent):
    """An answer that cannot be read. It may have been cut off on its way, so the request is repeated at once."""


def garbage(place: str, what: str, wanted: str, details: dict[str, Any]) -> Garbage:
    """The error for an answer that cannot be read. It quotes nothing of the answer, since that may be rows."""
    text = f"The answer of {place} cannot be read: {what}. Check that the path is that of an API that answers {wanted}."
    return Garbage(ErrorCode.DATA_ERROR, text, details)


def not_ready(response: requests.Response) -> Retryable:
    """202: the source has taken the request and has no answer yet."""
    place = place_of(response.url)
    text = f"{place} answered 202: what was asked for is not ready yet. Ask later; if it is the data, set errors: []."
    return Retryable(ErrorCode.CONNECTION_ERROR, text, {"statusCode": 202, "url": place}, retry_after(response))
