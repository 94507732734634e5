"""A source that answers JSON over HTTP on loopback, in threads of its own: for code that is not asynchronous."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Ask:
    """A request that reached the source; `repeated` has all values of each parameter, `query` the last ones."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    method: str = "GET"
    body: bytes = b""
    repeated: dict[str, list[str]] = field(default_factory=dict)
    target: str = ""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Say:
    """An answer; `hang` keeps the other side waiting until the test is over."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    hang: bool = False


def _nothing(ask: Ask) -> Say:
    return Say({"error": f"nothing at {ask.path}"}, 404)


class FakeApi:
    """`paths` maps a path to a function from the request to the answer (a `Say`, or what becomes JSON)."""

    def __init__(self) -> None:
        self.asked: list[Ask] = []
        self.paths: dict[str, Callable[[Ask], Any]] = {}
        self.default: Callable[[Ask], Any] = _nothing
        self.over = threading.Event()
        self.url = ""

    def rows(self, path: str, rows: list[Any], size: int) -> None:
        """A list that is paged by `page`, from 1, with its number of pages."""
        pages = [rows[first : first + size] for first in range(0, len(rows), size)] or [[]]

        def answer(ask: Ask) -> Any:
            number = int(ask.query.get("page", "1"))
            found = pages[number - 1] if number <= len(pages) else []
            return {"data": found, "page": number, "total_pages": len(pages)}

        self.paths[path] = answer

    def asked_for(self, path: str) -> list[Ask]:
        return [ask for ask in self.asked if ask.path == path]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        repeated = parse_qs(parts.query, keep_blank_values=True)
        query = {name: values[-1] for name, values in repeated.items()}
        headers = {name.lower(): value for name, value in handler.headers.items()}
        body = handler.rfile.read(int(headers.get("content-length", 0)))
        ask = Ask(parts.path, query, headers, handler.command, body, repeated, handler.path)
        self.asked.append(ask)
        found = self.paths.get(parts.path, self.default)(ask)
        say = found if isinstance(found, Say) else Say(found)
        if say.hang:
            self.over.wait(30)
            return
        body = say.raw if say.raw is not None else json.dumps(say.body).encode()
        handler.send_response(say.status)
        for name, value in {"Content-Length": str(len(body)), **say.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


@contextmanager
def serving() -> Iterator[FakeApi]:
    """An API that listens until the block is left."""
    fake = FakeApi()
    server = _server(fake)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        fake.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _server(fake: FakeApi) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet: a second one would wait 40 ms for the first one's receipt

        def do_GET(self) -> None:
            try:
                fake.answer(self)
            except ConnectionError:
                self.close_connection = True

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    return server
