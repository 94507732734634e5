"""The HTTP session of a source. It reaches permitted addresses only, keeps the source's pace, and raises
`RunError`s.
"""

import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import requests
from dlt.sources.helpers.rest_client.exceptions import IgnoreResponseException
from requests.adapters import HTTPAdapter
from urllib3.exceptions import IncompleteRead, ProtocolError, ReadTimeoutError, SSLError

from vai_common.clock import steady_seconds
from vai_common.egress.addresses import Policy
from vai_common.egress.urllib3_guard import guarded_pools
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_extract_worker import failures
from vai_extract_worker.rest.answer_errors import error_in
from vai_extract_worker.rest.answer_formats import WORDS, read_as
from vai_extract_worker.rest.pages_ahead import NotSent, PagesAhead
from vai_extract_worker.waits import Pace, wait
from vai_records.definitions.sources.csv_words import CsvWords
from vai_records.definitions.sources.rest_requests import ErrorRule, ResponseAction
from vai_records.secrets.hiding import Hidden
from vai_worker.children.link import Link

CONNECT_TIMEOUT = 10.0
LARGEST_PAGE = 256 * 1024 * 1024
"""The largest answer in bytes, decompressed."""

LONGEST_PAGE = 600.0
"""The longest time in seconds for a whole answer, even if it comes very slowly."""

_PATIENCE = 5.0
"""The longest `Retry-After` (seconds) that is waited for here. For a longer one the run leaves its worker and comes
back later.
"""

ACCEPTED = 202
"""A success without rows: the source is still preparing its answer."""

_WAITS = (0.25, 1.0)
_RATE_LIMIT_TRIES = 4


class GuardedAdapter(HTTPAdapter):
    """Connects to checked addresses, and reads whole answers within bounds of size and time. `sent` counts its
    requests.
    """

    def __init__(self, policy: Policy, link: Link) -> None:
        self._policy = policy
        self._link = link
        self.sent = 0
        self._counting = Lock()  # requests that are sent ahead come from threads
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        self.poolmanager = guarded_pools(self._policy, connections, maxsize, block=block, **kwargs)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        with self._counting:
            self.sent += 1
        response = super().send(request, stream=True, timeout=timeout, verify=verify, cert=cert, proxies=None)
        try:
            response._content = self._body(response)
        finally:
            response.close()
        return response

    def _body(self, response: requests.Response) -> bytes:
        """Decompress no further than the largest page, so that a small answer cannot fill the memory."""
        body, until = bytearray(), steady_seconds() + LONGEST_PAGE
        inflate = _inflater(response)
        for chunk in _raw(response):
            body += _inflated(inflate, chunk, LARGEST_PAGE + 1 - len(body)) if inflate else chunk
            self._link.check()
            if len(body) > LARGEST_PAGE:
                raise _too_large(response)
            if steady_seconds() > until:
                raise requests.exceptions.ConnectionError(f"the answer took more than {LONGEST_PAGE:g} s")
        if inflate and body and not inflate.eof:
            raise requests.exceptions.ContentDecodingError("the compressed answer is incomplete")
        return bytes(body)


def _raw(response: requests.Response) -> Iterator[bytes]:
    """The answer's bytes as they came. Raises requests' own exceptions."""
    try:
        yield from response.raw.stream(256 * 1024, decode_content=False)
    except (ProtocolError, IncompleteRead) as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error
    except (ReadTimeoutError, SSLError) as error:
        raise requests.exceptions.ConnectionError(error) from error


def _inflated(inflate: "zlib._Decompress", chunk: bytes, most: int) -> bytes:
    try:
        return inflate.decompress(chunk, most)
    except zlib.error as error:
        raise requests.exceptions.ContentDecodingError(error) from error


def _inflater(response: requests.Response) -> "zlib._Decompress | None":
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    raise requests.exceptions.ContentDecodingError(f"encoded as {encoding[:50]}, which was not asked for")


def _too_large(response: requests.Response) -> Permanent:
    place = failures.place_of(response.url)
    text = f"An answer of {place} is larger than {LARGEST_PAGE >> 20} MB. Ask for smaller pages."
    return Permanent(ErrorCode.DATA_ERROR, text, {"url": place})


@dataclass(frozen=True)
class Wanted:
    """How the present resource's answers are handled: how they are parsed, and which statuses are no errors."""

    response_format: str = "json"
    ignored: Sequence[ResponseAction] = ()
    interval: float = 0.0
    errors: Sequence[ErrorRule] | None = None
    csv: CsvWords | None = None
    known: set[str] = field(default_factory=set)
    """The columns of the csv answers so far, in lower case."""

    def ignores(self, response: requests.Response) -> bool:
        """Whether the answer ends the paging without an error."""
        return any(
            action.status_code in (None, response.status_code)
            and (action.content is None or action.content in response.text)
            for action in self.ignored
        )


