"""As much of a cluster's API as helm asks when a template looks something up: namespaces and Secrets."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_NAMES = ("namespaces", "Namespace", False), ("secrets", "Secret", True)
_RESOURCES = [
    {"name": name, "singularName": "", "namespaced": inside, "kind": kind, "verbs": ["get", "list"]}
    for name, kind, inside in _NAMES
]
_ANSWERS: dict[str, Any] = {
    "/version": {"major": "1", "minor": "37", "gitVersion": "v1.37.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": _RESOURCES},
    "/api/v1/namespaces/vai": {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "vai"}},
}


@contextmanager
def cluster(secrets: Mapping[str, Sequence[str]], folder: Path) -> Iterator[Path]:
    """A kubeconfig for a cluster with the namespace `vai` and these Secrets in it, each with its keys."""
    answers = dict(_ANSWERS)
    for name, keys in secrets.items():
        made = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": name}, "data": dict.fromkeys(keys, "eA==")}
        answers[f"/api/v1/namespaces/vai/secrets/{name}"] = made

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path.partition("?")[0])
            absent = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            body = json.dumps(found or absent).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = folder / "kubeconfig"
    config.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, users: [{name: u, user: {}}],"
        " contexts: [{name: c, context: {cluster: c, user: u}}],"
        f" clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{server.server_port}'}}}}]}}"
    )
    try:
        yield config
    finally:
        server.shutdown()
        server.server_close()
