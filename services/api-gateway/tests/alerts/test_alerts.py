"""Alert rules and alerts: made, changed, tested and found; no secret comes out, and nobody else's are seen."""

from typing import Any

import httpx2
import pytest

from vai_api_gateway.alerts.shapes import AlertRuleShape, AlertRulesShape, AlertShape, AlertsShape
from vai_api_gateway.gateway import Gateway
from vai_records.people.people import Role
from vai_testkit.team import Team, make_team

RULES, ALERTS = "/api/v1/alert-rules", "/api/v1/alerts"
ADDRESS = "https://hooks.slack.com/services/T0/B0/verysecret"
SLACK = {"type": "slack", "url": ADDRESS}
EMAIL = {
    "type": "email",
    "host": "smtp.example.com",
    "username": "vai",
    "password": "verysecret",
    "sender": "vai@example.com",
    "recipients": ["us@example.com"],
}
RULE = {"name": "Failures", "tells": ["failed"], "channel": SLACK}


async def _made(api: httpx2.AsyncClient, **body: Any) -> dict[str, Any]:
    made = await api.post(RULES, json=RULE | body)
    assert made.status_code == 201, made.text
    AlertRuleShape.model_validate_json(made.content)
    return dict((await api.get(made.headers["location"])).json())


async def test_addresses_and_passwords_go_in_and_never_come_out(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    signed = {"type": "webhook", "url": "https://a.example/verysecret", "authorization": "Bearer verysecret"}
    for channel, secrets in ((SLACK, ["url"]), (EMAIL, ["password"]), (signed, ["url", "authorization"])):
        made = await _made(api, channel=channel)
        assert made["channel"]["secrets"] == secrets
        assert "verysecret" not in str(made)
        assert "verysecret" not in (await api.get(RULES)).text
        row = await gateway.pool.fetchrow("SELECT * FROM alert_rules WHERE id = $1", made["id"])
        assert row is not None
        assert "verysecret" not in str([value for name, value in row.items() if name != "secrets"])
        assert b"verysecret" not in row["secrets"]
    AlertRulesShape.model_validate_json((await api.get(RULES)).content)


WRONG: list[tuple[dict[str, Any], list[str | int]]] = [
    ({"name": ""}, ["body", "name"]),
    ({"name": "a\nb"}, ["body", "name"]),
    ({"tells": []}, ["body", "tells"]),
    ({"tells": ["broken"]}, ["body", "tells", 0]),
    ({"tells": ["late"]}, ["body", "lateSeconds"]),
    ({"lateSeconds": 60}, ["body", "lateSeconds"]),
    ({"gatherSeconds": -1}, ["body", "gatherSeconds"]),
    ({"pauseSeconds": "5"}, ["body", "pauseSeconds"]),
    ({"filters": {"kinds": ["nothing"]}}, ["body", "filters", "kinds", 0]),
    ({"filters": {"actions": ["no-such"]}}, ["body", "filters", "actions", 0]),
    ({"filters": {"automations": ["no-such"]}}, ["body", "filters", "automations", 0]),
    ({"channel": {"type": "fax"}}, ["body", "channel"]),
    ({"channel": {"type": "slack", "url": "ftp://a.example"}}, ["body", "channel", "url"]),
    ({"channel": {**EMAIL, "sender": "a@b\r\nBcc: c@d"}}, ["body", "channel", "sender"]),
    ({"channel": {**EMAIL, "recipients": []}}, ["body", "channel", "recipients"]),
    ({"channel": {**EMAIL, "password": None}}, ["body", "channel", "password"]),
    ({"channel": {**EMAIL, "security": "none"}}, ["body", "channel", "security"]),
    ({"channel": {**SLACK, "type": "webhook", "signingSecret": "x"}}, ["body", "channel", "signingSecret"]),
]


@pytest.mark.parametrize(("body", "place"), WRONG)
async def test_what_no_rule_can_be_is_refused_with_its_place(
    api: httpx2.AsyncClient, body: dict[str, Any], place: list[str | int]
) -> None:
    refused = await api.post(RULES, json=RULE | body)
    assert refused.status_code == 422, refused.text
    assert refused.json()["detail"][0]["loc"] == place
    assert "verysecret" not in refused.text


async def test_filters_name_slugs_and_keep_ids(api: httpx2.AsyncClient) -> None:
    body = {"name": "Load orders", "kind": "dlt_extract", "definition": {"source": "sample", "resources": ["orders"]}}
    action = (await api.post("/api/v1/actions", json=body)).json()
    made = await _made(api, filters={"actions": [action["slug"], action["id"]], "labels": {"a": "b"}})
    assert made["filters"] == {"kinds": [], "actions": [action["id"]], "automations": [], "labels": {"a": "b"}}


async def test_a_change_keeps_what_it_does_not_name_and_a_channel_is_given_as_a_whole(
    api: httpx2.AsyncClient, gateway: Gateway
) -> None:
    made = await _made(api)
    where = f"{RULES}/{made['id']}"
    before = await gateway.pool.fetchval("SELECT secrets FROM alert_rules WHERE id = $1", made["id"])
    changed = (await api.patch(where, json={"tells": ["late"], "lateSeconds": 600})).json()
    assert changed == made | {"tells": ["late"], "lateSeconds": 600, "updatedAt": changed["updatedAt"]}
    assert await gateway.pool.fetchval("SELECT secrets FROM alert_rules WHERE id = $1", made["id"]) == before
    for body in ({"lateSeconds": None}, {"name": None}, {"channel": {"type": "slack"}}):
        assert (await api.patch(where, json=body)).status_code == 422
    assert (await api.patch(where, json={"channel": EMAIL})).json()["channel"]["host"] == "smtp.example.com"


@pytest.mark.parametrize("ends", ["paused", "deleted"])
async def test_what_a_rule_has_not_sent_is_given_up_with_it(
    api: httpx2.AsyncClient, gateway: Gateway, ends: str
) -> None:
    made = await _made(api)
    where = f"{RULES}/{made['id']}"
    asked = await api.post(f"{where}/test")
    assert (asked.status_code, asked.json()["status"]) == (202, "waiting")
    AlertShape.model_validate_json(asked.content)
    assert (await api.post(f"{asked.headers['location']}/send-again")).status_code == 409
    await (api.delete(where) if ends == "deleted" else api.patch(where, json={"isActive": False}))
    listed = await api.get(ALERTS, params={"status": "given_up", "rule": made["id"]})
    AlertsShape.model_validate_json(listed.content)
    (alert,) = listed.json()["alerts"]
    assert (alert["id"], ends in alert["error"]["message"]) == (asked.json()["id"], True)
    again = await api.post(f"{ALERTS}/{alert['id']}/send-again")
    assert again.status_code == (409 if ends == "deleted" else 200)
    secrets = await gateway.pool.fetchval("SELECT secrets FROM alert_rules WHERE id = $1", made["id"])
    assert (secrets is None) == (ends == "deleted")


async def test_roles_and_organisations_are_kept_apart(api: httpx2.AsyncClient, gateway: Gateway, team: Team) -> None:
    made = await _made(api)
    where, alert = f"{RULES}/{made['id']}", (await api.post(f"{RULES}/{made['id']}/test")).json()["id"]
    stranger = (await make_team(gateway.engine, "stranger")).headers()
    for method, path in (
        *(("GET", where), ("PATCH", where), ("DELETE", where), ("POST", f"{where}/test")),
        *(("GET", f"{ALERTS}/{alert}"), ("POST", f"{ALERTS}/{alert}/send-again")),
    ):
        answer = await api.request(method, path, headers=stranger, json={} if method == "PATCH" else None)
        assert answer.status_code == 404, (method, path)
    assert (await api.get(ALERTS, headers=stranger)).json()["alerts"] == []
    assert (await api.get(RULES, headers=stranger)).json()["alertRules"] == []
    viewer, operator = team.headers(Role.VIEWER), team.headers(Role.OPERATOR)
    assert (await api.get(where, headers=viewer)).status_code == 200
    assert (await api.post(f"{where}/test", headers=viewer)).status_code == 403
    assert (await api.post(f"{where}/test", headers=operator)).status_code == 202
    for request in (api.post(RULES, json=RULE, headers=operator), api.delete(where, headers=operator)):
        assert (await request).status_code == 403


async def test_an_organisation_has_at_most_a_hundred(api: httpx2.AsyncClient, gateway: Gateway, team: Team) -> None:
    await _made(api)
    text = """INSERT INTO alert_rules (id, org_id, name, tells, channel, gather_seconds, pause_seconds)
        SELECT gen_random_uuid(), $1, 'x', '{failed}', '{"type": "slack"}', 0, 0 FROM generate_series(1, 99)"""
    await gateway.pool.execute(text, team.org_id)
    refused = await api.post(RULES, json=RULE)
    assert (refused.status_code, "100 alert rules" in refused.text) == (409, True)
