"""Reads the limits that an organisation and a connection have set: how many runs may be live at once (rule 11).

The run-dispatcher counts the live runs and applies the limits (`vai_run_dispatcher.limits`).
"""

from uuid import UUID

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.gateway import Gateway
from vai_records.runs.held_for import Limits


async def limits_of(gateway: Gateway, principal: Principal, connection_id: UUID | None) -> Limits:
    """The limits that hold for a run on this connection."""
    of_connection = None
    if connection_id is not None:
        of_connection = await gateway.pool.fetchval(
            "SELECT max_running FROM connections WHERE id = $1 AND org_id = $2", connection_id, principal.org_id
        )
    return Limits(principal.settings.get("max_running"), of_connection)
