"""Automations: saved, found, changed, paused; all that can be seen to be wrong is refused with its place."""

from typing import Any

import httpx2
import pytest

from vai_api_gateway.automations.shapes import AutomationsShape, ValidShape
from vai_api_gateway.gateway import Gateway
from vai_records.validation.masking import MARKER
from vai_testkit.scheduling import Scheduling
from vai_testkit.team import Team, make_team

from .saving import AUTOMATIONS, NOOP, body, make, patched


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
    assert made.pop("warnings") == []
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
        ({"steps": [{"key": "a", "kind": "nothing"}]}, ["steps", 0], "value_error"),
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
            ["steps", 0, "definition"],
            None,
        ),
        (
            {"steps": [{"key": "a", "kind": "http_request", "definition": {"url": "$/steps/b/result/x"}}]},
            ["steps", 0, "definition"],
            "unknown_reference",
        ),
        (
            {"steps": [{"key": "a", "kind": "call_automation", "definition": {"automation": "gone"}}]},
            ["steps", 0, "definition", "automation"],
            "unknown_automation",
        ),
        ({"steps": [{"key": f"s{n}", **NOOP} for n in range(1_001)]}, ["steps"], "too_long"),
        ({"trigger": {"type": "sometimes"}}, ["trigger"], "union_tag_invalid"),
        ({"trigger": {"type": "schedule", "schedule": "every day"}}, ["trigger", "schedule"], "value_error"),
        ({"trigger": {"type": "schedule", "schedule": "61 * * * *"}}, ["trigger", "schedule"], "value_error"),
        ({"trigger": {"type": "schedule", "schedule": "0 0 30 2 *"}}, ["trigger", "schedule"], "value_error"),
        (
            {"trigger": {"type": "schedule", "schedule": "* * * * *", "timezone": "Mars/Olympus"}},
            ["trigger", "timezone"],
            "value_error",
        ),
        ({"trigger": {"type": "event", "eventType": "action.begun"}}, ["trigger"], "value_error"),
        (
            {"trigger": {"type": "event", "eventType": "action.failed", "filters": {"colour": "red"}}},
            ["trigger"],
            "value_error",
        ),
        ({"trigger": {"type": "webhook", "path": "/a//b"}}, ["trigger", "path"], "value_error"),
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
    assert (await api.post(AUTOMATIONS, json=body(slug="nightly"))).status_code == 409
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

    at = ["body", "steps", 0, "definition", "automation"]
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
