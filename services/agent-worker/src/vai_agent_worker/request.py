"""Makes the request from a definition and a connection, and the request that follows a redirect."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self
from urllib.parse import urlencode

import httpx2
import orjson
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from vai_agent_worker.credentials import base_url, credentials_of
from vai_common.errors import ErrorCode, Permanent
from vai_records.connections.credentials import HttpCredentials
from vai_records.definitions.http_request import HttpRequest
from vai_records.marked import Marked, Secret
from vai_records.secrets.hiding import Hidden
from vai_records.validation.masking import is_mark, is_secret, secret_texts_of, unmarked
from vai_worker.children.job import ConnectionSecret

_TO_GET = {301: ("POST",), 302: ("POST",), 303: ("POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
_REDIRECTS = (301, 302, 303, 307, 308)
_CONTENT = "(content)"


@dataclass(frozen=True)
class Outgoing:
    """One request. `own` are the connection's headers, which are never sent after a redirect. Header names are in lower
    case.

    `secret` names the headers, and perhaps the content, that are sent to no other origin.
    """

    method: str
    url: httpx2.URL
    headers: dict[str, str] = field(repr=False)
    own: dict[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)
    secret: frozenset[str] = frozenset()
    withheld: str | None = None

    def shown_url(self) -> str:
        """The address without parts that may be secret."""
        return Hidden(()).address(str(self.url))

    def build(self, client: httpx2.AsyncClient) -> httpx2.Request:
        return client.build_request(self.method, self.url, headers={**self.own, **self.headers}, content=self.content)

    def after(self, response: httpx2.Response) -> Self | None:
        """The request that follows from a redirect. None if the response is no redirect.

        Raises CONNECTION_ERROR if it leads nowhere, or from https to http.
        """
        location = response.headers.get("location")
        if response.status_code not in _REDIRECTS or location is None:
            return None
        url = self._target(location)
        away = url.origin != self.url.origin
        kept = {name: value for name, value in self.headers.items() if not away or name not in self.secret}
        withheld = "the request was redirected" if self.own or kept != self.headers else self.withheld
        onward = replace(self, url=url, headers=kept, own={}, withheld=withheld)
        if self.method in _TO_GET.get(response.status_code, ()):
            return onward._as_get()
        if away and _CONTENT in self.secret:
            raise self._misled(location, "another host, and secret values of the body are for the first one only")
        return onward

    def _target(self, location: str) -> httpx2.URL:
        try:
            url = self.url.join(location).copy_with(username=None, password=None)
        except httpx2.InvalidURL:
            raise self._misled(location, "which is not an address") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise self._misled(location, "which is not an HTTP address")
        if self.url.scheme == "https" and url.scheme == "http":
            raise self._misled(location, "which is not encrypted")
        return url

    def _as_get(self) -> Self:
        headers = {name: value for name, value in self.headers.items() if name != "content-type"}
        return replace(self, method="GET", content=None, headers=headers)

    def _misled(self, location: str, why: str) -> Permanent:
        # Without the query, which may have a credential.
        url = str(self.url.copy_with(query=None, fragment=None, username=None, password=None))
        shown = Hidden(()).address(location)[:500]
        return Permanent(
            ErrorCode.CONNECTION_ERROR,
            f"{url} redirects to {shown}, {why}: use the final address.",
            {"url": url, "location": shown},
        )


def compose(
    definition: HttpRequest,
    told: Mapping[str, Any],
    connection: ConnectionSecret | None,
    run_id: str,
    traceparent: str | None = None,
) -> Outgoing:
    """The first request of a run. It continues the current span, or else the run's trace. `told` is the definition as
    JSON.

    Raises DATA_ERROR for a request that cannot be sent, AUTH_ERROR for unusable credentials.
    """
    base = base_url(connection) if connection else None
    url = _url(definition, connection, base).copy_merge_params(_texts("query", definition.query))
    credentials, withheld = _credentials(connection, base, url)
    content, content_type = _content(definition)
    headers = {"accept": "*/*", "user-agent": "vai", **content_type, **_lower(_texts("headers", definition.headers))}
    return Outgoing(
        method=definition.method,
        url=url.copy_merge_params(credentials.query),
        headers={**headers, **_platform(run_id, traceparent)},
        own={name: value for name, value in credentials.headers.items() if name not in headers},
        content=content,
        secret=_secret_headers(told) | _secret_content(told),
        withheld=withheld,
    )


def _url(definition: HttpRequest, connection: ConnectionSecret | None, base: httpx2.URL | None) -> httpx2.URL:
    given = None if definition.url is None else str(_text("url", definition.url))
    if given is not None and not given.startswith("/"):
        return httpx2.URL(given)
    if base is None:
        name = f"the connection {connection.slug} has no base_url" if connection else "the run has no connection"
        raise Permanent(
            ErrorCode.DATA_ERROR, f"The request has no host: {name}. Give an absolute url.", {"field": "url"}
        )
    path = (given or "").lstrip("/")
    return httpx2.URL(f"{str(base).rstrip('/')}/{path}" if path else base)


def _credentials(
    connection: ConnectionSecret | None, base: httpx2.URL | None, url: httpx2.URL
) -> tuple[HttpCredentials, str | None]:
    if connection is None or not (connection.credentials or connection.config.get("headers")):
        return HttpCredentials(), None
    if base is None:
        return HttpCredentials(), f"the connection {connection.slug} names no base_url"
    if base.origin != url.origin:
        return HttpCredentials(), f"{url.host} is not the host of the connection {connection.slug}"
    return credentials_of(connection), None


def _content(definition: HttpRequest) -> tuple[bytes | None, dict[str, str]]:
    if definition.body is not None:
        return orjson.dumps(unmarked(definition.body)), {"content-type": "application/json"}
    if definition.body_text is not None:
        return str(_text("body_text", definition.body_text)).encode(), {"content-type": "text/plain; charset=utf-8"}
    if definition.form is not None:
        form = urlencode(_texts("form", definition.form), doseq=True)
        return form.encode(), {"content-type": "application/x-www-form-urlencoded"}
    return None, {}


def _platform(run_id: str, traceparent: str | None) -> dict[str, str]:
    headers = {"idempotency-key": run_id, "accept-encoding": "gzip, deflate"}
    if traceparent:
        headers["traceparent"] = traceparent
    TraceContextTextMapPropagator().inject(headers)
    return headers


def _texts(place: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _text(f"{place}.{name}", value) for name, value in values.items()}


def _text(field_name: str, value: Any) -> Any:
    if isinstance(value, Secret):
        raise Permanent(
            ErrorCode.DATA_ERROR, f"No value is kept for the secret {field_name}: give it.", {"field": field_name}
        )
    if isinstance(value, Marked):
        return _text(field_name, value.value)
    if isinstance(value, list):
        return [_text(field_name, one) for one in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _secret_headers(told: Mapping[str, Any]) -> frozenset[str]:
    headers = told.get("headers") or {}
    return frozenset(name.lower() for name, value in headers.items() if is_mark(value) or is_secret(name, value))


def _secret_content(told: Mapping[str, Any]) -> frozenset[str]:
    body = {name: value for name, value in told.items() if name in ("body", "body_text", "form")}
    return frozenset((_CONTENT,)) if any(secret_texts_of(body)) else frozenset()
