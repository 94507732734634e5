"""POST /api/v1/invitations/accept: a person accepts a membership that an administrator has made for them."""

from datetime import timedelta

from fastapi import APIRouter, Depends, Request, Response

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Open
from vai_api_gateway.gateway import gateway_of
from vai_api_gateway.http.answers import PROBLEMS
from vai_api_gateway.http.json_route import SignInRoute
from vai_api_gateway.http.shapes import SessionShape
from vai_api_gateway.people.session import signed_in
from vai_api_gateway.people.shapes import AcceptBody
from vai_api_gateway.people.users import refuse_guessable
from vai_api_gateway.problems import Problem, ProblemBody
from vai_common import clock
from vai_records.audit.entries import What, add_within
from vai_records.people import members, people

router = APIRouter(prefix="/api/v1/invitations", tags=["Session"], route_class=SignInRoute, responses=PROBLEMS)

_OPEN = Depends(Open("the invitation's token is the credential"))


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
        invited = await members.invited(conn, body.token)
    if invited is None:
        raise _unknown()
    org_id, email = invited
    hashed = None
    if body.password is not None:
        refuse_guessable(body.password, email, "password")
        hashed = await gateway.desk.hashed(body.password)
    async with gateway.rows.begin(org_id) as conn:
        taken = await members.accept(conn, body.token, hashed)
        if taken is None:
            raise _unknown()
        actor = await people.member(conn, *taken)
        await people.forget_keys(conn)
        who = gateway.audit.person(request, *taken)
        await add_within(conn, who, What("accept.invitation", "user", str(taken[1]), email), 201)
    assert actor is not None
    gateway.authenticator.forget()
    until = clock.now() + timedelta(hours=gateway.settings.token_hours)
    user = str(actor.user_id)
    version = actor.token_version
    principal = Principal(actor.org_id, actor.user_id, actor.role, {}, "user", user, token_version=version, until=until)
    return await signed_in(request, principal)


def _unknown() -> Problem:
    return Problem(404, "not_found", "this invitation is unknown, was taken or has ended; ask for another", ("body",))
