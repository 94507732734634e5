"""A web server's folder that lists its files: pages of links, as nginx and Apache make them, or nginx's JSON."""

import json
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import quote, unquote, urljoin, urlsplit

from urllib3 import BaseHTTPResponse, Timeout

from vai_common.clock import now
from vai_common.egress.addresses import Policy
from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_extract_worker.failures import place_of
from vai_extract_worker.sync.names import BadName, Wanted, checked, shown
from vai_extract_worker.sync.places import CHUNK, Changed, Entry, FileFault, LeftOut, Vanished, unreadable
from vai_extract_worker.sync.web import in_our_words, pools
from vai_records.connections.credentials import HttpCredentials, Unusable, base_url, http_credentials
from vai_worker.children.job import ConnectionSecret
from vai_worker.retry_after import seconds_to_wait

MOST_PAGES: Final = 10_000
_LARGEST_PAGE: Final = 16 << 20
_MOST_REDIRECTS: Final = 5
_TIMEOUT: Final = Timeout(connect=10.0, read=60.0)
_PLAINLY: Final[dict[str, Any]] = {
    "preload_content": False,
    "redirect": False,
    "retries": False,
    "timeout": _TIMEOUT,
}
_FRESH_SECONDS: Final = 2.0
_NO_HEAD: Final = (400, 403, 405, 501)


class HttpIndex:
    """`url` is a folder. Only links below it are followed. Credentials go to the connection's own origin alone."""

    def __init__(self, url: str, connection: ConnectionSecret | None, policy: Policy) -> None:
        self._url = url if url.endswith("/") else f"{url}/"
        self._pools = pools(policy)
        self._shown, self._shown_to = _credentials(connection)

    def entries(self, wanted: Wanted) -> Iterator[Entry | LeftOut]:
        folders, seen = [self._url], {self._url}
        while folders:
            page = folders.pop()
            try:
                links = self._links(page)
            except Permanent as error:
                if page == self._url:
                    raise
                yield LeftOut(shown(self._path(page).rstrip("/")), error, is_folder=True)
                continue
            for link in links:
                if link.endswith("/"):
                    if link not in seen and not wanted.excludes_all_below(self._path(link)):
                        seen.add(link)
                        folders.append(link)
                    if len(seen) > MOST_PAGES:
                        text = f"{place_of(self._url)} has more than {MOST_PAGES:,} folders: name one below it."
                        raise Permanent(ErrorCode.DATA_ERROR, text, {"url": place_of(self._url)})
                elif link not in seen:
                    seen.add(link)
                    yield from self._file(link, wanted)

    def _file(self, link: str, wanted: Wanted) -> Iterator[Entry | LeftOut]:
        path = self._path(link)
        if not wanted(path):
            return
        try:
            path = checked(path)
        except BadName as bad:
            told = shown(path)
            yield LeftOut(told, FileFault(ErrorCode.DATA_ERROR, f"{told} is left out: {bad}.", {"path": told}))
            return
        try:
            yield self.look(Entry(path, link, None))
        except FileFault as fault:
            yield LeftOut(path, fault)

    def _path(self, link: str) -> str:
        """Below the folder. What is no UTF-8 stays what it is, so that two such names are not one."""
        return unquote(link.removeprefix(self._url), errors="surrogateescape")

    def look(self, entry: Entry) -> Entry:
        answer = self._asked("HEAD", entry.name)
        if answer.status in _NO_HEAD:
            answer.close()
            answer = self._asked("GET", entry.name)
        try:
            self._judge(answer, entry.path)
            return _described(entry, answer)
        finally:
            answer.close()

    def read(self, entry: Entry) -> Iterator[bytes]:
        answer = self._asked("GET", entry.name)
        try:
            self._judge(answer, entry.path)
            if not entry.is_still(_described(entry, answer)):
                raise Changed(entry.path)
            with in_our_words(entry.name):
                yield from answer.stream(CHUNK, decode_content=False)
        finally:
            answer.close()

    def close(self) -> None:
        self._pools.clear()

    def _links(self, page: str) -> list[str]:
        """The addresses below the folder that a page names, each once, in its order."""
        answer = self._asked("GET", page)
        try:
            if answer.status == 404 and page == self._url:
                text = f"There is nothing at {place_of(page)} (404). Check the path."
                raise Permanent(ErrorCode.CONNECTION_ERROR, text, {"url": place_of(page), "statusCode": 404})
            self._judge(answer, place_of(page), is_page=True)
            with in_our_words(page):
                body = answer.read(_LARGEST_PAGE + 1, decode_content=False)
        finally:
            answer.close()
        if len(body) > _LARGEST_PAGE:
            text = f"{place_of(page)} is larger than {_LARGEST_PAGE >> 20} MB, and cannot be read as an index."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"url": place_of(page)})
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        names = _json_names(body) if kind == "application/json" else _html_names(body) if "html" in kind else None
        if names is None:
            text = f"{place_of(page)} is no index of files: it is {kind or 'of no kind'}, neither HTML nor a JSON list."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"url": place_of(page)})
        return list(dict.fromkeys(link for name in names if (link := self._below(page, name))))

    def _below(self, page: str, name: str) -> str | None:
        """A link's address, if it is below the folder. A link with a query sorts the page."""
        try:
            link = urlsplit(urljoin(page, name))
        except ValueError:
            return None
        whole = f"{link.scheme}://{link.netloc}{link.path}"
        return whole if whole.startswith(self._url) and whole != self._url and not link.query else None

    def _asked(self, method: str, url: str) -> BaseHTTPResponse:
        """The answer behind all redirects; its body is not read yet."""
        for _ in range(_MOST_REDIRECTS + 1):
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                break
            headers = {"Accept-Encoding": "identity", "User-Agent": "vai-extract-worker"}
            asked = url
            if self._shown and (parts.scheme, parts.netloc) == self._shown_to:
                headers |= self._shown.headers
                query = "&".join(f"{quote(name)}={quote(value)}" for name, value in self._shown.query.items())
                asked = f"{url}?{query}" if query else url
            with in_our_words(url):
                answer = self._pools.request(
                    method,
                    asked,
                    headers=headers,
                    preload_content=False,
                    redirect=False,
                    retries=False,
                    timeout=_TIMEOUT,
                )
            target = answer.get_redirect_location()
            if not target:
                return answer
            answer.close()
            url = urljoin(url, target)
        text = f"{place_of(url)} leads in a circle of redirects, or to what is no web address. Check the path."
        raise Permanent(ErrorCode.CONNECTION_ERROR, text, {"url": place_of(url)})

    def _judge(self, answer: BaseHTTPResponse, path: str, is_page: bool = False) -> None:
        status, details = answer.status, {"path": path, "statusCode": answer.status}
        if 200 <= status < 300:
            return
        if status == 429:
            wait = seconds_to_wait(answer.headers.get("Retry-After"), now())
            text = f"The server asks to wait before {path} (429); the sync goes on later."
            raise Retryable(ErrorCode.RATE_LIMITED, text, details, wait)
        if status >= 500:
            text = f"The server failed at {path} ({status}); try again later."
            raise Retryable(ErrorCode.CONNECTION_ERROR, text, details)
        if is_page:
            code = ErrorCode.AUTH_ERROR if status in (401, 403) else ErrorCode.CONNECTION_ERROR
            text = f"{path} was answered with {status}. Check the address, and the connection's credentials."
            raise Permanent(code, text, details)
        raise Vanished(path) if status in (404, 410) else unreadable(path, f"the server answers {status}")


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value.strip() for name, value in attrs if name == "href" and value]


