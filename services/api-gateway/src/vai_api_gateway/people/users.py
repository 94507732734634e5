"""/api/v1/users: the people of the organisation."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from vai_api_gateway.auth.roles import Admin, Viewer
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, Limit, Offset, answer, nothing, one_of, page, words
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.people.shapes import InvitedMemberShape, MemberBody, MemberPatch, MemberShape, MembersShape
from vai_api_gateway.problems import conflict, not_found
from vai_records.people import members
from vai_records.people.members import AlreadyMember, LastAdmin, Member
from vai_records.people.people import Role
from vai_records.refused import refused

router = APIRouter(prefix="/api/v1/users", tags=["Users"], route_class=JsonRoute, responses=PROBLEMS)

RoleWords = Annotated[list[Annotated[str, one_of(Role)]] | None, Query()]

_LAST_ADMIN = "this is the organisation's last administrator; make somebody else one first"


def member_json(member: Member) -> dict[str, Any]:
    return {
        "acceptedAt": member.accepted_at,
        "createdAt": member.created_at,
        "email": member.email,
        "firstName": member.first_name,
        "hasPassword": member.has_password,
        "id": member.id,
        "lastName": member.last_name,
        "profilePictureUrl": member.profile_picture_url,
        "role": member.role,
    }


@router.get("", response_model=MembersShape, summary="List the users of the organisation")
async def list_users(
    request: Request,
    principal: Viewer,
    q: Annotated[str | None, Query(description="Search by email or name")] = None,
    role: RoleWords = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response:
    """In the order of their emails."""
    roles = words(role, list(Role), "role")
    async with gateway_of(request).engine.connect() as conn:
        found, total = await members.list_page(conn, principal.org_id, q=q, roles=roles, limit=limit, offset=offset)
        items = [member_json(member) for member in found]
        ids = [member.id for member in found]
        return answer(await page(conn, principal.org_id, "members", items, ids, (limit, offset, total)))


@router.post("", response_model=InvitedMemberShape, status_code=201, summary="Invite a user")
async def create_user(request: Request, principal: Admin, body: MemberBody) -> Response:
    """Names, role, password and id are this organisation's: whoever is in another one, too, has others there.

    `invitationToken` is for the person, who takes it and chooses a password; no mail is sent. With `password` they can
    sign in at once. Nothing that they have elsewhere is changed by it.
    """
    gateway = gateway_of(request)
    values = {"role": Role(body.role), "first_name": body.first_name, "last_name": body.last_name}
    values["password_hash"] = await _hashed(gateway, body.password, body.email)
    invitation = members.new_invitation()
    async with gateway.rows.begin(principal.org_id) as conn:
        try:
            made = await members.add(conn, principal.org_id, body.email, values, invitation)
        except AlreadyMember as error:
            raise conflict("somebody with this email is in the organisation", ("body", "email")) from error
    told = {"invitationToken": invitation.secret, "invitationEndsAt": invitation.ends_at}
    headers = {"Location": f"/api/v1/users/{made.id}", "Cache-Control": "no-store"}
    return answer(member_json(made) | told, 201, headers)


@router.get("/{user_id}", response_model=MemberShape, summary="Get a user")
async def get_user(request: Request, principal: Viewer, user_id: UUID) -> Response:
    return answer(member_json(await _get(gateway_of(request), principal.org_id, user_id)))


@router.patch("/{user_id}", response_model=MemberShape, summary="Change a user's role, names or password")
async def update_user(request: Request, principal: Admin, user_id: UUID, body: MemberPatch) -> Response:
    """A new role counts at once; a new password ends every session of the user."""
    gateway = gateway_of(request)
    before = await _get(gateway, principal.org_id, user_id)
    given = body.model_fields_set
    values: dict[str, Any] = {name: getattr(body, name) for name in ("first_name", "last_name") if name in given}
    if body.role is not None:
        values["role"] = Role(body.role)
    if "password" in given:
        values["password_hash"] = await _hashed(gateway, body.password, before.email)
    async with gateway.rows.begin(principal.org_id) as conn:
        try:
            changed = await members.change(conn, principal.org_id, user_id, values)
        except LastAdmin as error:
            raise conflict(_LAST_ADMIN, ("body", "role")) from error
    if changed is None:
        raise not_found("user")
    gateway.authenticator.forget()
    return answer(member_json(changed))


@router.delete("/{user_id}", status_code=204, response_class=Response, summary="Remove a user")
async def delete_user(request: Request, principal: Admin, user_id: UUID) -> Response:
    """Their password, sessions and API keys of this organisation are worthless at once; what they did stays."""
    gateway = gateway_of(request)
    async with gateway.rows.begin(principal.org_id) as conn:
        try:
            if not await members.remove(conn, principal.org_id, user_id):
                raise not_found("user")
        except LastAdmin as error:
            raise conflict(_LAST_ADMIN) from error
    gateway.authenticator.forget()
    return nothing()


async def _hashed(gateway: Gateway, password: str | None, email: str) -> str | None:
    if password is None:
        return None
    refuse_guessable(password, email, "password")
    return await gateway.desk.hashed(password)


def refuse_guessable(password: str, email: str, field: str) -> None:
    """Raises `Problem` 422 for a password that is the email, or one character again and again."""
    if password.lower() in (email, email.partition("@")[0]) or len(set(password)) == 1:
        raise refused(("body", field), "this password is too easy to guess; choose another one")


async def _get(gateway: Gateway, org_id: UUID, user_id: UUID) -> Member:
    async with gateway.engine.connect() as conn:
        found = await members.get(conn, org_id, user_id)
    if found is None:
        raise not_found("user")
    return found
