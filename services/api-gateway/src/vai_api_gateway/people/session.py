"""/api/v1/session and /api/v1/me: sign in, sign out, the own user and password."""

from typing import Annotated, Literal, TypedDict

from fastapi import APIRouter, Body, Depends, Request, Response

from vai_api_gateway.auth.principal import COOKIE, Principal, credential_of
from vai_api_gateway.auth.roles import Open, Viewer
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, answer, nothing, user_json
from vai_api_gateway.http.json_route import SignInRoute
from vai_api_gateway.http.shapes import MeShape, SessionShape
from vai_api_gateway.people.shapes import PasswordBody, SignInBody
from vai_api_gateway.people.users import refuse_guessable
from vai_api_gateway.problems import Problem, ProblemBody
from vai_common import clock
from vai_records.audit.entries import What, add_within
from vai_records.people import members, people, sessions
from vai_records.refused import refused

router = APIRouter(prefix="/api/v1", tags=["Session"], route_class=SignInRoute, responses=PROBLEMS)

_SIGN_IN = Depends(Open("this is how one gets a credential"))
_SIGN_OUT = Depends(Open("a cookie whose token has ended can be forgotten, too"))


@router.post(
    "/session",
    response_model=SessionShape,
    status_code=201,
    summary="Sign in",
    dependencies=[_SIGN_IN],
    responses={429: {"model": ProblemBody, "description": "Too many tries; `Retry-After` says when to go on"}},
)
async def create_session(request: Request, body: Annotated[SignInBody | None, Body()] = None) -> Response:
    """With email and password, or without a body and with an API key or a token of the OIDC issuer.

    The answer is a signed token with the caller's role, also set as the cookie `vai_token` for a page in the browser.
    """
    gateway = gateway_of(request)
    return await signed_in(request, await _who(gateway, request, body))


async def signed_in(request: Request, principal: Principal) -> Response:
    """A signed token for the principal, in the answer and as the cookie; an entry in the audit log."""
    gateway = gateway_of(request)
    await gateway.audit.add(gateway.audit.who(request, principal), What("create.session", "session"), 201)
    token, ends = gateway.authenticator.issue(principal)
    response = answer({"token": token, "expiresAt": ends}, 201, {"Cache-Control": "no-store"})
    seconds = max(0, int((ends - clock.now()).total_seconds()))
    response.set_cookie(COOKIE, token, max_age=seconds, **_cookie(gateway))
    return response


@router.delete("/session", status_code=204, response_class=Response, summary="Sign out", dependencies=[_SIGN_OUT])
async def delete_session(request: Request) -> Response:
    """Forgets the cookie, and makes the token that was sent (cookie or bearer) worthless at once."""
    gateway = gateway_of(request)
    shown = credential_of(request)
    cookie = request.cookies.get(COOKIE)
    if shown is not None and shown.by_cookie:
        gateway.authenticator.check_origin(request)
    for text in {text for text in (cookie, shown.text if shown else None) if text}:
        await _end(request, text)
    response = nothing()
    response.delete_cookie(COOKIE, **_cookie(gateway))
    return response


@router.get("/me", response_model=MeShape, summary="Who am I")
async def get_me(request: Request, principal: Viewer) -> Response:
    async with gateway_of(request).engine.connect() as conn:
        known = await people.users_by_id(conn, principal.org_id, [principal.user_id])
    user = user_json(known[str(principal.user_id)])
    shown = {"organisationId": principal.org_id, "user": user, "role": principal.role}
    scopes = None if principal.scopes is None else sorted(principal.scopes)
    return answer(shown | {"isServiceAccount": principal.is_service, "scopes": scopes})


@router.put("/me/password", status_code=204, response_class=Response, summary="Change one's own password")
async def change_password(request: Request, principal: Viewer, body: PasswordBody) -> Response:
    """Ends every session of the user, this one too: sign in again with the new one."""
    gateway = gateway_of(request)
    if principal.key_id is not None:
        raise Problem(403, "forbidden", "an API key cannot change the password; sign in with email and password")
    async with gateway.engine.connect() as conn:
        member = await members.get(conn, principal.org_id, principal.user_id)
    assert member is not None
    refuse_guessable(body.new, member.email, "new")
    try:
        await gateway.sign_ins.principal(request, member.email, body.current, str(principal.org_id))
    except Problem as error:
        if error.status_code == 401:
            raise refused(("body", "current"), "this is not your current password") from error
        raise
    hashed = await gateway.desk.hashed(body.new)
    async with gateway.rows.begin(principal.org_id) as conn:
        await members.change(conn, principal.org_id, principal.user_id, {"password_hash": hashed})
    gateway.authenticator.forget()
    return nothing()


async def _who(gateway: Gateway, request: Request, body: SignInBody | None) -> Principal:
    if body is None:
        return await gateway.authenticator.principal(request)
    return await gateway.sign_ins.principal(request, body.email, body.password, body.organisation)


async def _end(request: Request, text: str) -> None:
    gateway = gateway_of(request)
    session = gateway.authenticator.holders.session_of(text)
    if session is None or session.id is None:
        return
    async with gateway.rows.begin(session.org_id) as conn:
        await sessions.end(conn, session.id, session.ends_at)
        await people.forget_keys(conn, session.org_id)
        who = gateway.audit.person(request, session.org_id, session.user_id)
        await add_within(conn, who, What("delete.session", "session"), 204)
    gateway.authenticator.forget(session.org_id)


class _Cookie(TypedDict):
    httponly: bool
    samesite: Literal["lax"]
    secure: bool
    path: str


def _cookie(gateway: Gateway) -> _Cookie:
    return {"httponly": True, "samesite": "lax", "secure": gateway.settings.secure_cookie, "path": "/"}