def _html_names(body: bytes) -> list[str]:
    page = _Links()
    page.feed(body.decode("utf-8", "replace"))
    return page.found


def _json_names(body: bytes) -> list[str] | None:
    """Of nginx's `autoindex_format json`; None for any other JSON."""
    try:
        listed: Any = json.loads(body)
        return [quote(one["name"]) + ("/" if one.get("type") == "directory" else "") for one in listed]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _described(entry: Entry, answer: BaseHTTPResponse) -> Entry:
    size, modified = answer.headers.get("Content-Length", ""), answer.headers.get("Last-Modified")
    known = int(size) if size.isascii() and size.isdigit() and len(size) < 19 else None
    return Entry(entry.path, entry.name, known, modified, answer.headers.get("ETag"), _is_fresh(modified))


def _is_fresh(modified: str | None) -> bool:
    try:
        return modified is not None and parsedate_to_datetime(modified).timestamp() > now().timestamp() - _FRESH_SECONDS
    except (ValueError, OverflowError):
        return True


def _credentials(connection: ConnectionSecret | None) -> tuple[HttpCredentials, tuple[str, str]]:
    """What is shown, and to which origin: that of the connection's base_url."""
    if connection is None or (base := base_url(connection.config)) is None:
        return HttpCredentials(), ("", "")
    try:
        shown = http_credentials(connection.credentials, connection.config)
    except Unusable as error:
        text = f"The credentials of {connection.slug} cannot be used for HTTP: {error}."
        raise Permanent(ErrorCode.AUTH_ERROR, text) from error
    return shown, (urlsplit(base).scheme, urlsplit(base).netloc)
