"""/api/v1/flashboards/{flashboard}/links: links that show a flashboard to whoever has them (decision 55)."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Request, Response

from vai_api_gateway.auth.link_tokens import token_of
from vai_api_gateway.auth.roles import Operator, Viewer
from vai_api_gateway.flashboards.finding_boards import Name, board_of, version_of
from vai_api_gateway.flashboards.shapes import (
    FlashboardLinkBody,
    FlashboardLinksShape,
    MadeFlashboardLinkShape,
    link_json,
    page_json,
)
from vai_api_gateway.gateway import gateway_of
from vai_api_gateway.http.answers import PROBLEMS, Limit, Offset, answer, nothing
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.problems import conflict, not_found
from vai_common.clock import now
from vai_records.flashboards import shares
from vai_records.flashboards.shares import MOST_SHARES, NewShare

router = APIRouter(prefix="/api/v1/flashboards", tags=["Flashboards"], route_class=JsonRoute, responses=PROBLEMS)


@router.get("/{flashboard}/links", response_model=FlashboardLinksShape, summary="List a flashboard's links")
async def list_flashboard_links(
    request: Request, principal: Viewer, flashboard: Name, limit: Limit = 100, offset: Offset = 0
) -> Response:
    """Newest first, also those that have ended or were revoked. The addresses themselves are not kept."""
    gateway = gateway_of(request)
    board = await board_of(gateway, principal.org_id, flashboard)
    rows, total = await shares.list_page(gateway.pool, board["id"], limit, offset)
    return answer(page_json("links", list(map(link_json, rows)), (limit, offset, total)))


@router.post(
    "/{flashboard}/links", response_model=MadeFlashboardLinkShape, status_code=201, summary="Share a flashboard"
)
async def share_flashboard(
    request: Request, principal: Operator, flashboard: Name, body: Annotated[FlashboardLinkBody | None, Body()] = None
) -> Response:
    """A link that shows this flashboard, and nothing else, to whoever has it. It ends by itself and can be revoked."""
    gateway, body = gateway_of(request), body or FlashboardLinkBody()
    board = await board_of(gateway, principal.org_id, flashboard)
    if body.version is not None:
        await version_of(gateway, board, body.version)
    ends = (now() + timedelta(days=body.days)).replace(microsecond=0)
    share = NewShare(ends, body.version, body.note, principal.user_id)
    row = await shares.create(gateway.pool, board["id"], share)
    if row is None:
        raise conflict(f"the flashboard has {MOST_SHARES} links that are good: revoke some of them")
    token = token_of(gateway.settings.token_secret, "flashboard", row["id"], ends)
    return answer(
        link_json(row) | {"path": f"/flashboards/shared/{token}"},
        201,
        {"Location": f"{router.prefix}/{board['id']}/links"},
    )


@router.delete(
    "/{flashboard}/links/{link_id}", status_code=204, response_class=Response, summary="Revoke a flashboard's link"
)
async def revoke_flashboard_link(request: Request, principal: Operator, flashboard: Name, link_id: UUID) -> Response:
    """At once; may be repeated."""
    gateway = gateway_of(request)
    board = await board_of(gateway, principal.org_id, flashboard)
    if not await shares.revoke(gateway.pool, board["id"], link_id):
        raise not_found("link")
    return nothing()
