"""A web server of somebody else's, small: it takes what an automation tells it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

MOST_BYTES = 1 << 20


@contextmanager
def receiving(hear: Callable[[str, Any], None]) -> Iterator[str]:
    """Its address on a free port of the loopback, for as long as the context lasts.

    `hear` gets the path and the JSON of each POST, in a thread of the server's.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hear))
    server.daemon_threads = True
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _handler(hear: Callable[[str, Any], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "webhook"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            if not 0 <= length <= MOST_BYTES:
                self.close_connection = True
                return self._answer(413, {"error": f"a body has {MOST_BYTES} bytes at most"})
            try:
                told = json.loads(self.rfile.read(length) or b"null")
            except ValueError:
                return self._answer(400, {"error": "the body is not JSON"})
            hear(self.path, told)
            return self._answer(200, {"received": True})

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing: `hear` does."""

    return Handler
