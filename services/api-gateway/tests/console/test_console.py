"""The console at /: its page with its policy, the files it loads, and what is left alone."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from vai_api_gateway.app import Application, create_app
from vai_api_gateway.console.routes import install
from vai_api_gateway.gateway import Gateway
from vai_common.health import Health

PAGE = """<base href="VAI_ROOT/"><meta name="vai-root" content="VAI_ROOT"><meta property="csp-nonce" nonce="VAI_NONCE">
<script src="./assets/index-1.js"></script>"""
SCRIPT = b"console.log('hello')\n" * 100


def built(folder: Path) -> Path:
    (folder / "assets").mkdir(parents=True, exist_ok=True)
    (folder / "assets/index-1.js").write_bytes(SCRIPT)
    (folder / "assets/index-1.js.br").write_bytes(b"brotli")
    (folder / "assets/index-1.js.gz").write_bytes(b"gzip")
    (folder / "secret.txt").write_text("not for browsers")
    (folder / "index.html").write_text(PAGE)
    return folder


def serving(gateway: Gateway, folder: Path, **settings: Any) -> Application:
    changed = gateway.settings.model_copy(update={"console": str(folder), **settings})
    return create_app(replace(gateway, settings=changed), Health())


def alone(folder: Path) -> FastAPI:
    """Only the console's routes: the whole application takes a third of a second of CPU."""
    app = FastAPI()
    install(app, str(folder), "")
    return app


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with client(alone(built(tmp_path / "dist"))) as web:
        yield web


def client(app: FastAPI) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://gateway", headers={"Accept": "text/html,*/*"})


async def test_every_address_that_a_browser_opens_is_the_page(web: httpx2.AsyncClient) -> None:
    for path in ("/", "/runs", "/runs/0192?status=failed", "/a/page/of/tomorrow"):
        answer = await web.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8"), path


async def test_the_policy_lets_only_this_answers_styles_in_and_no_script_but_ours(web: httpx2.AsyncClient) -> None:
    first, second = await web.get("/"), await web.get("/")
    policies = [answer.headers["content-security-policy"] for answer in (first, second)]
    words = [re.search(r"style-src 'self' 'nonce-([\w-]{20,})'", policy) for policy in policies]
    assert all(words), policies
    assert words[0][1] in first.text  # type: ignore[index]
    assert words[0][1] != words[1][1]  # type: ignore[index]
    assert "script-src 'self';" in policies[0]
    assert "unsafe" not in policies[0]
    assert "VAI_" not in first.text


async def test_what_is_no_page_answers_as_it_did(gateway: Gateway, tmp_path: Path) -> None:
    async with client(serving(gateway, built(tmp_path / "dist"))) as web:
        for path in ("/api/v1/nothing", "/webhooks/nothing", "/assets/nothing.js", "/docs/nothing"):
            answer = await web.get(path)
            assert answer.status_code in (401, 404), path
            assert "<base" not in answer.text
        assert (await web.get("/runs", headers={"Accept": "application/json"})).status_code == 404
        assert (await web.post("/runs")).status_code == 404
        assert (await web.get("/healthz")).status_code != 404
        page = await web.get("/runs")
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-frame-options"] == "DENY"


async def test_files_are_compressed_kept_for_ever_and_known_again(web: httpx2.AsyncClient) -> None:
    for accepts, coded in (("br, gzip", "br"), ("gzip", "gzip"), ("identity", None)):
        async with web.stream("GET", "/assets/index-1.js", headers={"Accept-Encoding": accepts}) as answer:
            body = b"".join([piece async for piece in answer.aiter_raw()])
        assert answer.headers.get("content-encoding") == coded
        assert body == {"br": b"brotli", "gzip": b"gzip", None: SCRIPT}[coded]
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].startswith("text/javascript")
    known = await web.get("/assets/index-1.js", headers={"If-None-Match": f"W/{answer.headers['etag']}"})
    assert (known.status_code, known.content) == (304, b"")


@pytest.mark.parametrize("path", ["../secret.txt", "..%2fsecret.txt", "%2e%2e/secret.txt", "./index-1.js/../../x", ""])
async def test_no_path_leads_out_of_the_folder(web: httpx2.AsyncClient, path: str) -> None:
    answer = await web.get(f"/assets/{path}")
    assert "not for browsers" not in answer.text


async def test_a_build_that_replaces_another_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    async with client(alone(folder)) as web:
        before = await web.get("/")
        assert (before.status_code, before.headers["location"]) == (307, "/docs")
        built(folder)
        assert "csp-nonce" in (await web.get("/")).text
        (folder / "index.html").unlink()
        (folder / "assets/index-2.js").write_bytes(b"new")
        (folder / "index.html").write_text("another page")
        assert (await web.get("/")).text == "another page"
        assert (await web.get("/assets/index-2.js")).content == b"new"


async def test_behind_a_proxy_the_page_knows_its_prefix(gateway: Gateway, tmp_path: Path) -> None:
    app = serving(gateway, built(tmp_path / "dist"), public_url="https://example.com/vai")
    async with client(app) as web:
        assert '<base href="/vai/">' in (await web.get("/vai/runs")).text
        script = await web.get("/vai/assets/index-1.js", headers={"Accept-Encoding": "identity"})
        assert script.status_code == 200


async def test_without_a_console_the_address_leads_to_the_reference(app: FastAPI) -> None:
    async with client(app) as web:
        assert (await web.get("/")).headers["location"] == "/docs"
        assert (await web.get("/runs")).status_code == 404
