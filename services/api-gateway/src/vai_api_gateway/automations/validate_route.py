"""POST /api/v1/automations/validate: shows what would be saved, or what is wrong.

What an automation may say is not decided here: see `vai_records.automations.body` and `saved_steps`.
"""

from fastapi import APIRouter, Request, Response

from vai_api_gateway.auth.roles import Operator
from vai_api_gateway.automations import saving as automation_saving
from vai_api_gateway.automations.shapes import NEXT_TIMES, ValidShape, step_json
from vai_api_gateway.automations.trigger_columns import next_times
from vai_api_gateway.gateway import gateway_of
from vai_api_gateway.http.answers import PROBLEMS, answer
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.problems import details
from vai_records.automations.body import AutomationBody
from vai_records.catalogue.naming import slug_of

router = APIRouter(prefix="/api/v1/automations", tags=["Automations"], route_class=JsonRoute, responses=PROBLEMS)


@router.post("/validate", response_model=ValidShape, summary="Validate an automation")
async def validate_automation(request: Request, principal: Operator, body: AutomationBody) -> Response:
    """Check an automation as if it were created, without saving it.

    The answer shows how it was understood and when it would fire. Whether its slug and the path of its webhook are
    free is not checked: you learn it when you create the automation.
    """
    slug = body.slug or slug_of(body.name, "automation")
    made = await automation_saving.draft(gateway_of(request), principal, body, slug)
    assert made.version is not None
    definition = made.version.definition
    steps = [step_json(step) for step in definition["steps"]]
    trigger = made.columns["trigger"]
    more = {"nextRuns": await next_times(gateway_of(request), trigger, NEXT_TIMES), "warnings": details(made.warnings)}
    return answer({"valid": True, "trigger": trigger, **definition, "steps": steps, **more})
