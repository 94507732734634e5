"""/api/v1/automations/{id}/versions: what an automation said before, what has changed since, and back to it."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Operator, Viewer
from vai_api_gateway.automations import saving as automation_saving
from vai_api_gateway.automations.routes import changed, get_automation_row, shown
from vai_api_gateway.automations.shapes import AutomationShape, StepShape, step_json
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, Limit, Offset, answer, page
from vai_api_gateway.http.etags import CHANGED, IfMatch, expected
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import Json, PageShape, Shape
from vai_api_gateway.problems import conflict, not_found
from vai_common.queries import Row
from vai_records.automations import versions
from vai_records.automations.body import AutomationParts
from vai_records.automations.difference import MOST, Change, difference
from vai_records.refused import Refused
from vai_records.validation import beside

router = APIRouter(prefix="/api/v1/automations", tags=["Automations"], route_class=JsonRoute, responses=PROBLEMS)

_EMPTY: Json = {"inputs": {}, "conditions": [], "steps": []}


class AutomationVersionShape(Shape):
    """A version, in a few words. `number` counts from 1; `isCurrent`: what the automation says now."""

    created_at: datetime
    created_by: UUID | None
    id: UUID
    is_current: bool
    number: int
    step_count: int


class AutomationVersionsShape(PageShape):
    versions: list[AutomationVersionShape]


class WholeAutomationVersionShape(AutomationVersionShape):
    """All that a version holds. `error`: why it cannot be read; then it has no steps."""

    conditions: list[Json]
    error: str | None
    inputs: Json
    max_parallel: int = Field(alias="max_parallel")
    steps: list[StepShape]


class ChangeShape(Shape):
    """One place that is different; a step is named by its key, an input by its name. Secrets are not shown."""

    after: Any
    before: Any
    change: Literal["added", "removed", "changed"]
    place: list[str | int]


class DifferenceShape(Shape):
    """The changes from `base` (null: from nothing) to `version`, at most 1,000."""

    base: AutomationVersionShape | None
    changes: list[ChangeShape]
    truncated: bool
    version: AutomationVersionShape


@router.get(
    "/{automation_id}/versions", response_model=AutomationVersionsShape, summary="List an automation's versions"
)
async def list_automation_versions(
    request: Request, principal: Viewer, automation_id: UUID, limit: Limit = 100, offset: Offset = 0
) -> Response:
    """Newest first. Another name, trigger or label makes none; what else an author changes does."""
    gateway = gateway_of(request)
    current = await get_automation_row(gateway, principal, automation_id)
    rows, total = await versions.list_page(gateway.pool, principal.org_id, automation_id, limit, offset)
    items = [_version(row, current, row["steps"]) for row in rows]
    people = [row["created_by"] for row in rows]
    async with gateway.engine.connect() as conn:
        return answer(await page(conn, principal.org_id, "versions", items, people, (limit, offset, total)))


@router.get(
    "/{automation_id}/versions/{version_id}",
    response_model=WholeAutomationVersionShape,
    summary="Get an automation's version",
)
async def get_automation_version(
    request: Request, principal: Viewer, automation_id: UUID, version_id: UUID
) -> Response:
    """With its steps, inputs and conditions, as `PATCH` of the automation takes them."""
    gateway = gateway_of(request)
    current = await get_automation_row(gateway, principal, automation_id)
    row = await _get(gateway, principal, automation_id, version_id)
    whole = _parts(row["definition"]) | {"error": row["fault"]}
    return answer(_version(row, current, len(whole["steps"])) | whole)


@router.get(
    "/{automation_id}/versions/{version_id}/difference",
    response_model=DifferenceShape,
    summary="Compare an automation's versions",
)
async def compare_automation_versions(
    request: Request,
    principal: Viewer,
    automation_id: UUID,
    version_id: UUID,
    base: Annotated[UUID | None, Query(description="A version's id; the one before it, where it is absent")] = None,
) -> Response:
    """What is different in a version: added, removed and changed places. That a secret has changed is told, too."""
    gateway = gateway_of(request)
    current = await get_automation_row(gateway, principal, automation_id)
    new = await _get(gateway, principal, automation_id, version_id)
    if base is not None:
        old: Row | None = await _get(gateway, principal, automation_id, base)
    else:
        old = await versions.before(gateway.pool, principal.org_id, automation_id, new["number"])
    before = _EMPTY if old is None else old["definition"]
    secrets = [
        {} if row is None else _secrets(gateway, principal.org_id, row["id"], row["secrets"]) for row in (old, new)
    ]

    def compare() -> list[Change]:
        return difference(before, new["definition"], *secrets)

    found = await beside.judged(principal.org_id, (before, new["definition"]), compare)
    compared = [None if row is None else _version(row, current, len(row["definition"]["steps"])) for row in (old, new)]
    changes = [change.as_json() for change in found]
    said = {"base": compared[0], "version": compared[1], "truncated": len(changes) == MOST}
    return answer(said | {"changes": changes})


@router.post(
    "/{automation_id}/versions/{version_id}/restore",
    response_model=AutomationShape,
    responses=CHANGED,
    summary="Restore an automation's version",
)
async def restore_automation_version(
    request: Request, principal: Operator, automation_id: UUID, version_id: UUID, if_match: IfMatch = None
) -> Response:
    """The automation says again what it said then, its write-only values included, as a new version. Name, trigger and
    labels stay. Checked as a change is: 409 where it would not work any more.

    May be repeated: where the automation says the same already, nothing is changed.
    """
    gateway = gateway_of(request)
    current = await get_automation_row(gateway, principal, automation_id)
    row = await _get(gateway, principal, automation_id, version_id)
    if row["fault"] is not None:
        raise conflict(f"the version cannot be restored: {row['fault']}")
    unchanged = expected(if_match, current["updated_at"])
    if _says_the_same(gateway, principal, current, row):
        return answer(shown(gateway, current))
    parts = AutomationParts.model_validate(_parts(row["definition"]))
    then = {**current, "secrets": row["secrets"], "version_id": row["id"]}
    try:
        made = await automation_saving.redraft(gateway, principal, then, parts)
    except Refused as error:
        raise conflict(f"the version cannot be restored as it is: {error.message}") from error
    return await changed(gateway, principal, current, made, unchanged)


def _says_the_same(gateway: Gateway, principal: Principal, current: Row, row: Row) -> bool:
    if current["definition"] != row["definition"] or current["status"] == "error":
        return False
    now = _secrets(gateway, principal.org_id, current["version_id"], current["secrets"])
    return now == _secrets(gateway, principal.org_id, row["id"], row["secrets"])


def _secrets(gateway: Gateway, org_id: UUID, version_id: UUID, sealed: bytes | None) -> Json:
    found: Json = {} if sealed is None else gateway.keyring.decrypt_json(sealed, org_id, version_id)
    return found


def _parts(definition: Json) -> Json:
    """What a version holds, in document 002's spelling."""
    steps = [step_json(step) for step in definition["steps"]]
    return {**{name: definition[name] for name in ("conditions", "inputs", "max_parallel")}, "steps": steps}


def _version(row: Row, current: Row, steps: int) -> Json:
    return {
        "createdAt": row["created_at"],
        "createdBy": row["created_by"],
        "id": row["id"],
        "isCurrent": row["id"] == current["version_id"],
        "number": row["number"],
        "stepCount": steps,
    }


async def _get(gateway: Gateway, principal: Principal, automation_id: UUID, version_id: UUID) -> Row:
    found = await versions.get(gateway.pool, principal.org_id, automation_id, version_id)
    if found is None:
        raise not_found("version")
    return found
