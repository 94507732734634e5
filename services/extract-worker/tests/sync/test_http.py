"""file_sync from a real HTTP server that lists its files, and from servers that mean ill."""

import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_worker.children.job import ConnectionSecret

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def served() -> Iterator[Callable[[Any], str]]:
    """Makes a server of a handler; its address."""
    servers = []

    def serve(handler: Any) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


class Listed(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


def said(answers: dict[str, Answer], seen: list[Any] | None = None) -> Any:
    """A handler that answers paths; `seen` collects what was asked."""

    class Says(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if seen is not None:
                seen.append((self.command, self.path, dict(self.headers)))
            status, headers, body = answers.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *args: Any) -> None:
            pass

    return Says


def page(*links: str) -> Answer:
    body = "".join(f'<a href="{link}">x</a>' for link in links).encode()
    return 200, {"Content-Type": "text/html"}, body


def test_a_server_that_lists_its_files_is_mirrored(syncing: Any, served: Any, tmp_path: Any) -> None:
    for name in ("a.csv", "deep/er/b ü&#.csv", "deep/c.txt", "empty.csv"):
        file = tmp_path / "www" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode() * (0 if "empty" in name else 70_000))
    url = served(partial(Listed, directory=str(tmp_path / "www")))
    assert syncing.run(path=url)["counts"]["added"] == 4
    assert syncing.content()["deep/er/b ü&#.csv"] == (tmp_path / "www/deep/er/b ü&#.csv").read_bytes()
    (tmp_path / "www/a.csv").unlink()
    result = syncing.run(path=url, delete=True)
    assert (result["added"], result["changed"], result["removed"]) == ([], [], ["a.csv"])


def test_nginxs_json_is_an_index_too(syncing: Any, served: Any) -> None:
    kind = {"Content-Type": "application/json"}
    top = json.dumps([{"name": "a b", "type": "file"}, {"name": "in", "type": "directory"}]).encode()
    inner = json.dumps([{"name": "c", "type": "file"}]).encode()
    file = (200, {"ETag": '"1"'}, b"x")
    url = served(said({"/": (200, kind, top), "/in/": (200, kind, inner), "/a%20b": file, "/in/c": file}))
    syncing.run(path=url)
    assert sorted(syncing.folder) == ["a b", "in/c"]


def test_names_and_links_of_a_hostile_index_lead_nowhere(syncing: Any, served: Any) -> None:
    seen: list[Any] = []
    names = ("%2e%2e%2fetc", "..%5cx", "a%00b", "x%2F%2Fy", "%2Fabs")
    links = (
        "good",
        "../up",
        "/",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "javascript:x",
        "//host/x",
        "?C=N",
    )
    answers = {"/in/": page(*links, *names), "/in/good": (200, {}, b"1")}
    url = served(said(answers, seen))
    result = syncing.run(path=f"{url}in/")
    assert syncing.content() == {"good": b"1"}
    assert {one["path"] for one in result["failed_files"]} == {"../etc", "..\\x", "a\\x00b", "x//y", "/abs"}
    assert {path for _, path, _ in seen} == {"/in/", "/in/good"}


@pytest.mark.parametrize(
    "inner",
    [
        (403, {}, b""),
        (404, {}, b""),
        (200, {"Content-Type": "application/pdf"}, b"%PDF"),
        (302, {"Location": "http://169.254.169.254/"}, b""),
    ],
)
def test_a_folder_that_cannot_be_listed_stops_no_other(syncing: Any, served: Any, inner: Answer) -> None:
    answers = {"/": page("a", "in/"), "/a": (200, {}, b"1"), "/in/": page("b"), "/in/b": (200, {}, b"2")}
    url = served(said(answers))
    syncing.run(path=url)
    answers |= {"/": page("c", "in/"), "/c": (200, {}, b"3"), "/in/": inner}
    result = syncing.run(path=url, delete=True)
    assert (result["added"], result["removed"]) == (["c"], [])
    assert [one["path"] for one in result["failed_files"]] == ["in"]
    result = syncing.run(path=url, delete=True, exclude=["in/**"])
    assert (result["removed"], result["failed_files"]) == (["a"], [])


def test_names_that_are_no_utf8_are_not_taken_for_one_another(syncing: Any, served: Any) -> None:
    url = served(said({"/": page("%ff", "%fe", "good"), "/good": (200, {}, b"1")}))
    result = syncing.run(path=url)
    assert [one["path"] for one in result["failed_files"]] == ["\\xff", "\\xfe"]
    assert all("no UTF-8" in one["error"]["message"] for one in result["failed_files"])


@pytest.mark.parametrize("target", ["http://169.254.169.254/x", "http://10.0.0.1/x", "file:///etc/passwd", "/loop"])
def test_a_redirect_into_a_private_address_is_refused(syncing: Any, served: Any, target: str) -> None:
    moved = (302, {"Location": target}, b"")
    url = served(said({"/": page("a"), "/a": moved, "/loop": moved}))
    with pytest.raises(Permanent, match=r"is not public|no web address") as raised:
        syncing.run(path=url)
    assert raised.value.code is ErrorCode.CONNECTION_ERROR
    assert syncing.folder == {}


def test_credentials_go_to_the_connections_own_origin_alone(syncing: Any, served: Any) -> None:
    elsewhere: list[Any] = []
    other = served(said({"/f": (200, {}, b"1")}, elsewhere))
    seen: list[Any] = []
    url = served(said({"/d/": page("a"), "/d/a": (302, {"Location": f"{other}f"}, b"")}, seen))
    config = {"base_url": url}
    syncing.connection = ConnectionSecret("c", "web", "rest_api", config, {"api_key": "canary"})
    syncing.run(path="d/")
    assert syncing.content() == {"a": b"1"}
    assert all(headers["x-api-key"] == "canary" for _, _, headers in seen)
    assert elsewhere
    assert "canary" not in str(elsewhere)


def test_a_file_that_changes_while_it_is_read_is_taken_whole_or_told(syncing: Any, served: Any) -> None:
    versions = iter(range(1_000))

    class Moving(said({"/": page("a")})):  # type: ignore[misc]
        def do_GET(self) -> None:
            if self.path != "/a":
                return super().do_GET()
            self.send_response(200)
            self.send_header("ETag", str(next(versions)))
            self.send_header("Content-Length", "1")
            self.end_headers()
            return self.wfile.write(b"1") if self.command == "GET" else None

        do_HEAD = do_GET  # noqa: N815

    with pytest.raises(Permanent, match="changes while it is read") as raised:
        syncing.run(path=served(Moving))
    assert raised.value.code is ErrorCode.DATA_ERROR


def test_an_answer_that_is_cut_off_is_tried_again_and_never_kept(syncing: Any, served: Any) -> None:
    url = served(said({"/": page("a"), "/a": (200, {"Content-Length": "10", "Connection": "close"}, b"half")}))
    with pytest.raises(Retryable) as raised:
        syncing.run(path=url)
    assert raised.value.code is ErrorCode.CONNECTION_ERROR
    assert syncing.folder == {}


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (401, "AUTH_ERROR", False),
        (404, "CONNECTION_ERROR", False),
        (429, "RATE_LIMITED", True),
        (503, "CONNECTION_ERROR", True),
    ],
)
def test_what_the_server_answers_has_its_code(
    syncing: Any, served: Any, status: int, code: str, retryable: bool
) -> None:
    with pytest.raises((Permanent, Retryable)) as raised:
        syncing.run(path=served(said({"/": (status, {}, b"")})))
    assert (raised.value.code, raised.value.retryable) == (code, retryable)
