"""The exceptions of this client.

VaiError
├── ServerUnreachable    nobody answered, or the connection broke
├── UnexpectedAnswer     somebody answered, but not as the contract says
└── ApiError             the platform said no (4xx, 5xx), and why
    ├── Unauthorized     401   no key, or one that is not known
    ├── Forbidden        403   the key's role or scopes may not do this
    ├── NotFound         404
    ├── Conflict         409   the state does not allow it; the detail says what it does allow
    ├── Invalid          400, 422   the detail names the field
    ├── TooManyRequests  429
    └── ServerFault      5xx
        └── Unavailable  503   busy or draining; `retry_after` says when to come back
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2


class VaiError(Exception):
    """The root of everything that this client raises on purpose."""


class ServerUnreachable(VaiError):
    """Nobody answered at `url`, or the connection broke before the answer was complete."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(url, reason)
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        return f"no answer from {self.url}: {self.reason}"


class UnexpectedAnswer(VaiError):
    """The answer does not have the documented shape: probably another server, or a proxy in between."""


@dataclass(frozen=True)
class Detail:
    """One line of an error body (decision 4): where, what, and which sort."""

    loc: tuple[str | int, ...]
    msg: str
    type: str

    @property
    def field(self) -> str:
        """The field in dotted form, without the part of the request that it stands in; empty if none is meant."""
        parts = self.loc[1:] if self.loc[:1] in {("body",), ("query",), ("path",), ("header",)} else self.loc
        return ".".join(map(str, parts))

    def __str__(self) -> str:
        return f"{self.field}: {self.msg}" if self.field else self.msg


class ApiError(VaiError):
    """An answer of 400 or more; `retry_after` is in seconds where the server gave it, `path` is what was asked for."""

    def __init__(
        self, status: int, detail: tuple[Detail, ...], retry_after: float | None = None, path: str = ""
    ) -> None:
        super().__init__(status, detail, retry_after)
        self.path = path
        self.status = status
        self.detail = detail
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.status}: " + "; ".join(map(str, self.detail))


class Unauthorized(ApiError):
    """401: no key, or one that the server does not know."""


class Forbidden(ApiError):
    """403: the key is known, its role or scopes may not do this."""


class NotFound(ApiError):
    """404: not there, or another organisation's."""


class Conflict(ApiError):
    """409: the state does not allow it; the detail says which transitions it allows."""


class Invalid(ApiError):
    """400 or 422: the request is wrong; the detail names the field."""


class TooManyRequests(ApiError):
    """429: slow down."""


class ServerFault(ApiError):
    """5xx: not the caller's fault."""


class Unavailable(ServerFault):
    """503: the server is there and cannot take this now."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: Invalid,
    429: TooManyRequests,
    503: Unavailable,
}


def error_from(response: httpx2.Response) -> ApiError:
    """The exception for an answer of 400 or more whose body has been read."""
    status = response.status_code
    kind = _BY_STATUS.get(status, ServerFault if status >= 500 else ApiError)
    return kind(status, _details(response), _retry_after(response.headers), response.request.url.path)


def _details(response: httpx2.Response) -> tuple[Detail, ...]:
    try:
        lines = json.loads(response.content)["detail"]
        found = tuple(_detail(line) for line in lines) if isinstance(lines, list) else (Detail((), str(lines), ""),)
    except (ValueError, KeyError, TypeError, AttributeError):
        found = ()
    return found or (Detail((), _words(response), "no_detail"),)


def _detail(line: Mapping[str, Any]) -> Detail:
    return Detail(tuple(line.get("loc", ())), str(line["msg"]), str(line.get("type", "")))


def _words(response: httpx2.Response) -> str:
    """The text of a body that is not the platform's, such as a proxy's page, in one short line."""
    text = " ".join(response.text.split())[:200]
    return text or response.reason_phrase or "the server gave no reason"


def _retry_after(headers: httpx2.Headers) -> float | None:
    """Seconds; the date form of the header is not used by the platform and counts as absent."""
    try:
        return max(0.0, float(headers["retry-after"]))
    except (KeyError, ValueError):
        return None
