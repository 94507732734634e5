"""The console at /: one page for every address that a browser opens, and the files that it loads.

The page is an API client like any other. Its policy lets it run only scripts of this gateway, connect only here, and
use only the styles that carry the word of its answer. Where no console is built, / leads to the reference.
"""

import re
import secrets
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.routing import Match, Route

from vai_api_gateway.console.files import FOLDER, Files, WebFile

_WORD, _ROOT = "VAI_NONCE", "VAI_ROOT"
"""What stands in the built page for the word of an answer, and for the prefix of a proxy."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{word}'; img-src 'self' data: blob:;"
    " font-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_FOR_EVER = "public, max-age=31536000, immutable"
_NOT_PAGES = re.compile(r"/(?:api|webhooks|mcp|docs|guide|assets|healthz|readyz|openapi\.json|metrics)(?:/|$)")
"""Places of the API and of others: what is not found there is an answer for programs."""


class _Page(Route):
    """Any address of the console. It is none for whoever does not ask for a page, as programs do not."""

    def matches(self, scope: Any) -> tuple[Match, Any]:
        if scope["type"] != "http" or scope["method"] != "GET" or _NOT_PAGES.match(scope["path"]):
            return Match.NONE, {}
        accepts = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        return super().matches(scope) if b"text/html" in accepts else (Match.NONE, {})


def install(app: FastAPI, folder: str, root: str) -> None:
    """Serve what is built in the folder, under the prefix of a proxy if there is one."""
    files = Files(Path(folder)) if folder else None

    async def show_page(_request: Request) -> Response:
        page = files.page() if files else None
        return RedirectResponse("/docs") if page is None else _page(page, root)

    async def show_file(request: Request) -> Response:
        web_file = files.web_file(request.path_params["name"]) if files else None
        return Response("not found", 404, media_type="text/plain") if web_file is None else _answer(web_file, request)

    app.add_route("/", show_page, include_in_schema=False)
    app.add_route(f"/{FOLDER}/{{name:path}}", show_file, include_in_schema=False)
    if files:
        app.router.routes.append(_Page("/{path:path}", show_page, include_in_schema=False))


def _page(page: str, root: str) -> Response:
    word = secrets.token_urlsafe(16)
    text = page.replace(_WORD, word).replace(_ROOT, root)
    return HTMLResponse(text, headers={"Content-Security-Policy": _POLICY.format(word=word)})


def _answer(web_file: WebFile, request: Request) -> Response:
    headers = {"ETag": web_file.tag, "Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if web_file.tag in known:
        return Response(status_code=304, headers=headers)
    accepted = {one.partition(";")[0].strip() for one in request.headers.get("accept-encoding", "").lower().split(",")}
    for name, body in web_file.packed.items():
        if name in accepted:
            return Response(body, headers={**headers, "Content-Encoding": name}, media_type=web_file.media)
    return Response(web_file.body, headers=headers, media_type=web_file.media)
