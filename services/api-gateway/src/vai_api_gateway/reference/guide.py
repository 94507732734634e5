"""/guide: the documentation as a site, which `make guide` builds from docs/. It loads nothing from other hosts.

A build that replaces the folder is served at once. Where nothing is built, every address of it says how to build it.
"""

import posixpath
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from vai_api_gateway.http.edge import takes_gzip

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The build leaves no script and no style in a page, so that none that somebody brings in would run."""

_NOT_BUILT = "The guide is not built here. `make guide` builds it, and VAI_GUIDE names its folder.\n"
_NOT_THERE = "The guide has no such page. Its contents: /guide\n"
_HOME = "index.html"
_LONGEST = 1_024
_LONGEST_PART = 200
"""Bytes: what is longer may be more than a file's name can have, with the `.gz` behind it."""
_MEDIA = {".js": "text/javascript", ".css": "text/css"}


def _is_no_name(part: str) -> bool:
    return part.startswith(".") or len(part.encode(errors="replace")) > _LONGEST_PART


def install(app: FastAPI, folder: str) -> None:
    """Serve what is built in the folder."""
    files = StaticFiles(directory=folder, html=True, check_dir=False) if folder else None

    async def to_its_home(_request: Request) -> Response:
        return RedirectResponse(f"/guide/{_HOME}")

    async def show(request: Request) -> Response:
        if files is None or not (Path(folder) / _HOME).is_file():
            return PlainTextResponse(_NOT_BUILT, 404)
        name: str = request.path_params["name"]
        if "\0" in name or len(name) > _LONGEST or any(map(_is_no_name, name.split("/"))):
            return PlainTextResponse(_NOT_THERE, 404)
        path = posixpath.normpath(name)
        packed = takes_gzip(request.headers.get("accept-encoding", "")) and (Path(folder) / f"{path}.gz").is_file()
        try:
            answer = await files.get_response(f"{path}.gz" if packed else path, request.scope)
        except HTTPException as error:
            return PlainTextResponse(_NOT_THERE if error.status_code == 404 else error.detail, error.status_code)
        answer.headers["Content-Security-Policy"] = _POLICY
        if packed and answer.status_code == 200:
            answer.headers["Content-Encoding"] = "gzip"
            answer.headers["Content-Type"] = f"{_MEDIA.get(Path(path).suffix, 'text/html')}; charset=utf-8"
        answer.headers["Vary"] = "Accept-Encoding"
        answer.headers["Cache-Control"] = "no-cache"  # asked for again each time, and answered by 304
        return answer

    app.add_route("/guide", to_its_home, methods=["GET"], include_in_schema=False)
    app.add_route("/guide/{name:path}", show, methods=["GET"], include_in_schema=False)
