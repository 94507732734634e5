"""The common part of the blocking and the asynchronous client.

How a call becomes a request, when it is sent again, and what its answer means.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2

from .call import Call
from .errors import ServerUnreachable, UnexpectedAnswer, error_from

T = TypeVar("T")
Outcome = httpx2.Response | httpx2.TransportError

QUIET = 45.0  # seconds without a byte; the longest SYNC answer takes 30, a live stream speaks every 15
BROKEN = (httpx2.NetworkError, httpx2.RemoteProtocolError, httpx2.ConnectTimeout)


@dataclass(frozen=True)
class Retries:
    """When a call that may be repeated is repeated: after a broken connection, and after 503 with Retry-After.

    Delays are in seconds; a server that asks for more than `longest_delay` gets its error raised instead. A live log
    that was open once is opened again more patiently, `reopenings` times without a new entry.
    """

    attempts: int = 4
    reopenings: int = 20
    first_delay: float = 0.2
    longest_delay: float = 30.0

    def delay(self, call: Call[Any], attempt: int, outcome: Outcome) -> float | None:
        """Seconds to wait before the next try, or None when `outcome` stands; `attempt` counts from 1."""
        if not call.repeatable or attempt >= self.attempts:
            return None
        if isinstance(outcome, httpx2.Response):
            asked = error_from(outcome).retry_after if outcome.status_code == 503 else None
            return asked if asked is not None and asked <= self.longest_delay else None
        return self.backoff(attempt) if isinstance(outcome, BROKEN) else None

    def backoff(self, attempt: int) -> float:
        """Doubling, with jitter between half and the whole."""
        return min(self.longest_delay, self.first_delay * 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.0)


def http_settings(api_url: str, api_key: str | None, timeout: float, agent: str) -> dict[str, Any]:
    """What both kinds of httpx2 client are made with; `agent` is what the server hears that is calling."""
    headers = {"User-Agent": f"{agent}/{version('vai-client')}", "Accept": "application/json"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    return {
        "base_url": api_url.rstrip("/"),
        "headers": headers,
        "timeout": httpx2.Timeout(timeout, connect=5.0),
        # Shorter than uvicorn's five seconds, so that a kept connection is rarely closed under a request.
        "limits": httpx2.Limits(keepalive_expiry=4.0),
        "trust_env": not _loopback(api_url),  # no proxy knows this machine's own services
    }


def _loopback(url: str) -> bool:
    return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}


def request_of(call: Call[Any], timeout: float) -> Mapping[str, Any]:
    """The arguments of httpx2's `request` and `stream`."""
    return {
        "method": call.method,
        "url": call.path,
        "params": dict(call.query) or None,
        **({"json": call.body} if call.content is None else {"content": call.content}),
        "headers": dict(call.headers),
        "timeout": httpx2.Timeout(timeout + call.patience, connect=5.0),
    }


def answer_of(call: Call[T], outcome: Outcome, url: str) -> T:
    """The result of a call. Raises ServerUnreachable, ApiError or UnexpectedAnswer."""
    if isinstance(outcome, httpx2.TransportError):
        raise ServerUnreachable(url, reason_of(outcome)) from outcome
    check(outcome)
    if call.text:
        return call.read(outcome.text)
    try:
        data = outcome.json() if outcome.content else None
    except ValueError as error:
        raise UnexpectedAnswer(f"{url} answered {call.method} {call.path} with something that is not JSON") from error
    return call.read(data)


def check(response: httpx2.Response) -> None:
    """Raises ApiError for 400 and more, UnexpectedAnswer for a redirect (the key must not follow it)."""
    if response.status_code >= 400:
        raise error_from(response)
    if response.status_code >= 300:
        raise UnexpectedAnswer(
            f"redirected to {response.headers.get('location', 'nowhere')}; give that address instead"
        )


def reason_of(error: httpx2.TransportError) -> str:
    """A short reason in words."""
    if isinstance(error, httpx2.ReadTimeout):
        return "it took the request and did not answer in time"
    return re.sub(r"^\[Errno \d+\] ", "", str(error)) or type(error).__name__
