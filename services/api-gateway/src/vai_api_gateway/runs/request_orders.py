"""Makes an order from a request (decisions 10 and 12). `vai_records.runs.orders` makes the run from it."""

from datetime import UTC, datetime, timedelta

from fastapi import Request

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.shapes import RunBody
from vai_common.clock import now
from vai_records.refused import refused
from vai_records.runs import orders
from vai_records.runs.new_run import NewRun
from vai_records.runs.orders import Customer, Lookups, Order

FURTHEST = timedelta(days=366)
"""How far ahead a run may be scheduled."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_COMMAND_LINE = "vai-cli/"
"""How the User-Agent of our command line begins."""


def customer(principal: Principal, request: Request) -> Customer:
    """The customer of a request: its user, organisation and way of access."""
    return Customer(
        org_id=principal.org_id,
        method=_method(principal, request),
        source_type=principal.source_type,
        source_id=principal.source_id,
        user_id=principal.user_id,
        max_running=principal.settings.get("max_running"),
    )


def _method(principal: Principal, request: Request) -> str:
    if principal.by_cookie:
        return "ui"
    return "cli" if request.headers.get("user-agent", "").startswith(_COMMAND_LINE) else "api"


def start_of(at: datetime | None, *, deferred: bool) -> tuple[datetime | None, list[str]]:
    """When a run is to start, and what an idempotency key's mark says of that: a repeat must ask for the same.

    A time that has passed means now. Raises `Refused` for one that is too far away, or of a deferred run.
    """
    loc = ("body", "scheduledFor")
    if at is None:
        return None, ["deferred"] if deferred else []
    if deferred:
        raise refused(loc, "a deferred run has no time: give scheduledFor or defer, not both")
    if at < _LONG_AGO:
        raise refused(loc, "this is before 1970; give a later time, or leave it out", "too_old")
    if at > now() + FURTHEST:
        raise refused(loc, "this is more than a year ahead; give an earlier time", "too_far")
    return at, [at.astimezone(UTC).isoformat()]


def of_body(body: RunBody, *, deferred: bool = False) -> Order:
    """The order that a request of its own gives. Raises `Refused`."""
    return Order(
        kind=body.kind,
        definition=body.definition or {},
        loc=("body", "definition"),
        connection_ref=body.connection_ref,
        parent_run_id=body.parent_action_run_id,
        concurrency_key=body.concurrency_key,
        idempotency_key=body.idempotency_key,
        deferred=deferred,
        labels=body.labels,
        scheduled_for=start_of(body.scheduled_for, deferred=deferred)[0],
    )


async def make(gateway: Gateway, who: Customer, order: Order, lookups: Lookups | None = None) -> NewRun:
    """The run as it will be inserted. Raises `Refused` that says what is wrong with the order."""
    return await orders.make(gateway.pool, gateway.keyring, who, order, lookups)
