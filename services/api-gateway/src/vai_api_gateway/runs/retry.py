"""A new run that takes up where a failed one ended (decision 19)."""

from typing import Any

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.gateway import Gateway
from vai_api_gateway.problems import conflict
from vai_api_gateway.runs.limit_settings import limits_of
from vai_common.ids import uuid7
from vai_common.telemetry import current_traceparent
from vai_records.runs import lists as run_lists
from vai_records.runs import runs
from vai_records.runs.held_for import admit
from vai_records.runs.new_run import NewRun
from vai_records.runs.row import RunRow


async def retry_of(gateway: Gateway, principal: Principal, run: RunRow) -> NewRun:
    """The run that is to be made. Raises `Problem` 409 for a run that did not fail.

    The definition and the concurrency key are copied, the idempotency key is not.
    """
    shown = runs.display_status(run, frozenset())
    if run["status"] != "failed" and shown != "completed_with_errors":
        raise conflict(f"the run is {shown}; only a failed run, or one that completed with errors, can be retried")
    if run["status"] == "failed" and run["trigger_source_type"] == "automation_run":
        whole = f"/api/v1/automation-runs/{run['trigger_source_id']}/retry"
        raise conflict(
            f"the run is a step of an automation run: retry that with POST {whole}, so that what follows runs"
        )
    run_id = uuid7()
    limits = await limits_of(gateway, principal, run["connection_id"])
    held = admit(requires_approval=run["requires_approval"], approved=False, deferred=False, limits=limits)
    return NewRun(
        id=run_id,
        org_id=principal.org_id,
        kind=run["kind"],
        definition=run["definition"],
        secrets=await _secrets(gateway, principal, run, run_id),
        held_for=held,
        requires_approval=run["requires_approval"],
        action_id=run["action_id"],
        connection_id=run["connection_id"],
        parent_run_id=run["parent_run_id"],
        retry_of=run["id"],
        concurrency_key=run["concurrency_key"],
        labels=run["labels"],
        trigger_method="retry",
        trigger_source_type="action_run",
        trigger_source_id=str(run["id"]),
        created_by=principal.user_id,
        traceparent=current_traceparent(),
        may_rerun=run["may_rerun"],
        approval_timeout_seconds=run["approval_timeout_seconds"],
    )


async def _secrets(gateway: Gateway, principal: Principal, run: RunRow, run_id: Any) -> bytes | None:
    """The old run's write-only values, sealed for the new one: an envelope opens for one object only."""
    sealed = await run_lists.sealed_secrets(gateway.pool, principal.org_id, run["id"])
    if sealed is None:
        return None
    return gateway.keyring.encrypt(
        gateway.keyring.decrypt(sealed, principal.org_id, run["id"]), principal.org_id, run_id
    )
