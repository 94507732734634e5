"""The server itself: keys, models, the script, streams, and connections that break."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType

from vai_testkit.servers.models import chat, messages, responses
from vai_testkit.servers.models.script import Asked, Turn, Unfit

KEY = "sk-the-right-key"
PROTOCOLS: dict[str, ModuleType] = {
    "/v1/chat/completions": chat,
    "/v1/responses": responses,
    "/v1/messages": messages,
}


class ModelServer:
    """`says` decides what to answer; `follow` takes a list of turns, in order, and then says so.

    `asked` are the requests that were fit to be answered, `refused` the reasons of the others.
    """

    def __init__(self) -> None:
        self.url = ""
        self.keys = {KEY}
        self.models = ["scripted-1", "scripted-2"]
        self.asked: list[Asked] = []
        self.refused: list[str] = []
        self.says: Callable[[Asked], Turn] = lambda asked: Turn("Hello.")
        self.over = threading.Event()
        self._lock = threading.Lock()

    def follow(self, turns: Sequence[Turn]) -> None:
        """Say these, each once, whoever asks."""
        left = list(turns)

        def say(asked: Asked) -> Turn:
            return left.pop(0) if left else Turn("The script has ended.")

        self.says = say

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        raw = handler.rfile.read(int(headers.get("content-length", 0)))
        path = handler.path.partition("?")[0]
        protocol = PROTOCOLS.get(path, messages if "anthropic-version" in headers else chat)
        key = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        if key not in self.keys:
            self._refuse(handler, protocol, 401, f"Incorrect API key provided: {key[:6]}***.")
        elif path == "/v1/models":
            data = [{"id": name, "object": "model", "type": "model", "display_name": name} for name in self.models]
            _send(handler, 200, {"object": "list", "data": data, "has_more": False})
        elif path not in PROTOCOLS:
            self._refuse(handler, protocol, 404, f"Unknown request URL: {path}.")
        else:
            self._talk(handler, protocol, json.loads(raw), headers)

    def _talk(
        self, handler: BaseHTTPRequestHandler, protocol: ModuleType, body: dict[str, object], headers: dict[str, str]
    ) -> None:
        if body.get("model") not in self.models:
            self._refuse(handler, protocol, 404, f"The model `{body.get('model')}` does not exist.")
            return
        try:
            asked: Asked = protocol.asked(body, headers)
        except Unfit as error:
            self._refuse(handler, protocol, 400, str(error))
            return
        with self._lock:
            self.asked.append(asked)
            number = len(self.asked)
            turn = self.says(asked)
        named = (replace(call, id=call.id or f"call_{number}_{at}") for at, call in enumerate(turn.calls))
        self._say(handler, protocol, replace(turn, calls=tuple(named)), asked, number)

    def _say(
        self, handler: BaseHTTPRequestHandler, protocol: ModuleType, turn: Turn, asked: Asked, number: int
    ) -> None:
        self.over.wait(turn.hold)
        if turn.status != 200:
            message = turn.message or "The server had an error while processing your request."
            _send(handler, turn.status, protocol.error(turn.status, message), turn.headers)
            return
        if not asked.streams or turn.raw is not None:
            raw = turn.raw if turn.raw is not None else json.dumps(protocol.answer(turn, asked, number)).encode()
            _send_raw(handler, 200, raw, {"Content-Type": "application/json"} | turn.headers, turn.cut_after)
            return
        self._stream(handler, turn, protocol.stream(turn, asked, number))

    def _stream(self, handler: BaseHTTPRequestHandler, turn: Turn, events: Iterator[tuple[str | None, object]]) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        sent = 0
        for place, (name, data) in enumerate(events):
            if place == turn.falls_silent_after:
                self.over.wait()
            text = data if isinstance(data, str) else json.dumps(data)
            piece = (f"event: {name}\n" if name else "") + f"data: {text}\n\n"
            if turn.cut_after is not None and sent + len(piece) > turn.cut_after:
                handler.close_connection = True
                handler.connection.close()
                return
            sent += len(piece)
            self.over.wait(turn.between)
            raw = piece.encode()
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(raw), raw))
            handler.wfile.flush()
        handler.wfile.write(b"0\r\n\r\n")

    def _refuse(self, handler: BaseHTTPRequestHandler, protocol: ModuleType, status: int, message: str) -> None:
        self.refused.append(message)
        _send(handler, status, protocol.error(status, message))


def _send(handler: BaseHTTPRequestHandler, status: int, body: object, headers: dict[str, str] | None = None) -> None:
    _send_raw(handler, status, json.dumps(body).encode(), {"Content-Type": "application/json"} | (headers or {}))


def _send_raw(
    handler: BaseHTTPRequestHandler, status: int, raw: bytes, headers: dict[str, str], cut_after: int | None = None
) -> None:
    handler.send_response(status)
    for name, value in ({"Content-Length": str(len(raw))} | headers).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(raw[:cut_after])
    if cut_after is not None:
        handler.close_connection = True


@contextmanager
def serving_models(port: int = 0) -> Iterator[ModelServer]:
    """A provider that listens on loopback until the block is left; its API is below `url` + `/v1`."""
    models = ModelServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each small piece of a stream waits 40 ms for the client's ACK

        def do_GET(self) -> None:
            try:
                models.answer(self)
            except ConnectionError:
                self.close_connection = True

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    models.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield models
    finally:
        models.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
