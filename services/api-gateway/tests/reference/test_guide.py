"""/guide: what is built, with its policy; what is not there, and what never leaves the folder."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from vai_api_gateway.reference.guide import install

INDEX = b"window.index = 1\n" * 4_000


def built(folder: Path) -> Path:
    (folder / "runbooks").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>The guide</h1>")
    (folder / "runbooks/one.html").write_text("<h1>One</h1>")
    (folder / "searchindex.js").write_bytes(INDEX)
    (folder / "searchindex.js.gz").write_bytes(gzip.compress(INDEX))
    (folder / ".built").write_text("mark")
    (folder.parent / "secret.txt").write_text("not for browsers")
    return folder


def client(folder: str) -> httpx2.AsyncClient:
    app = FastAPI()
    install(app, folder)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://gateway")


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with client(str(built(tmp_path / "site"))) as web:
        yield web


async def test_pages_have_a_policy_without_an_exception(web: httpx2.AsyncClient) -> None:
    home = await web.get("/guide", follow_redirects=True)
    assert (home.url.path, home.text) == ("/guide/index.html", "<h1>The guide</h1>")
    page = await web.get("/guide/runbooks/one.html")
    policy = page.headers["content-security-policy"]
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


async def test_a_page_that_has_not_changed_is_not_sent_again(web: httpx2.AsyncClient) -> None:
    page = await web.get("/guide/index.html")
    again = await web.get("/guide/index.html", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_what_is_large_comes_compressed_to_who_takes_it(web: httpx2.AsyncClient) -> None:
    packed = await web.get("/guide/searchindex.js", headers={"Accept-Encoding": "gzip"})
    plain = await web.get("/guide/searchindex.js", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content == INDEX
    types = {answer.headers["content-type"] for answer in (packed, plain)}
    assert types == {"text/javascript; charset=utf-8"}
    assert packed.headers["etag"] != plain.headers["etag"]


@pytest.mark.parametrize(
    "path",
    [
        "nothing.html", "../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "runbooks/%2e%2e/%2e%2e/secret.txt",
        "%2fetc/passwd", "%00", ".built", "x" * 5_000, "x" * 300, "x" * 253, "é" * 150, "runbooks", "index.html/more",
    ],
)  # fmt: skip
async def test_what_is_not_a_page_is_not_there(web: httpx2.AsyncClient, path: str) -> None:
    answer = await web.get(f"/guide/{path}")
    assert answer.status_code == 404, answer.text
    assert "not for browsers" not in answer.text


@pytest.mark.parametrize("folder", ["", "/nowhere/at/all"])
async def test_without_a_build_it_says_how_to_make_one(folder: str) -> None:
    async with client(folder) as web:
        for path in ("/guide/index.html", "/guide/first-steps.html"):
            answer = await web.get(path)
            assert answer.status_code == 404
            assert "make guide" in answer.text


async def test_a_build_that_comes_later_is_served_without_a_restart(tmp_path: Path) -> None:
    async with client(str(tmp_path / "site")) as web:
        assert (await web.get("/guide/index.html")).status_code == 404
        built(tmp_path / "site")
        assert (await web.get("/guide/index.html")).status_code == 200
