"""POST /api/v1/invitations/accept: a person takes a membership that an administrator has written down for them."""

from datetime import timedelta

from fastapi import APIRouter, Depends, Request, Response

from api_gateway.answers import PROBLEMS
from api_gateway.auth import Open
from api_gateway.gateway import gateway_of
from api_gateway.people_shapes import AcceptBody
from api_gateway.principal import Principal
from api_gateway.problems import Problem, ProblemBody
from api_gateway.requests import SignInRoute
from api_gateway.session import signed_in
from api_gateway.shapes import SessionShape
from api_gateway.users import refuse_guessable
from common import clock
from records import members, people

router = APIRouter(prefix="/api/v1/invitations", tags=["Session"], route_class=SignInRoute, responses=PROBLEMS)

_OPEN = Depends(Open("whoever has the token is the one who was invited, and has no credential yet"))


@router.post(
    "/accept",
    response_model=SessionShape,
    status_code=201,
    responses={429: {"model": ProblemBody, "description": "Too many tries; `Retry-After` says when to go on"}},
    summary="Accept an invitation",
    dependencies=[_OPEN],
)
async def accept_invitation(request: Request, body: AcceptBody) -> Response:
    """Takes the invitation, once, with a password of one's own, and signs in: the answer is as that of a sign-in."""
    gateway = gateway_of(request)
    await gateway.sign_ins.count(request, body.token)
    async with gateway.engine.connect() as conn:
        email = await members.invited(conn, body.token)
    if email is None:
        raise _unknown()
    hashed = None
    if body.password is not None:
        refuse_guessable(body.password, email, "password")
        hashed = await gateway.desk.hashed(body.password)
    async with gateway.engine.begin() as conn:
        taken = await members.accept(conn, body.token, hashed)
        if taken is None:
            raise _unknown()
        actor = await people.member(conn, *taken)
        await people.forget_keys(conn)
    assert actor is not None
    gateway.authenticator.forget()
    until = clock.now() + timedelta(hours=gateway.settings.token_hours)
    user = str(actor.user_id)
    version = actor.token_version
    principal = Principal(actor.org_id, actor.user_id, actor.role, {}, "user", user, token_version=version, until=until)
    return signed_in(gateway, principal)


def _unknown() -> Problem:
    return Problem(404, "not_found", "this invitation is unknown, was taken or has ended; ask for another", ("body",))
