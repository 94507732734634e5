"""/api/v1/organisation: the caller's own; its name and what holds for all of it."""

from typing import Any

from fastapi import APIRouter, Request, Response

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Admin, Viewer
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, answer
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.people.shapes import OrganisationPatch, OrganisationShape, SettingsPatch
from vai_api_gateway.problems import Problem
from vai_common.messages.bell import ROOM
from vai_records.people import people
from vai_records.people.people import Organisation

router = APIRouter(prefix="/api/v1/organisation", tags=["Organisation"], route_class=JsonRoute, responses=PROBLEMS)


def organisation_json(found: Organisation) -> dict[str, Any]:
    settings = found.settings
    return {
        "id": found.id,
        "slug": found.slug,
        "name": found.name,
        "settings": {
            "forbidSelfApproval": settings.get("forbid_self_approval") is True,
            "maxRunning": settings.get("max_running"),
            "ignoreRobotsTxt": settings.get("ignore_robots_txt") is True,
            "models": settings.get("models"),
            "upkeep": settings.get("upkeep"),
        },
    }


@router.get("", response_model=OrganisationShape, summary="Get the organisation")
async def get_organisation(request: Request, principal: Viewer) -> Response:
    async with gateway_of(request).engine.connect() as conn:
        found = await people.organisation(conn, principal.org_id)
    assert found is not None
    return answer(organisation_json(found))


@router.patch("", response_model=OrganisationShape, summary="Rename the organisation, change its settings")
async def update_organisation(request: Request, principal: Admin, body: OrganisationPatch) -> Response:
    """Settings count from the next run on."""
    gateway = gateway_of(request)
    settings = _changes(gateway, principal, body.settings)
    async with gateway.rows.begin(principal.org_id) as conn:
        changed = await people.change_organisation(conn, principal.org_id, body.name, settings)
    assert changed is not None
    gateway.authenticator.forget(principal.org_id)
    gateway.bell.ring(ROOM, [principal.org_id])
    return answer(organisation_json(changed))


def _changes(gateway: Gateway, principal: Principal, given: SettingsPatch | None) -> dict[str, Any]:
    """Raises `Problem` 403 for a setting that the operator keeps, unless it stays what it is."""
    if given is None:
        return {}
    changes = {name: getattr(given, name) for name in given.model_fields_set}
    if given.models is not None:
        changes["models"] = given.models.model_dump(mode="json", exclude_unset=True)
    if given.upkeep is not None:
        changes["upkeep"] = given.upkeep.model_dump(mode="json", exclude_unset=True)
    for name in sorted(changes.keys() & gateway.settings.kept_by_operator):
        if (changes[name] or None) != (principal.settings.get(name) or None):
            message = f"{name} is changed by the platform's operator only"
            raise Problem(403, "forbidden", message, ("body", "settings", name))
    return changes
