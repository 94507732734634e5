"""/admin/organisations: the operator makes organisations, with the installation's own credential.

It is not part of the organisations' API: it is not in the OpenAPI document, and without `VAI_ADMIN_TOKEN` it answers
404. `docs/running.md` describes it.
"""

import hmac
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from vai_api_gateway.audit.audit_log import fields_of
from vai_api_gateway.auth.roles import Open
from vai_api_gateway.gateway import gateway_of
from vai_api_gateway.http.answers import Limit, Offset, answer
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import SLUG_PATTERN, Body
from vai_api_gateway.people.organisation import organisation_json
from vai_api_gateway.people.shapes import Email, SettingsPatch
from vai_api_gateway.people.users import member_json
from vai_api_gateway.problems import Problem, conflict, not_found
from vai_common.ids import NIL
from vai_records.audit.entries import What, add_within
from vai_records.people import members, organisations
from vai_records.people.people import Organisation, Role
from vai_records.strict import Name


class AdminRoute(JsonRoute):
    """Routes for the installation's own credential, which is checked before a body is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def ask_and_handle(request: Request) -> Response:
            _ask(request)
            return await handle(request)

        return ask_and_handle


_OPEN = Depends(Open("the credential is the installation's, not an organisation's"))

router = APIRouter(prefix="/admin/organisations", route_class=AdminRoute, include_in_schema=False, dependencies=[_OPEN])


class AdministratorBody(Body):
    email: Email
    first_name: Name | None = None
    last_name: Name | None = None


class OrganisationBody(Body):
    """`administrator` gets an invitation, whose token is in the answer and never again."""

    slug: str = Field(pattern=SLUG_PATTERN, max_length=63)
    name: Name
    administrator: AdministratorBody
    settings: SettingsPatch | None = None


class OrganisationChange(Body):
    name: Name | None = None
    settings: SettingsPatch | None = None


@router.post("", status_code=201)
async def make_organisation(request: Request, body: OrganisationBody) -> Response:
    """The organisation with its first administrator. A slug that is in use is 409."""
    invitation, person = members.new_invitation(), body.administrator
    values = {"role": Role.ADMIN, "first_name": person.first_name, "last_name": person.last_name}
    gateway = gateway_of(request)
    async with gateway.rows.begin(NIL) as conn:
        made = await organisations.make(conn, body.slug, body.name, _settings(body.settings))
        if made is None:
            raise conflict(f"another organisation has the slug {body.slug!r}", ("body", "slug"))
        member = await members.add(conn, made.id, person.email, values, invitation)
        await add_within(conn, gateway.audit.operator(request, made.id), _what("make", made), 201)
    told = {"invitationToken": invitation.secret, "invitationEndsAt": invitation.ends_at}
    shown = organisation_json(made) | {"administrator": member_json(member) | told}
    return answer(shown, 201, {"Location": f"{router.prefix}/{made.id}"})


@router.get("")
async def list_organisations(
    request: Request,
    q: Annotated[str | None, Query(description="Part of a slug or a name")] = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response:
    """By slug."""
    async with gateway_of(request).engine.connect() as conn:
        found, total = await organisations.list_page(conn, q=q, limit=limit, offset=offset)
    more = offset + len(found) < total
    items = [organisation_json(one) for one in found]
    return answer({"organisations": items, "hasNext": more, "limit": limit, "offset": offset, "total": total})


@router.get("/{org_id}")
async def get_organisation(request: Request, org_id: UUID) -> Response:
    async with gateway_of(request).engine.connect() as conn:
        return answer(organisation_json(_there(await organisations.get(conn, org_id))))


@router.patch("/{org_id}")
async def change_organisation(request: Request, org_id: UUID, body: OrganisationChange) -> Response:
    """Also the settings that the operator keeps (`VAI_OPERATOR_SETTINGS`)."""
    gateway = gateway_of(request)
    async with gateway.rows.begin(org_id) as conn:
        changed = _there(await organisations.change(conn, org_id, body.name, _settings(body.settings)))
        what = _what("change", changed, fields_of([body]))
        await add_within(conn, gateway.audit.operator(request, org_id), what, 200)
    gateway.authenticator.forget()
    return answer(organisation_json(changed))


def _what(verb: str, organisation: Organisation, fields: Sequence[str] = ()) -> What:
    return What(f"{verb}.organisation", "organisation", str(organisation.id), organisation.name, fields)


def _ask(request: Request) -> None:
    """Raises `Problem` 404 if the installation has no such credential, 401 for a wrong one."""
    gateway = gateway_of(request)
    wanted = gateway.settings.admin_token
    if not wanted:
        raise Problem(404, "not_found", "there is nothing here: VAI_ADMIN_TOKEN is not set")
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    # It is too long to be guessed, so wrong ones from the same address do not block the right one.
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), wanted.encode()):
        gateway.authenticator.refuse_guessing(request)
        gateway.authenticator.guessed(request)
        message = "send the installation's token (VAI_ADMIN_TOKEN) as Authorization: Bearer"
        raise Problem(401, "unauthorized", message, ("header", "Authorization"), {"WWW-Authenticate": "Bearer"})


def _settings(given: SettingsPatch | None) -> dict[str, Any]:
    return {} if given is None else {name: getattr(given, name) for name in given.model_fields_set}


def _there(found: Organisation | None) -> Organisation:
    if found is None:
        raise not_found("organisation")
    return found
