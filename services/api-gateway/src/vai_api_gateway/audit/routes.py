"""GET /api/v1/audit: who did what in the organisation (docs/access.md)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from vai_api_gateway.audit.acts import NOUNS
from vai_api_gateway.audit.shapes import AuditShape, entry_json
from vai_api_gateway.auth.roles import Admin
from vai_api_gateway.gateway import gateway_of
from vai_api_gateway.http.answers import PROBLEMS, Limit, answer, one_of, words
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import LONGEST_NAME
from vai_records.audit import lists
from vai_records.audit.entries import Outcome
from vai_records.audit.lists import UNKNOWN, Filters
from vai_records.refused import refused
from vai_records.strict import Time

router = APIRouter(prefix="/api/v1/audit", tags=["Audit"], route_class=JsonRoute, responses=PROBLEMS)

_OUTCOMES = (*Outcome, UNKNOWN)
NounWords = Annotated[list[Annotated[str, one_of(NOUNS)]] | None, Query(description="What was acted on")]
_Text = Annotated[str | None, Query(min_length=1, max_length=LONGEST_NAME)]


@router.get("", response_model=AuditShape, summary="Read the audit log")
async def list_audit_entries(
    request: Request,
    principal: Admin,
    actor_id: Annotated[UUID | None, Query(description="What this person or service account did")] = None,
    api_key_id: Annotated[UUID | None, Query(description="What was done with this API key")] = None,
    action: Annotated[
        str | None, Query(min_length=1, max_length=LONGEST_NAME, description="As in `update.user`")
    ] = None,
    target_type: NounWords = None,
    target_id: _Text = None,
    outcome: Annotated[list[Annotated[str, one_of(_OUTCOMES)]] | None, Query()] = None,
    address: _Text = None,
    request_id: _Text = None,
    since: Annotated[Time | None, Query(description="At this time or later")] = None,
    until: Annotated[Time | None, Query(description="Before this time")] = None,
    limit: Limit = 100,
    cursor: Annotated[str | None, Query(max_length=36, description="`nextCursor` of the page before")] = None,
) -> Response:
    """Newest first. Each request that changes something is an entry, except those that only make a run."""
    filters = Filters(
        actor_id=actor_id,
        key_id=api_key_id,
        action=action,
        target_types=words(target_type, NOUNS, "target_type"),
        target_id=target_id,
        outcomes=words(outcome, _OUTCOMES, "outcome"),
        address=address,
        request_id=request_id,
        since=since,
        until=until,
    )
    async with gateway_of(request).engine.connect() as conn:
        rows, more = await lists.page(conn, principal.org_id, filters, _place(cursor), limit)
    behind = str(rows[-1].id) if more else None
    return answer({"entries": list(map(entry_json, rows)), "hasNext": more, "nextCursor": behind})


def _place(cursor: str | None) -> UUID | None:
    if cursor is None:
        return None
    try:
        return UUID(cursor)
    except ValueError as error:
        message = "this is no cursor of this list; give nextCursor of the page before as it is"
        raise refused(("query", "cursor"), message) from error
