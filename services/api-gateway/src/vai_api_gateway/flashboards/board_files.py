"""Files of a flashboard: the whole as one HTML file or as PDF, a tile as CSV, SVG or PNG."""

import asyncio
import base64
import csv
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response

from vai_api_gateway.auth.roles import Viewer
from vai_api_gateway.flashboards.finding_boards import Name, WhichVersion, board_of, one_tile, version_of, whole
from vai_api_gateway.flashboards.page_contents import contents, main
from vai_api_gateway.flashboards.rendering import text_of
from vai_api_gateway.gateway import gateway_of
from vai_api_gateway.http.answers import PROBLEMS
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.problems import Problem, conflict
from vai_common.batcher import Overloaded
from vai_drawing.chart_process import CannotDraw, ChartProcess
from vai_drawing.paper import CannotPrint, pdf
from vai_records.flashboards.versions import Tile

router = APIRouter(prefix="/api/v1/flashboards", tags=["Flashboards"], route_class=JsonRoute, responses=PROBLEMS)

_SECONDS: Final = 30.0
_SCALE: Final = 2.0  # pixels of a PNG for one of the drawing
_MEDIA: Final = {"csv": "text/csv; charset=utf-8", "svg": "image/svg+xml", "png": "image/png"}
_PDF: Final = "application/pdf"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

_FILE: dict[int | str, dict[str, Any]] = {200: {"description": "The file", "content": {
    media.partition(";")[0]: {"schema": {"type": "string"}, "example": "…"} for media in _MEDIA.values()
}}}  # fmt: skip
_PAGE: dict[int | str, dict[str, Any]] = {200: {"description": "The page", "content": {
    "text/html": {"schema": {"type": "string"}, "example": "<!doctype html>…"},
    _PDF: {"schema": {"type": "string", "format": "binary"}, "example": "%PDF-1.4…"},
}}}  # fmt: skip


class _Turns:
    """How many files are made at once, each by a process of its own; so many more wait."""

    def __init__(self, at_once: int, most_waiting: int) -> None:
        self._room = asyncio.Semaphore(at_once)
        self._most = at_once + most_waiting
        self._asked = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Raises `Overloaded` where too many wait."""
        if self._asked >= self._most:
            raise Overloaded
        self._asked += 1
        try:
            async with self._room:
                yield
        finally:
            self._asked -= 1


_DRAWINGS = _Turns(2, 14)
"""Drawings that become PNG files: each is a process of 100 MB."""

_PAPERS = _Turns(1, 4)
"""Pages that become PDF files: each is a browser."""


@router.get("/{flashboard}/export", response_class=Response, responses=_PAGE, summary="Save a flashboard as a file")
async def export_flashboard(
    request: Request,
    principal: Viewer,
    flashboard: Name,
    format: Annotated[Literal["html", "pdf"], Query(description="pdf: where the installation has a browser")] = "html",
    version: WhichVersion = None,
) -> Response:
    """One HTML file with everything inside: it opens from a disk, without a network and without scripts. Or a PDF."""
    gateway = gateway_of(request)
    if format == "pdf" and not gateway.settings.browser:
        message = (
            "this installation has no browser that makes PDF files: its operator sets VAI_BROWSER to the path of a "
            "Chromium. Without it take html, and print that"
        )
        raise Problem(422, "no_browser", message)
    board = await board_of(gateway, principal.org_id, flashboard)
    found = await version_of(gateway, board, version)
    shown = await whole(gateway, found)
    text = await asyncio.to_thread(
        lambda: text_of("board.html", contents(shown) | {"main": main(shown), "standalone": True})
    )
    name = f"{board['slug']}-{shown.number}.{format}"
    if format == "html":
        return _file(text, "text/html; charset=utf-8", name)
    return _file(await _paper(gateway.settings.browser, text), _PDF, name)


@router.get(
    "/{flashboard}/tiles/{tile}", response_class=Response, responses=_FILE, summary="Save a flashboard's tile as a file"
)
async def export_flashboard_tile(
    request: Request,
    principal: Viewer,
    flashboard: Name,
    tile: str,
    format: Annotated[Literal["csv", "svg", "png"], Query(description="svg and png are for charts")] = "csv",
    version: WhichVersion = None,
) -> Response:
    """Its rows as CSV, all that are kept; or the drawing of a chart."""
    gateway = gateway_of(request)
    board = await board_of(gateway, principal.org_id, flashboard)
    found = await version_of(gateway, board, version)
    there = await one_tile(gateway, found, tile)
    name = f"{board['slug']}-{found['number']}-{tile}.{format}"
    if format == "csv":
        if not there.found:
            raise conflict(f"the tile {tile} is a text, which has no rows")
        return _file(await asyncio.to_thread(_csv, there), _MEDIA["csv"], name)
    drawing = there.drawings.get("wide")
    if drawing is None:
        message = (
            "has no rows, so nothing was drawn" if there.definition["type"] == "chart" else "is no chart; take csv"
        )
        raise conflict(f"the tile {tile} {message}")
    opaque = drawing.replace(">", '><rect width="100%" height="100%" fill="white"/>', 1)
    return _file(opaque if format == "svg" else await _png(opaque), _MEDIA[format], name)


def _file(body: str | bytes, media: str, name: str) -> Response:
    return Response(body, media_type=media, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _csv(tile: Tile) -> str:
    """RFC 4180. A text that a spreadsheet would take for a formula begins with a quote."""
    names = [each["name"] for each in tile.found["columns"]]
    file = io.StringIO()
    lines = csv.writer(file)
    lines.writerow(map(_plain, names))
    for row in tile.rows:
        lines.writerow([_plain(row.get(name)) for name in names])
    return file.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(_FORMULA) and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


async def _png(svg: str) -> bytes:
    try:
        async with _DRAWINGS.turn():
            return await asyncio.to_thread(_drawn, svg)
    except CannotDraw as error:
        raise Problem(422, "too_large", str(error)) from None


async def _paper(browser: str, html: str) -> bytes:
    try:
        async with _PAPERS.turn():
            return await pdf(browser, html)
    except CannotPrint as error:
        raise Problem(422, "no_pdf", str(error)) from None


def _drawn(svg: str) -> bytes:
    with ChartProcess(_SECONDS) as charts:
        return base64.b64decode(charts.png(svg, _SCALE))
