"""Automations: saved, found, changed, paused; all that can be seen to be wrong is refused with its place."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from api_gateway.automation_shapes import AutomationShape, AutomationsShape, ValidShape
from api_gateway.gateway import Gateway
from records.secrets import MARKER
from testkit.scheduling import Scheduling
from testkit.team import Team, make_team

AUTOMATIONS = "/api/v1/automations"
NOOP: dict[str, Any] = {"kind": "dlt_extract", "definition": {"source": "noop"}}
CALL = {"url": "https://api.example.com/x", "method": "POST", "headers": {"Authorization": "Bearer hunter2"}}
NOBODY = "00000000-0000-7000-8000-000000000000"


def body(*steps: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {"name": "Nightly", "steps": list(steps) or [{"key": "load", "action": NOOP}]} | parts


async def make(api: httpx2.AsyncClient, *steps: dict[str, Any], **parts: Any) -> dict[str, Any]:
    answer = await api.post(AUTOMATIONS, json=body(*steps, **parts))
    assert answer.status_code == 201, answer.text
    AutomationShape.model_validate(answer.json())
    made: dict[str, Any] = answer.json()
    return made


async def patched(api: httpx2.AsyncClient, made: dict[str, Any], **parts: Any) -> dict[str, Any]:
    answer = await api.patch(f"{AUTOMATIONS}/{made['id']}", json=parts)
    assert answer.status_code == 200, answer.text
    AutomationShape.model_validate(answer.json())
    found: dict[str, Any] = answer.json()
    return found


async def row_of(gateway: Gateway, made: dict[str, Any]) -> Any:
    return await gateway.pool.fetchrow("SELECT * FROM automations WHERE id = $1", UUID(made["id"]))


async def version_of(gateway: Gateway, made: dict[str, Any]) -> UUID:
    version: UUID = (await row_of(gateway, made))["version_id"]
    return version


async def test_an_automation_is_saved_and_found(api: httpx2.AsyncClient, team: Team) -> None:
    made = await make(api, {"key": "load", "name": "Load", "action": NOOP}, description="each night", max_parallel=5)
    assert (made["name"], made["slug"], made["description"]) == ("Nightly", "nightly", "each night")
    assert (made["status"], made["enabled"], made["error"]) == ("active", True, None)
    assert (made["trigger"], made["max_parallel"], made["sourceType"]) == ({"type": "manual"}, 5, "manual")
    assert (made["createdBy"], made["updatedBy"]) == (str(team.user_id), str(team.user_id))
    assert (made["latestRun"], made["nextRunAt"], made["webhookUrl"]) == (None, None, None)
    assert made["steps"] == [
        {"key": "load", "name": "Load", "action": NOOP, "depends_on": [], "condition": {"type": "on_success"}}
    ]
    assert (await api.get(f"{AUTOMATIONS}/{made['id']}")).json() == made
    assert (await api.get(f"{AUTOMATIONS}/slug/nightly")).json() == made


async def test_both_spellings_and_the_short_forms_are_understood(api: httpx2.AsyncClient) -> None:
    made = await make(
        api,
        {"key": "gate", "kind": "approval_gate"},
        {"key": "a", **NOOP, "dependsOn": [{"step": "gate", "port": "approved"}, {"step": "gate", "port": "rejected"}]},
        {"key": "b", **NOOP, "depends_on": ["a"], "condition": "always"},
        maxParallel=2,
    )
    _, a, b = made["steps"]
    assert a["depends_on"] == [{"step": "gate", "port": "approved"}, {"step": "gate", "port": "rejected"}]
    assert (b["depends_on"], b["condition"], made["max_parallel"]) == (["a"], {"type": "always"}, 2)


async def test_actions_without_dependencies_are_a_sequence(api: httpx2.AsyncClient) -> None:
    answer = await api.post(AUTOMATIONS, json={"name": "one", "actions": [NOOP, NOOP, {"kind": "approval_gate"}]})
    assert [(step["key"], step["depends_on"]) for step in answer.json()["steps"]] == [
        ("dlt_extract", []),
        ("dlt_extract_2", ["dlt_extract"]),
        ("approval_gate", ["dlt_extract_2"]),
    ]


async def test_what_was_answered_can_be_sent_again(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    gate = {"key": "gate", "action": {"kind": "approval_gate", "definition": {"title": "Go?"}}}
    after = {"key": "after", "action": NOOP, "depends_on": [{"step": "gate", "port": "approved"}]}
    made = await make(api, gate, after, inputs={"day": {"type": "string"}})
    again = await patched(api, made, steps=made["steps"], inputs=made["inputs"], trigger=made["trigger"])
    assert again | {"updatedAt": made["updatedAt"]} == made


@pytest.mark.parametrize(
    ("parts", "place", "word"),
    [
        ({"steps": []}, [], "value_error"),
        ({"steps": None}, [], "value_error"),
        ({"name": ""}, ["name"], "string_too_short"),
        ({"slug": "No Slug"}, ["slug"], "string_pattern_mismatch"),
        ({"max_parallel": 0}, ["max_parallel"], "greater_than_equal"),
        ({"owner": "me"}, ["owner"], "extra_forbidden"),
        ({"actions": [NOOP]}, [], "value_error"),
        ({"steps": [{"key": "A", **NOOP}]}, ["steps", 0, "key"], "string_pattern_mismatch"),
        ({"steps": [{"key": "a", "kind": "nothing"}]}, ["steps", 0, "action"], "value_error"),
        ({"steps": [{"key": "a", **NOOP}, {"key": "a", **NOOP}]}, ["steps", 1, "key"], "duplicate"),
        ({"steps": [{"key": "a", **NOOP, "depends_on": ["b"]}]}, ["steps", 0, "depends_on"], "unknown_step"),
        (
            {"steps": [{"key": "a", **NOOP, "depends_on": ["b"]}, {"key": "b", **NOOP, "depends_on": ["a"]}]},
            ["steps", 0, "depends_on"],
            "cycle",
        ),
        (
            {"steps": [{"key": "a", **NOOP}, {"key": "b", **NOOP, "depends_on": [{"step": "a", "port": "x"}]}]},
            ["steps", 1, "depends_on"],
            "unknown_port",
        ),
        (
            {"steps": [{"key": "a", "action": {"action_id": "gone"}}]},
            ["steps", 0, "action", "action_id"],
            "unknown_action",
        ),
        (
            {"steps": [{"key": "a", "kind": "dlt_extract", "definition": {"source": 7}}]},
            ["steps", 0, "action", "definition"],
            None,
        ),
        (
            {"steps": [{"key": "a", "kind": "http_request", "definition": {"url": "$/steps/b/result/x"}}]},
            ["steps", 0, "action", "definition"],
            "unknown_reference",
        ),
        (
            {"steps": [{"key": "a", "kind": "call_automation", "definition": {"automation": "gone"}}]},
            ["steps", 0, "action", "definition", "automation"],
            "unknown_automation",
        ),
        ({"steps": [{"key": f"s{n}", **NOOP} for n in range(1_001)]}, ["steps"], "too_long"),
        ({"trigger": {"type": "sometimes"}}, ["trigger"], "union_tag_invalid"),
        ({"trigger": {"type": "schedule", "schedule": "every day"}}, ["trigger", "schedule"], "value_error"),
        ({"trigger": {"type": "schedule", "schedule": "61 * * * *"}}, ["trigger", "schedule"], "value_error"),
        ({"trigger": {"type": "schedule", "schedule": "0 0 30 2 *"}}, ["trigger", "schedule"], "value_error"),
        (
            {"trigger": {"type": "schedule", "schedule": "* * * * *", "timezone": "Mars/Olympus"}},
            ["trigger", "schedule", "timezone"],
            "value_error",
        ),
        ({"trigger": {"type": "event", "eventType": "action.begun"}}, ["trigger", "event"], "value_error"),
        (
            {"trigger": {"type": "event", "eventType": "action.failed", "filters": {"colour": "red"}}},
            ["trigger", "event"],
            "value_error",
        ),
        ({"trigger": {"type": "webhook", "path": "/a//b"}}, ["trigger", "webhook", "path"], "value_error"),
        ({"trigger": {"type": "webhook", "path": "/a", "secret": MARKER}}, ["trigger", "secret"], "value_error"),
        ({"conditions": [{"field": "x", "operator": "eq", "value": 1}]}, ["conditions", 0, "field"], "value_error"),
        ({"inputs": {"n": {"type": "integer", "default": "x"}}}, ["inputs", "n"], "value_error"),
    ],
)
@pytest.mark.parametrize("path", ["", "/validate"])
async def test_what_can_be_seen_to_be_wrong_is_refused_with_its_place(
    api: httpx2.AsyncClient, path: str, parts: dict[str, Any], place: list[Any], word: str | None
) -> None:
    given = {key: value for key, value in (body() | parts).items() if value is not None}
    answer = await api.post(f"{AUTOMATIONS}{path}", json=given)
    assert answer.status_code == 422, answer.text
    found = answer.json()["detail"][0]
    assert found["loc"][: len(place) + 1] == ["body", *place], answer.text
    assert word in (None, found["type"]), answer.text


async def test_every_fault_is_told_at_once(api: httpx2.AsyncClient) -> None:
    wrong = [{"key": f"s{n}", "kind": "dlt_extract", "definition": {"source": n}} for n in range(3)]
    answer = await api.post(AUTOMATIONS, json=body(*wrong))
    assert {fault["loc"][2] for fault in answer.json()["detail"]} == {0, 1, 2}


async def test_validate_shows_how_it_was_understood_and_saves_nothing(api: httpx2.AsyncClient) -> None:
    trigger = {"type": "schedule", "schedule": " 0  6 * * * "}
    answer = await api.post(f"{AUTOMATIONS}/validate", json={"name": "x", "actions": [NOOP], "trigger": trigger})
    assert answer.status_code == 200, answer.text
    ValidShape.model_validate(answer.json())
    assert answer.json()["trigger"]["schedule"] == "0 6 * * *"
    assert [step["key"] for step in answer.json()["steps"]] == ["dlt_extract"]
    assert (await api.get(AUTOMATIONS)).json()["total"] == 0


async def test_a_slug_belongs_to_one_automation(api: httpx2.AsyncClient) -> None:
    first, second = await make(api), await make(api, name="other")
    assert (await api.post(AUTOMATIONS, json=body())).status_code == 409
    answer = await api.patch(f"{AUTOMATIONS}/{second['id']}", json={"slug": "nightly"})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (409, ["body", "slug"])
    assert (await api.delete(f"{AUTOMATIONS}/{first['id']}")).status_code == 204
    assert (await patched(api, second, slug="nightly"))["slug"] == "nightly"


async def test_lists_filter_sort_and_page(api: httpx2.AsyncClient, team: Team) -> None:
    await make(api, name="b hourly", trigger={"type": "schedule", "schedule": "0 * * * *"})
    await make(api, name="a by hand", enabled=False)
    await make(api, name="c_hook", trigger={"type": "webhook", "path": "/in"})

    async def names(query: str = "") -> list[str]:
        answer = await api.get(f"{AUTOMATIONS}?{query}")
        assert answer.status_code == 200, answer.text
        AutomationsShape.model_validate(answer.json())
        return [automation["name"] for automation in answer.json()["automations"]]

    assert await names() == ["c_hook", "a by hand", "b hourly"]
    assert await names("sort_by=name&order=asc") == ["a by hand", "b hourly", "c_hook"]
    assert await names("sort_by=status") == ["a by hand", "c_hook", "b hourly"]
    assert await names("q=HAND") == ["a by hand"]
    assert await names("q=_") == ["c_hook"]
    assert await names("q=%25") == []
    assert await names("statuses=active&triggers=schedule,WEBHOOK") == ["c_hook", "b hourly"]
    page = (await api.get(f"{AUTOMATIONS}?limit=2")).json()
    assert (page["total"], page["hasNext"], page["limit"], page["offset"]) == (3, True, 2, 0)
    assert page["users"][str(team.user_id)]["firstName"] == "Ada"
    assert (await api.get(f"{AUTOMATIONS}?limit=1&statuses=active")).json()["total"] == 2
    assert (await api.get(f"{AUTOMATIONS}?limit=2&offset=2")).json()["hasNext"] is False
    assert (await api.get(f"{AUTOMATIONS}?offset=9")).json()["total"] == 3


async def test_a_change_of_the_definition_writes_a_version_and_nothing_else_does(
    api: httpx2.AsyncClient, gateway: Gateway
) -> None:
    made = await make(api)
    first = await version_of(gateway, made)
    renamed = await patched(api, made, name="Renamed", description=None, enabled=False)
    assert (renamed["name"], renamed["slug"], renamed["status"]) == ("Renamed", "nightly", "paused")
    assert await version_of(gateway, made) == first
    changed = await patched(api, made, max_parallel=7)
    assert (changed["max_parallel"], changed["steps"], changed["status"]) == (7, made["steps"], "paused")
    second = await version_of(gateway, made)
    assert second != first
    await patched(api, made, conditions=[{"field": "event.data.n", "operator": "gt", "value": 1}])
    versions = await gateway.pool.fetch(
        "SELECT id, definition FROM automation_versions WHERE automation_id = $1 ORDER BY id", UUID(made["id"])
    )
    assert [row["definition"]["max_parallel"] for row in versions] == [3, 7, 7]
    assert [len(row["definition"]["conditions"]) for row in versions] == [0, 0, 1]


@pytest.mark.parametrize("name", ["name", "slug", "trigger", "steps", "actions", "inputs", "conditions", "enabled"])
async def test_null_takes_nothing_away(api: httpx2.AsyncClient, name: str) -> None:
    made = await make(api)
    answer = await api.patch(f"{AUTOMATIONS}/{made['id']}", json={name: None})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", name])


async def test_new_inputs_are_held_against_the_steps_that_stay(api: httpx2.AsyncClient) -> None:
    step = {"key": "tell", "kind": "http_request", "definition": {"url": "$/inputs/url"}}
    made = await make(api, step, inputs={"url": {"type": "string"}})
    answer = await api.patch(f"{AUTOMATIONS}/{made['id']}", json={"inputs": {"other": {}}})
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "unknown_reference")


async def test_secrets_of_steps_are_written_never_read_and_kept_by_their_marker(
    api: httpx2.AsyncClient, gateway: Gateway, team: Team
) -> None:
    made = await make(api, {"key": "tell", "kind": "http_request", "definition": CALL})
    shown = made["steps"][0]["action"]["definition"]
    assert shown["headers"] == {"Authorization": MARKER}
    changed = await patched(api, made, steps=made["steps"], max_parallel=9)
    assert changed["steps"] == made["steps"]
    await patched(api, made, max_parallel=8)
    version = await version_of(gateway, made)
    sealed = await gateway.pool.fetchval("SELECT secrets FROM automation_versions WHERE id = $1", version)
    kept = gateway.keyring.decrypt_json(sealed, team.org_id, version)
    assert kept["tell"]["values"] == {"headers": {"Authorization": "Bearer hunter2"}}
    for path in (AUTOMATIONS, f"{AUTOMATIONS}/{made['id']}"):
        assert "hunter2" not in (await api.get(path)).text
    stolen = {"key": "tell", "kind": "http_request", "definition": shown | {"url": "https://evil.example/"}}
    answer = await api.patch(f"{AUTOMATIONS}/{made['id']}", json={"steps": [stolen]})
    assert answer.status_code == 422
    moved = {"key": "other", "kind": "http_request", "definition": shown}
    assert (await api.patch(f"{AUTOMATIONS}/{made['id']}", json={"steps": [moved]})).status_code == 422


async def test_a_saved_action_is_named_by_id_or_slug(api: httpx2.AsyncClient) -> None:
    action = (await api.post("/api/v1/actions", json={"name": "Get", **NOOP})).json()
    for way, name in enumerate((action["id"], action["id"].upper(), "get")):
        made = await make(api, {"key": "a", "action": {"actionId": name}}, name=f"way {way}")
        assert made["steps"][0]["action"] == {"action_id": action["id"]}
    overridden = {"action_id": "get", "definition_overrides": {"source": 7}}
    answer = await api.post(AUTOMATIONS, json=body({"key": "a", "action": overridden}))
    assert (answer.status_code, answer.json()["detail"][0]["loc"][:5]) == (
        422,
        ["body", "steps", 0, "action", "definition_overrides"],
    )


async def test_an_automation_that_calls_itself_is_refused(api: httpx2.AsyncClient) -> None:
    def calls(name: str) -> dict[str, Any]:
        return {"key": "call", "kind": "call_automation", "definition": {"automation": name}}

    async def fault(path: str, **parts: Any) -> tuple[int, list[Any], str]:
        method = api.patch if path else api.post
        answer = await method(f"{AUTOMATIONS}{path}", json=parts)
        return answer.status_code, answer.json()["detail"][0]["loc"], answer.json()["detail"][0]["type"]

    at = ["body", "steps", 0, "action", "definition", "automation"]
    assert await fault("", **body(calls("nightly"))) == (422, at, "cycle")
    a = await make(api, name="a")
    b = await make(api, calls("a"), name="b")
    saved = {"name": "Call b", "kind": "call_automation", "definition": {"automation": b["id"]}}
    assert (await api.post("/api/v1/actions", json=saved)).status_code == 201
    await make(api, {"key": "call", "action": {"action_id": "call-b"}}, name="c")
    assert await fault(f"/{a['id']}", steps=[calls(a["id"])]) == (422, at, "cycle")
    assert await fault(f"/{a['id']}", steps=[calls("b")]) == (422, at, "cycle")
    assert await fault(f"/{a['id']}", steps=[calls("c")]) == (422, at, "cycle")
    d = await make(api, calls("$/inputs/which"), name="d")
    assert await fault(f"/{a['id']}", steps=[{"key": "x", **NOOP}, calls("c")]) == (
        422,
        ["body", "steps", 1, *at[3:]],
        "cycle",
    )
    await patched(api, d, steps=[calls("c")])
    answer = await api.patch(f"{AUTOMATIONS}/{a['id']}", json={"steps": [calls("d")]})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, at)
    assert "leads back" in answer.text


async def test_an_automation_may_call_one_twice_and_by_two_ways(api: httpx2.AsyncClient) -> None:
    def calls(key: str, name: str) -> dict[str, Any]:
        return {"key": key, "kind": "call_automation", "definition": {"automation": name}}

    await make(api, name="a")
    await make(api, calls("x", "a"), name="b")
    await make(api, calls("x", "a"), calls("y", "a"), calls("z", "b"), name="c")


async def test_one_that_broke_is_mended_by_a_good_definition_or_by_resuming(
    api: httpx2.AsyncClient, gateway: Gateway
) -> None:
    action = (await api.post("/api/v1/actions", json={"name": "Get", **NOOP})).json()
    every_day = {"type": "schedule", "schedule": "0 6 * * *"}
    made = await make(api, {"key": "a", "action": {"action_id": "get"}}, trigger=every_day)
    path = f"{AUTOMATIONS}/{made['id']}"
    await api.delete(f"/api/v1/actions/{action['id']}")

    async def break_it() -> None:
        await gateway.pool.execute(
            "UPDATE automations SET status = 'error', error = $2, due_at = '2020-01-01Z' WHERE id = $1",
            UUID(made["id"]),
            {"message": "the saved action is gone"},
        )

    await break_it()
    broken = (await api.get(path)).json()
    assert (broken["status"], broken["error"]["message"], broken["nextRunAt"]) == (
        "error",
        "the saved action is gone",
        None,
    )
    assert (await api.post(f"{path}/resume")).status_code == 409
    assert (await api.patch(path, json={"enabled": True})).status_code == 422
    assert (await api.patch(path, json={"max_parallel": 2})).status_code == 422
    assert (await patched(api, made, name="Renamed"))["status"] == "error"
    mended = await patched(api, made, steps=[{"key": "a", **NOOP}])
    assert (mended["status"], mended["error"], mended["nextRunAt"]) == ("active", None, made["nextRunAt"])
    await break_it()
    resumed = (await api.post(f"{path}/resume")).json()
    assert (resumed["status"], resumed["error"], resumed["nextRunAt"]) == ("active", None, made["nextRunAt"])
    await break_it()
    assert (await patched(api, made, enabled=False))["status"] == "paused"


async def test_pausing_and_resuming_take_a_schedule_out_and_in(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    made = await make(api, trigger={"type": "schedule", "schedule": "0 6 * * *"})
    path = f"{AUTOMATIONS}/{made['id']}"
    for pause, resume in (
        (api.post(f"{path}/pause"), api.post(f"{path}/resume")),
        (api.patch(path, json={"enabled": False}), api.patch(path, json={"enabled": True})),
    ):
        paused = (await pause).json()
        assert (paused["status"], paused["enabled"], paused["nextRunAt"]) == ("paused", False, None)
        assert (await row_of(gateway, made))["due_at"] is None
        assert (await api.post(f"{path}/pause")).json()["status"] == "paused"
        resumed = (await resume).json()
        assert (resumed["status"], resumed["nextRunAt"]) == ("active", made["nextRunAt"])
    assert (await api.post(f"{path}/resume")).json()["status"] == "active"


async def test_a_deleted_automation_is_gone_and_its_runs_stay(api: httpx2.AsyncClient, scheduling: Scheduling) -> None:
    made = await make(api)
    path = f"{AUTOMATIONS}/{made['id']}"
    run = (await api.post(f"{path}/trigger")).json()
    answer = await api.delete(path)
    assert answer.status_code == 409
    assert run["runId"] in answer.json()["detail"][0]["msg"]
    await scheduling.end(run["runId"])
    assert (await api.delete(path)).status_code == 204
    for method, each in (
        ("GET", path),
        ("GET", f"{AUTOMATIONS}/slug/nightly"),
        ("DELETE", path),
        ("GET", f"{path}/graph"),
    ):
        assert (await api.request(method, each)).status_code == 404
    assert (await api.post(f"{path}/trigger")).status_code == 404
    assert (await api.get(AUTOMATIONS)).json()["total"] == 0
    assert (await api.get(f"/api/v1/automation-runs/{run['runId']}")).json()["automationId"] == made["id"]
    assert (await api.get(f"/api/v1/automation-runs/{run['runId']}/graph")).status_code == 200


async def test_another_organisations_things_cannot_be_named(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient, gateway: Gateway
) -> None:
    stranger = await make_team(gateway.engine, "stranger")
    action = (await api.post("/api/v1/actions", json={"name": "Get", **NOOP})).json()
    made = await make(api)
    run = (await api.post(f"{AUTOMATIONS}/{made['id']}/trigger")).json()
    calls = {"key": "a", "kind": "call_automation", "definition": {"automation": made["id"]}}
    event = {"type": "event", "eventType": "action.failed"}
    for refused in (
        body({"key": "a", "action": {"action_id": action["id"]}}),
        body(calls),
        body(trigger=event | {"filters": {"actionId": action["id"]}}),
        body(trigger={"type": "event", "eventType": "automation.failed", "filters": {"automationId": made["id"]}}),
    ):
        answer = await web.post(AUTOMATIONS, json=refused, headers=stranger.headers())
        assert answer.status_code == 422, (refused, answer.text)
    for path in ("", "/graph", "/logs", "/stream"):
        answer = await web.get(f"/api/v1/automation-runs/{run['runId']}{path}", headers=stranger.headers())
        assert answer.status_code == 404, path
    listed = await web.get(f"/api/v1/automation-runs?automation_id={made['id']}", headers=stranger.headers())
    assert listed.json()["total"] == 0
