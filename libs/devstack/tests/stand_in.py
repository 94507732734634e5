"""A service that does nothing. The stack's own tests start it instead of each of the seven services."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        settings = {name: value for name, value in os.environ.items() if name.startswith("VAI_")}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(settings).encode())


def main() -> None:
    failing = os.environ.get("STAND_IN_FAILS", "")
    if failing and Path(sys.argv[0]).parent.name == failing:
        sys.stderr.write("stand-in: the setting FOO is missing\n")
        sys.exit(3)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["VAI_HTTP_PORT"])), Health).serve_forever()
