"""People's decisions about a run, for the routes of one run and of many (decisions 13, 19, 20, 22)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.idempotency import mark_of
from vai_api_gateway.lifecycle import Decisions
from vai_api_gateway.problems import Problem, conflict, not_found
from vai_api_gateway.runs import retry as retrying
from vai_api_gateway.runs import start as starting
from vai_api_gateway.runs.intake import Created
from vai_api_gateway.runs.limit_settings import limits_of
from vai_records.approvals.filling import filled
from vai_records.automations import run_reads
from vai_records.lifecycle.transitions import Status
from vai_records.runs import lists as run_lists
from vai_records.runs import runs
from vai_records.runs.row import RunRow


def decisions(gateway: Gateway, principal: Principal) -> Decisions:
    return Decisions(gateway.changes, gateway.bell, gateway.publisher, gateway.process_id, principal.org_id)


async def run_of(gateway: Gateway, principal: Principal, run_id: UUID) -> RunRow:
    """The run. Raises `Problem` 404."""
    run = await runs.get(gateway.pool, principal.org_id, run_id)
    if run is None:
        raise not_found("run")
    return run


async def approve(
    gateway: Gateway, principal: Principal, run_id: UUID, given: Mapping[str, Any] | None = None
) -> RunRow:
    """`given` are the values of its form. Raises `Problem` 403 if the caller may not approve this run, `Refused`."""
    run = await run_of(gateway, principal, run_id)
    if principal.settings.get("forbid_self_approval") is True:
        await _refuse_own(gateway, principal, run)
    values = filled(run["definition"], given or {}) if _awaits(run) else None
    limits = await limits_of(gateway, principal, run["connection_id"])
    return await decisions(gateway, principal).approve(run_id, principal.user_id, limits, values)


def _awaits(run: RunRow) -> bool:
    """Whether nobody has decided about it yet: else the answer says so, and not what its form lacks."""
    return run["status"] == Status.AWAITING_APPROVAL and run["decided_at"] is None


async def _refuse_own(gateway: Gateway, principal: Principal, run: RunRow) -> None:
    """Raises `Problem` 403 if the caller started the run, or wrote or started the automation of which it is a step."""
    people = {run["created_by"]}
    if run["trigger_source_type"] == "automation_run":
        people |= await run_reads.people_behind(gateway.pool, principal.org_id, UUID(run["trigger_source_id"]))
    if principal.user_id in people:
        raise Problem(403, "forbidden", "the organisation wants somebody else to approve what you started or wrote")


async def resume(gateway: Gateway, principal: Principal, run_id: UUID) -> RunRow:
    run = await run_of(gateway, principal, run_id)
    limits = await limits_of(gateway, principal, run["connection_id"])
    return await decisions(gateway, principal).resume(run_id, limits)


async def hide(gateway: Gateway, principal: Principal, run_id: UUID) -> None:
    """Raises `Problem` 409 for a run that is live."""
    if not await run_lists.hide(gateway.pool, principal.org_id, run_id):
        run = await run_of(gateway, principal, run_id)
        raise conflict(f"the run is {run['status']}; cancel it or wait for its end, then delete it")


async def retry(gateway: Gateway, principal: Principal, run_id: UUID, idempotency_key: str | None) -> Created:
    """A new run that goes on from where the failed one ended. Raises `Problem` 409 for one that did not fail."""
    new = await retrying.retry_of(gateway, principal, await run_of(gateway, principal, run_id))
    if idempotency_key is not None:
        new = replace(new, idempotency_key=idempotency_key, fingerprint=mark_of("retry", str(run_id)))
    return await starting.create(gateway, new)
