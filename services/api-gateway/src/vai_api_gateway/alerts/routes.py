"""/api/v1/alert-rules: what people are told, and where (docs/alerts.md). Addresses and passwords never come out."""

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Request, Response

from vai_api_gateway.alerts.shapes import (
    AlertFiltersBody,
    AlertRuleBody,
    AlertRulePatch,
    AlertRuleShape,
    AlertRulesShape,
    AlertShape,
    alert_json,
    parted,
    rule_json,
)
from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Admin, Operator, Viewer
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, answer, nothing, users_named
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import Json
from vai_api_gateway.problems import conflict, not_found
from vai_common.ids import uuid7
from vai_common.queries import Row
from vai_records.alerts import alerts, rules
from vai_records.alerts.rules import MOST_RULES, NewRule
from vai_records.refused import refused

router = APIRouter(prefix="/api/v1/alert-rules", tags=["Alerts"], route_class=JsonRoute, responses=PROBLEMS)


@router.get("", response_model=AlertRulesShape, summary="List alert rules")
async def list_alert_rules(request: Request, principal: Viewer) -> Response:
    """All of the organisation, the newest first."""
    gateway = gateway_of(request)
    rows = await rules.list_all(gateway.pool, principal.org_id)
    async with gateway.engine.connect() as conn:
        users = await users_named(conn, principal.org_id, [row["created_by"] for row in rows])
    return answer({"alertRules": list(map(rule_json, rows)), "most": MOST_RULES, "users": users})


@router.post("", response_model=AlertRuleShape, status_code=201, summary="Create an alert rule")
async def create_alert_rule(request: Request, principal: Admin, body: AlertRuleBody) -> Response:
    """From now on it tells what happens. `POST …/test` says whether it reaches you."""
    gateway, rule_id = gateway_of(request), uuid7()
    _check_late(body.tells, body.late_seconds)
    channel, secrets = _channel(gateway, principal, rule_id, body.channel)
    rule = NewRule(
        rule_id,
        principal.org_id,
        body.name,
        body.is_active,
        list(dict.fromkeys(body.tells)),
        await _filters(gateway, principal, body.filters),
        channel,
        secrets,
        body.gather_seconds,
        body.pause_seconds,
        body.late_seconds,
        principal.user_id,
    )
    async with gateway.pool.acquire() as conn, conn.transaction():
        row = await rules.create(conn, rule)
    if row is None:
        raise conflict(f"the organisation has {MOST_RULES} alert rules: delete some of them")
    return answer(rule_json(row), 201, {"Location": f"{router.prefix}/{rule_id}"})


@router.get("/{rule_id}", response_model=AlertRuleShape, summary="Get an alert rule")
async def get_alert_rule(request: Request, principal: Viewer, rule_id: UUID) -> Response:
    return answer(rule_json(await _rule_of(gateway_of(request), principal, rule_id)))


@router.patch("/{rule_id}", response_model=AlertRuleShape, summary="Update an alert rule")
async def update_alert_rule(request: Request, principal: Admin, rule_id: UUID, body: AlertRulePatch) -> Response:
    """A key that is absent stays as it is. What a rule has gathered and not sent is given up when it is paused."""
    gateway = gateway_of(request)
    before = await _rule_of(gateway, principal, rule_id)
    plain = ("name", "is_active", "gather_seconds", "pause_seconds", "late_seconds")
    columns: Json = {name: getattr(body, name) for name in plain if name in body.model_fields_set}
    if body.tells is not None:
        columns["tells"] = list(dict.fromkeys(body.tells))
    if body.filters is not None:
        columns["filters"] = await _filters(gateway, principal, body.filters)
    if body.channel is not None:
        columns["channel"], columns["secrets"] = _channel(gateway, principal, rule_id, body.channel)
    _check_late(columns.get("tells", before["tells"]), columns.get("late_seconds", before["late_seconds"]))
    async with gateway.pool.acquire() as conn, conn.transaction():
        row = await rules.change(conn, principal.org_id, rule_id, columns)
    if row is None:
        raise not_found("alert rule")
    return answer(rule_json(row))


@router.delete("/{rule_id}", status_code=204, response_class=Response, summary="Delete an alert rule")
async def delete_alert_rule(request: Request, principal: Admin, rule_id: UUID) -> Response:
    """Erases its secrets. What it has gathered and not sent is given up."""
    async with gateway_of(request).pool.acquire() as conn, conn.transaction():
        if not await rules.hide(conn, principal.org_id, rule_id):
            raise not_found("alert rule")
    return nothing()


@router.post("/{rule_id}/test", response_model=AlertShape, status_code=202, summary="Test an alert rule")
async def try_alert_rule(request: Request, principal: Operator, rule_id: UUID) -> Response:
    """Sends a test message, once, within seconds. `GET /api/v1/alerts/{alert_id}` says what became of it: `sent`, or
    `given_up` with the reason in `error`.
    """
    gateway = gateway_of(request)
    await _rule_of(gateway, principal, rule_id)
    alert_id = await alerts.ask(gateway.pool, principal.org_id, rule_id)
    row = await alerts.get(gateway.pool, principal.org_id, alert_id)
    if row is None:
        raise not_found("alert rule")
    return answer(alert_json(row), 202, {"Location": f"/api/v1/alerts/{alert_id}"})


async def _rule_of(gateway: Gateway, principal: Principal, rule_id: UUID) -> Row:
    row = await rules.get(gateway.pool, principal.org_id, rule_id)
    if row is None:
        raise not_found("alert rule")
    return row


def _channel(gateway: Gateway, principal: Principal, rule_id: UUID, channel: Any) -> tuple[Json, bytes | None]:
    """As it is stored: what is shown, and the envelope. Raises `Refused` for a password sent in the open."""
    shown, secrets = parted(channel)
    if channel.type == "email":
        if (channel.username is None) != (channel.password is None):
            raise refused(("body", "channel", "password"), "give a user name and a password, or neither", "missing")
        if channel.security == "none" and channel.password is not None:
            text = "a password is sent with `starttls` or `tls` only: choose one, or leave user name and password out"
            raise refused(("body", "channel", "security"), text)
    else:
        shown["host"] = urlsplit(channel.url).hostname or ""
    shown["secrets"] = ["signingSecret" if name == "signing_secret" else name for name in secrets]
    sealed = gateway.keyring.encrypt_json(secrets, principal.org_id, rule_id) if secrets else None
    return shown, sealed


def _check_late(tells: list[Any], late_seconds: int | None) -> None:
    if ("late" in tells) != (late_seconds is not None):
        text = "goes with `late` in tells: say after how many seconds a run is late, or leave both out"
        raise refused(("body", "lateSeconds"), text, "missing" if late_seconds is None else "value_error")


async def _filters(gateway: Gateway, principal: Principal, filters: AlertFiltersBody) -> Json:
    """With ids for what was named by slug. Raises `Refused` for what is not there."""
    known = await rules.ids_of(gateway.pool, principal.org_id, filters.actions, filters.automations)
    found: Json = {"kinds": filters.kinds, "labels": filters.labels}
    for place, names in (("actions", filters.actions), ("automations", filters.automations)):
        for number, name in enumerate(names):
            if (place, name) not in known:
                text = f"there is no {place[:-1]} {name!r}; name one by its slug or its id"
                raise refused(("body", "filters", place, number), text, f"unknown_{place[:-1]}")
        found[place] = list(dict.fromkeys(known[place, name] for name in names))
    return found
