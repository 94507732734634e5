"""What a line of a service's log says of a run, for who knows no more of it than its id."""

from uuid import UUID

from vai_common.queries import Queries
from vai_common.telemetry import trace_of

_WHOSE = "SELECT org_id, traceparent FROM runs WHERE id = $1"


async def subject(conn: Queries, run_id: UUID) -> dict[str, str]:
    """`run_id`, `organisation_id`, `trace_id`; only the first where nothing more can be read. For what is rare."""
    known = {"run_id": str(run_id)}
    try:
        row = await conn.fetchrow(_WHOSE, run_id)
    except Exception:  # the line is about another error, which must not be lost for this one
        return known
    return known if row is None else known | {"organisation_id": str(row["org_id"])} | trace_of(row["traceparent"])
