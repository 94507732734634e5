"""What starts an automation: the columns that its trigger fills, and the secret of a webhook."""

import base64
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.automations import trigger_columns as automation_triggers
from vai_api_gateway.gateway import Gateway
from vai_records.validation.masking import MARKER
from vai_testkit.team import Team

AUTOMATIONS = "/api/v1/automations"
NOOP: dict[str, Any] = {"kind": "dlt_extract", "definition": {"source": "noop"}}
HOOK = {"type": "webhook", "path": "/hooks/orders/"}
DAILY = {"type": "schedule", "schedule": "0 6 * * *", "timezone": "America/New_York"}
NOON = datetime(2026, 1, 22, 12, tzinfo=UTC)


async def make(api: httpx2.AsyncClient, trigger: dict[str, Any], **parts: Any) -> dict[str, Any]:
    answer = await api.post(AUTOMATIONS, json={"name": "one", "actions": [NOOP], "trigger": trigger} | parts)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def patch(api: httpx2.AsyncClient, made: dict[str, Any], **parts: Any) -> dict[str, Any]:
    answer = await api.patch(f"{AUTOMATIONS}/{made['id']}", json=parts)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def row_of(gateway: Gateway, made: dict[str, Any]) -> Any:
    return await gateway.pool.fetchrow("SELECT * FROM automations WHERE id = $1", UUID(made["id"]))


async def secret_of(gateway: Gateway, team: Team, made: dict[str, Any]) -> str:
    sealed = (await row_of(gateway, made))["webhook_secret"]
    return str(gateway.keyring.decrypt(sealed, team.org_id, UUID(made["id"])).decode())


