"""Requests by route, as metrics: how many, how they were answered, how long they took."""

from collections.abc import MutableMapping
from typing import Any

from vai_api_gateway.metrics import http_request_seconds, http_requests, http_requests_open
from vai_common.clock import steady_seconds
from vai_common.metrics import series
from vai_common.telemetry import ended, exemplar

SERVED = "vai.served"
"""Where a request's scope holds its span, if there is one."""

BEGAN = "vai.began"
"""Where a request's scope holds when it came (steady seconds)."""

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_OTHER = "other"


def begun() -> None:
    """A request is being answered."""
    http_requests_open.inc()


def over(scope: MutableMapping[str, Any], status: int, *, is_stream: bool) -> None:
    """It is answered. `status` is 0 if the client went away before. The duration of streams is not measured."""
    http_requests_open.dec()
    method = scope["method"] if scope["method"] in _METHODS else _OTHER
    route = _route(scope)
    series(http_requests, method, route, str(status) if status else "gone").inc()
    served = scope.get(SERVED)
    if not is_stream and (began := scope.get(BEGAN)) is not None:
        took = steady_seconds() - began
        series(http_request_seconds, method, route).observe(took, None if served is None else exemplar(served))
    if served is not None:
        told = {"url.scheme": scope["scheme"], "url.path": scope["path"], "http.response.status_code": status}
        ended(served, str(status) if status >= 500 else None, told)


def _route(scope: MutableMapping[str, Any]) -> str:
    """The path with its parameters' names, not their values. `other` if there is no such path."""
    path = getattr(scope.get("route"), "path_format", None)
    return path if isinstance(path, str) else _OTHER
