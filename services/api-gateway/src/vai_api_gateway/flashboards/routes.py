"""/api/v1/flashboards: find, refresh and delete flashboards and their versions (docs/flashboards.md)."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Request, Response

from vai_api_gateway.auth.roles import Operator, Viewer
from vai_api_gateway.flashboards import refreshing
from vai_api_gateway.flashboards.finding_boards import Name, Number, board_of, version_of, whole
from vai_api_gateway.flashboards.shapes import (
    FlashboardDetailShape,
    FlashboardsShape,
    FlashboardVersionDetailShape,
    FlashboardVersionsShape,
    RefreshBody,
    board_json,
    page_json,
    tile_json,
    version_json,
)
from vai_api_gateway.gateway import gateway_of
from vai_api_gateway.http.answers import PROBLEMS, Limit, Offset, answer, nothing, page
from vai_api_gateway.http.idempotency import REPEATED, TAKES_KEY, first_run, key_of
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import LONGEST_NAME, RunShape
from vai_api_gateway.problems import conflict, not_found
from vai_api_gateway.runs import start as starting
from vai_records.flashboards import boards, versions
from vai_records.flashboards.boards import Page

router = APIRouter(prefix="/api/v1/flashboards", tags=["Flashboards"], route_class=JsonRoute, responses=PROBLEMS)


@router.get("", response_model=FlashboardsShape, summary="List flashboards")
async def list_flashboards(
    request: Request,
    principal: Viewer,
    q: Annotated[str, Query(max_length=LONGEST_NAME, description="A part of the title or slug")] = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response:
    """Those refreshed last come first. Make one with a run of the kind `create_flashboard`."""
    gateway = gateway_of(request)
    rows, total = await boards.list_page(gateway.pool, principal.org_id, Page(q, limit, offset))
    people = [row["created_by"] for row in rows]
    async with gateway.engine.connect() as conn:
        items = [board_json(row) for row in rows]
        return answer(await page(conn, principal.org_id, "flashboards", items, people, (limit, offset, total)))


@router.get("/{flashboard}", response_model=FlashboardDetailShape, summary="Get a flashboard")
async def get_flashboard(request: Request, principal: Viewer, flashboard: Name) -> Response:
    """By its id or slug, with the definition of the version that is shown."""
    gateway = gateway_of(request)
    board = await board_of(gateway, principal.org_id, flashboard)
    version = await version_of(gateway, board, None)
    return answer(board_json(board) | {"definition": version["definition"]})


@router.delete("/{flashboard}", status_code=204, response_class=Response, summary="Delete a flashboard")
async def delete_flashboard(request: Request, principal: Operator, flashboard: Name) -> Response:
    """With its versions and their data; its links show nothing any more. Its runs stay, and the slug is free again."""
    gateway = gateway_of(request)
    board = await board_of(gateway, principal.org_id, flashboard)
    async with gateway.pool.acquire() as conn:
        if not await boards.delete(conn, principal.org_id, board["id"]):
            raise not_found("flashboard")
    return nothing()


@router.post(
    "/{flashboard}/refresh",
    response_model=RunShape,
    status_code=201,
    responses=REPEATED,
    openapi_extra=TAKES_KEY,
    summary="Refresh a flashboard",
)
async def refresh_flashboard(
    request: Request, principal: Operator, flashboard: Name, body: Annotated[RefreshBody | None, Body()] = None
) -> Response:
    """A run that makes a new version as the shown one was made. With `values` of parameters the new version is beside
    the one that is shown, unless `current` says otherwise. With an idempotency key (header, or `idempotencyKey`) a
    repeat starts nothing.
    """
    gateway, body = gateway_of(request), body or RefreshBody()
    key = key_of(request, body.idempotency_key)
    board = await board_of(gateway, principal.org_id, flashboard)
    repeat = refreshing.repeat_of(key, board, body.values, body.current)
    if repeat is not None and (first := await first_run(gateway, principal.org_id, *repeat)) is not None:
        return await starting.show(gateway, request, first)
    version = await version_of(gateway, board, None)
    who, found = (principal, request), (board, version)
    made = await refreshing.order(gateway, who, found, body.values, body.current, repeat)
    return await starting.start(gateway, request, made)


@router.get("/{flashboard}/versions", response_model=FlashboardVersionsShape, summary="List a flashboard's versions")
async def list_flashboard_versions(
    request: Request, principal: Viewer, flashboard: Name, limit: Limit = 100, offset: Offset = 0
) -> Response:
    """Newest first. As many are kept as the definition says (`keep_versions`)."""
    gateway = gateway_of(request)
    board = await board_of(gateway, principal.org_id, flashboard)
    rows, total = await versions.list_page(gateway.pool, board["id"], limit, offset)
    return answer(page_json("versions", [version_json(row, board["shown"]) for row in rows], (limit, offset, total)))


@router.get(
    "/{flashboard}/versions/{number}",
    response_model=FlashboardVersionDetailShape,
    summary="Get a flashboard's version",
)
async def get_flashboard_version(request: Request, principal: Viewer, flashboard: Name, number: Number) -> Response:
    """With the rows of each tile, as they were when it was made."""
    gateway = gateway_of(request)
    board = await board_of(gateway, principal.org_id, flashboard)
    version = await version_of(gateway, board, number)
    shown = await whole(gateway, version)
    tiles = [tile_json(tile) for tile in shown.tiles]
    return answer(version_json(version, board["shown"]) | {"definition": version["definition"], "tiles": tiles})


@router.delete(
    "/{flashboard}/versions/{number}", status_code=204, response_class=Response, summary="Delete a flashboard's version"
)
async def delete_flashboard_version(
    request: Request, principal: Operator, flashboard: Name, number: Number
) -> Response:
    """With its data. If it was shown, the newest that is left is shown; the last one cannot be deleted."""
    gateway = gateway_of(request)
    board = await board_of(gateway, principal.org_id, flashboard)
    async with gateway.pool.acquire() as conn, conn.transaction():
        if not await versions.delete(conn, board["id"], number):
            raise not_found("version")
        if (await versions.list_page(conn, board["id"], 1, 0))[1] == 0:
            raise conflict("it is the only version of the flashboard: delete the flashboard, or refresh it first")
    return nothing()