def set_the_databases_clock(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    async def now(_gateway: Gateway) -> datetime:
        return moment

    monkeypatch.setattr(automation_triggers, "_now", now)


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    set_the_databases_clock(monkeypatch, NOON)


async def test_a_schedule_is_due_at_its_next_time(api: httpx2.AsyncClient, gateway: Gateway, noon: None) -> None:
    made = await make(api, DAILY)
    assert made["trigger"] == DAILY | {"catchup": "latest", "overlap": "skip"}
    assert made["nextRunAt"] == "2026-01-23T11:00:00Z"
    later = await patch(api, made, trigger={"type": "schedule", "schedule": "30 12 * * *"})
    assert (later["nextRunAt"], later["trigger"]["timezone"]) == ("2026-01-22T12:30:00Z", "UTC")
    by_hand = await patch(api, made, trigger={"type": "manual"})
    assert by_hand["nextRunAt"] is None
    assert (await row_of(gateway, made))["due_at"] is None


async def test_a_schedule_of_a_paused_automation_waits_for_its_resumption(
    api: httpx2.AsyncClient, gateway: Gateway, noon: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await make(api, DAILY, enabled=False)
    assert (made["status"], (await row_of(gateway, made))["due_at"]) == ("paused", None)
    hourly = await patch(api, made, trigger={"type": "schedule", "schedule": "0 * * * *"})
    assert (hourly["status"], (await row_of(gateway, made))["due_at"]) == ("paused", None)
    set_the_databases_clock(monkeypatch, NOON.replace(hour=17, minute=40))
    resumed = (await api.post(f"{AUTOMATIONS}/{made['id']}/resume")).json()
    assert resumed["nextRunAt"] == "2026-01-22T18:00:00Z"


async def test_a_webhook_has_an_address_of_its_own(api: httpx2.AsyncClient, gateway: Gateway, team: Team) -> None:
    made = await make(api, HOOK)
    assert made["webhookUrl"] == f"/webhooks/{team.org_id}/hooks/orders"
    assert made["trigger"]["path"] == "/hooks/orders"
    assert (await row_of(gateway, made))["webhook_path"] == "hooks/orders"
    second = {"name": "two", "actions": [NOOP], "trigger": HOOK}
    answer = await api.post(AUTOMATIONS, json=second)
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (409, ["body", "trigger", "path"])
    other = await make(api, HOOK | {"path": "elsewhere"}, name="two")
    answer = await api.patch(f"{AUTOMATIONS}/{other['id']}", json={"trigger": HOOK})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (409, ["body", "trigger", "path"])
    await api.delete(f"{AUTOMATIONS}/{made['id']}")
    assert (await patch(api, other, trigger=HOOK))["webhookUrl"] == made["webhookUrl"]


async def test_a_secret_that_is_made_is_shown_once(api: httpx2.AsyncClient, gateway: Gateway, team: Team) -> None:
    made = await make(api, HOOK)
    secret = made["trigger"]["secret"]
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 24
    assert await secret_of(gateway, team, made) == secret
    found = (await api.get(f"{AUTOMATIONS}/{made['id']}")).json()
    assert found["trigger"]["secret"] == MARKER
    for answer in (await api.get(AUTOMATIONS), await api.post(f"{AUTOMATIONS}/{made['id']}/pause")):
        assert secret not in answer.text


async def test_a_secret_that_is_given_is_never_shown(api: httpx2.AsyncClient, gateway: Gateway, team: Team) -> None:
    made = await make(api, HOOK | {"secret": "whsec_your_secret_here"})
    assert made["trigger"]["secret"] == MARKER
    assert await secret_of(gateway, team, made) == "whsec_your_secret_here"


@pytest.mark.parametrize("said", [{}, {"secret": MARKER}])
async def test_a_secret_is_kept_where_no_other_is_given(
    api: httpx2.AsyncClient, gateway: Gateway, team: Team, said: dict[str, Any]
) -> None:
    made = await make(api, HOOK)
    moved = await patch(api, made, trigger={"type": "webhook", "path": "/new", **said})
    assert moved["trigger"] == {"type": "webhook", "path": "/new", "secret": MARKER}
    assert await secret_of(gateway, team, made) == made["trigger"]["secret"]
    await patch(api, made, trigger={"type": "webhook", "path": "/new", "secret": "another secret"})
    assert await secret_of(gateway, team, made) == "another secret"


async def test_another_trigger_forgets_the_webhook(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    made = await make(api, HOOK)
    assert (await patch(api, made, trigger={"type": "manual"}))["webhookUrl"] is None
    row = await row_of(gateway, made)
    assert (row["webhook_path"], row["webhook_secret"]) == (None, None)
    again = await patch(api, made, trigger=HOOK)
    assert again["trigger"]["secret"] != made["trigger"]["secret"]


async def test_a_filter_takes_an_id_or_a_slug_and_keeps_the_id(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    action = (await api.post("/api/v1/actions", json={"name": "Get", **NOOP})).json()
    other = (await api.post("/api/v1/actions", json={"name": "Other", **NOOP})).json()
    event = {"type": "event", "eventType": "action.completed"}
    made = await make(api, event | {"filters": {"actionId": "get", "kind": "dlt_extract"}})
    assert made["trigger"]["filters"] == {"actionId": action["id"], "actionKind": "dlt_extract"}
    assert (await row_of(gateway, made))["event_type"] == "action.completed"
    both = await patch(api, made, trigger=event | {"filters": {"actionId": ["get", other["id"]]}})
    assert both["trigger"]["filters"] == {"actionId": [action["id"], other["id"]]}
    done = {"type": "event", "eventType": "automation.completed", "filters": {"automationId": "one"}}
    found = await make(api, done, name="two")
    assert found["trigger"]["filters"] == {"automationId": made["id"]}
    connection = (await api.post("/api/v1/connections", json={"provider": "rest", "name": "Shop"})).json()
    there = {"type": "event", "eventType": "connection.error", "filters": {"connectionId": "shop"}}
    found = await make(api, there, name="three")
    assert found["trigger"]["filters"] == {"connectionId": connection["id"]}


@pytest.mark.parametrize(
    ("event", "name", "word"),
    [
        ("action.completed", "actionId", "unknown_action"),
        ("connection.error", "connectionId", "unknown_connection"),
        ("automation.failed", "automationId", "unknown_automation"),
    ],
)
@pytest.mark.parametrize("value", ["gone", ["gone"], "00000000-0000-7000-8000-000000000000", 7, None, ["a"] * 101])
async def test_a_filter_on_what_is_not_there_is_refused(
    api: httpx2.AsyncClient, event: str, name: str, word: str, value: Any
) -> None:
    trigger = {"type": "event", "eventType": event, "filters": {name: value}}
    answer = await api.post(AUTOMATIONS, json={"name": "one", "actions": [NOOP], "trigger": trigger})
    assert answer.status_code == 422
    (fault,) = answer.json()["detail"]
    assert fault["loc"] == ["body", "trigger", "filters", name]
    assert fault["type"] == (word if value in ("gone", ["gone"]) or "000" in str(value) else "value_error")