class SourceSession(requests.Session):
    """Sends requests to one source. Only `origin` gets the headers named in `secret_headers`, also after redirects."""

    def __init__(self, link: Link, policy: Policy, read_timeout: float, interval: float) -> None:
        super().__init__()
        self.trust_env = False
        self.max_redirects = 5
        self.verify = os.environ.get("SSL_CERT_FILE") or True
        self.headers.update(
            {"Accept": "application/json", "Accept-Encoding": "gzip, deflate", "User-Agent": "vai-extract-worker"}
        )
        self._adapter = GuardedAdapter(policy, link)
        self.mount("http://", self._adapter)
        self.mount("https://", self._adapter)
        self.origin = ""
        self.secret_headers: frozenset[str] = frozenset()
        self.hidden = Hidden(())
        self.pace = Pace(interval, link)
        self.wanted = Wanted()
        self.received = 0
        self.sent_beside = 0
        self._ahead: PagesAhead | None = None
        self._link = link
        self._read_timeout = read_timeout

    @property
    def sent(self) -> int:
        """How many requests were sent, with those that were repeated or redirected; and `sent_beside`, those for files
        that come another way.
        """
        return self._adapter.sent + self.sent_beside

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """The parsed answer of a success. Raises `Retryable` or `Permanent`, after some repeats, and `Stop`."""
        kwargs["timeout"] = (CONNECT_TIMEOUT, self._read_timeout)
        if not kwargs.get("allow_redirects", True):
            return super().send(request, **kwargs)
        tries = 0
        while True:
            self._link.check()
            try:
                return self._parsed(self._answer_to(request, kwargs))
            except RunError as error:
                pause = _pause(error, tries)
                if pause is None:
                    raise
            tries += 1
            wait(pause, self._link)

    def want(self, wanted: Wanted, ahead: PagesAhead | None = None) -> None:
        """Set the answers' handling for the requests that follow. `ahead` has requests that were already sent."""
        self.wanted, self.pace.interval, self._ahead = wanted, wanted.interval, ahead

    def send_ahead(
        self, wanted: Wanted, request: requests.PreparedRequest, is_unwanted: Callable[[], bool]
    ) -> requests.Response:
        """The unread answer to a request that is sent ahead by a thread. Raises errors at once."""
        self.pace.keep()
        if is_unwanted():
            raise NotSent
        return self._asked(request, {"timeout": (CONNECT_TIMEOUT, self._read_timeout)}, wanted)

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """A redirect to another origin is followed without the credentials. A body is never sent to another origin."""
        if origin_of(prepared_request.url) != self.origin:
            if prepared_request.body:
                raise _astray(prepared_request.url)
            for name in [name for name in prepared_request.headers if name.lower() in self.secret_headers]:
                del prepared_request.headers[name]

    def _answer_to(self, request: requests.PreparedRequest, kwargs: dict[str, Any]) -> requests.Response:
        if self._ahead is not None and (response := self._ahead.take(request)) is not None:
            return response
        self.pace.keep()
        return self._asked(request, dict(kwargs), self.wanted)

    def _asked(self, request: requests.PreparedRequest, kwargs: dict[str, Any], wanted: Wanted) -> requests.Response:
        try:
            response = super().send(request, **kwargs)
        except requests.RequestException as error:
            raise failures.of_exception(error, request.url, self._read_timeout) from error
        self.pace.heard(response)
        if wanted.ignores(response):
            raise IgnoreResponseException
        if response.status_code == ACCEPTED and wanted.errors != []:
            raise failures.not_ready(response)
        if not 200 <= response.status_code < 300:
            home = None if origin_of(response.url) == self.origin else self.origin
            raise failures.of_status(response, self.hidden, home)
        return response

    def _parsed(self, response: requests.Response) -> requests.Response:
        self.received += len(response.content)
        try:
            wanted = self.wanted
            no_content = response.status_code == 204
            value = (
                []
                if no_content
                else read_as(
                    wanted.response_format,
                    response.content,
                    wanted.csv,
                    response.headers.get("Content-Type", ""),
                    wanted.known,
                )
            )
        except (ValueError, RecursionError) as error:
            details: dict[str, Any] = {
                "url": failures.place_of(response.url),
                "contentType": response.headers.get("Content-Type", ""),
                "bytes": len(response.content),
            }
            if found := self._error_in_json(response):
                raise self.hidden.error(found) from error
            raise failures.garbage(details["url"], *_unread(self.wanted.response_format, error), details) from error
        if found := error_in(value, self.wanted.errors, failures.place_of(response.url)):
            raise self.hidden.error(found)
        response.json = lambda **kwargs: value  # type: ignore[method-assign]
        return response

    def _error_in_json(self, response: requests.Response) -> RunError | None:
        """The error in an answer that should be a table and is JSON."""
        if self.wanted.response_format == "json":
            return None
        try:
            return error_in(read_as("json", response.content), self.wanted.errors, failures.place_of(response.url))
        except (ValueError, RecursionError):
            return None


def _unread(response_format: str, error: Exception) -> tuple[str, str]:
    """The error's text: what is wrong, and what should have come."""
    why = f" ({error})" if response_format != "json" and isinstance(error, ValueError) else ""
    return f"it is no {WORDS[response_format]}{why}", WORDS[response_format]


def _astray(url: str | None) -> Permanent:
    place = failures.place_of(url)
    text = f"The source redirects a request that has a body to {place}, another host: give the final address."
    return Permanent(ErrorCode.CONNECTION_ERROR, text, {"url": place})


def _pause(error: RunError, tries: int) -> float | None:
    """Seconds until the same request is repeated. None if it is left to the run's next attempt."""
    if isinstance(error, failures.Garbage):
        return _WAITS[tries] if tries < len(_WAITS) else None
    if not isinstance(error, Retryable) or error.details.get("reason") == "ReadTimeout":
        return None
    if error.retry_after is not None:
        return error.retry_after if error.retry_after <= _PATIENCE and tries < _RATE_LIMIT_TRIES else None
    return _WAITS[tries] if tries < len(_WAITS) else None


def origin_of(url: str | None) -> str:
    """scheme://host:port of an address, always with the port."""
    parts = urlsplit((url or "").lower())
    return f"{parts.scheme}://{parts.hostname}:{parts.port or {'https': 443}.get(parts.scheme, 80)}"
