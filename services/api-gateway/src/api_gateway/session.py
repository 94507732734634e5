"""/api/v1/session and /api/v1/me: a signed token for those who came with a key, and who one is."""

from fastapi import APIRouter, Request, Response

from api_gateway.answers import PROBLEMS, answer, nothing, user_json
from api_gateway.auth import COOKIE, Viewer
from api_gateway.gateway import gateway_of
from api_gateway.requests import JsonRoute
from api_gateway.shapes import MeShape, SessionShape
from records import people

router = APIRouter(prefix="/api/v1", tags=["Session"], route_class=JsonRoute, responses=PROBLEMS)


@router.post("/session", response_model=SessionShape, status_code=201, summary="Get a signed token")
async def create_session(request: Request, principal: Viewer) -> Response:
    """A token with the caller's role, also set as the cookie `vai_token` for a page in the browser."""
    gateway = gateway_of(request)
    token, ends = gateway.authenticator.issue(principal)
    response = answer({"token": token, "expiresAt": ends}, 201)
    seconds = int(gateway.settings.token_hours * 3600)
    secure = gateway.settings.cookie_secure
    response.set_cookie(COOKIE, token, max_age=seconds, httponly=True, samesite="lax", secure=secure, path="/")
    return response


@router.delete("/session", status_code=204, response_class=Response, summary="Forget the cookie")
async def delete_session(_request: Request, _principal: Viewer) -> Response:
    response = nothing()
    response.delete_cookie(COOKIE, path="/")
    return response


@router.get("/me", response_model=MeShape, summary="Who am I")
async def get_me(request: Request, principal: Viewer) -> Response:
    async with gateway_of(request).engine.connect() as conn:
        known = await people.users_by_id(conn, principal.org_id, [principal.user_id])
    user = user_json(known[str(principal.user_id)])
    return answer({"organisationId": principal.org_id, "user": user, "role": principal.role})
