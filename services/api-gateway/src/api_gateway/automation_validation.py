"""POST /api/v1/automations/validate: what would be saved, or what is wrong with it."""

from fastapi import APIRouter, Request, Response

from api_gateway import automation_saving
from api_gateway.answers import PROBLEMS, answer
from api_gateway.auth import Operator
from api_gateway.automation_shapes import ValidShape, step_json
from api_gateway.automation_triggers import next_times
from api_gateway.gateway import gateway_of
from api_gateway.problems import details
from api_gateway.requests import JsonRoute
from records.automations.body import AutomationBody
from records.naming import slug_of

router = APIRouter(prefix="/api/v1/automations", tags=["Automations"], route_class=JsonRoute, responses=PROBLEMS)


@router.post("/validate", response_model=ValidShape, summary="Validate an automation")
async def validate_automation(request: Request, principal: Operator, body: AutomationBody) -> Response:
    """Judged as if it were created, and not saved; the answer shows how it was understood, and when it fires first.

    Whether its slug and the path of its webhook are free only creating it tells.
    """
    slug = body.slug or slug_of(body.name, "automation")
    made = await automation_saving.draft(gateway_of(request), principal, body, slug)
    assert made.version is not None
    definition = made.version.definition
    steps = [step_json(step) for step in definition["steps"]]
    trigger = made.columns["trigger"]
    more = {"nextRuns": await next_times(gateway_of(request), trigger, 3), "warnings": details(made.warnings)}
    return answer({"valid": True, "trigger": trigger, **definition, "steps": steps, **more})
