"""/openapi.json: made and compressed once, since everybody may read it as often as they like."""

import hashlib
from collections.abc import Callable
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from vai_api_gateway.http.edge import gzipped, takes_gzip

PATH = "/openapi.json"


class Document:
    """The bytes of a document that does not change. Made at the first request."""

    def __init__(self, describe: Callable[[], dict[str, Any]]) -> None:
        self._describe = describe
        self._plain = b""
        self._packed = b""
        self._tag = ""

    def answer(self, request: Request) -> Response:
        """The document, compressed if the client accepts that, or 304 if the client has it already."""
        if not self._plain:
            plain = orjson.dumps(self._describe())
            self._packed, self._tag = gzipped(plain), f'"{hashlib.sha256(plain).hexdigest()[:32]}"'
            self._plain = plain
        headers = {"ETag": self._tag, "Cache-Control": "no-cache"}
        asked = request.headers.get("if-none-match", "")
        if self._tag in [one.strip().removeprefix("W/") for one in asked.split(",")]:
            return Response(status_code=304, headers=headers)
        if takes_gzip(request.headers.get("accept-encoding", "")):
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
            return Response(self._packed, headers=headers, media_type="application/json")
        return Response(self._plain, headers=headers, media_type="application/json")  # the edge adds `Vary`


def install(app: FastAPI) -> None:
    """Serve the application's own description."""
    document = Document(app.openapi)

    async def show(request: Request) -> Response:
        return document.answer(request)

    app.add_route(PATH, show, include_in_schema=False)
