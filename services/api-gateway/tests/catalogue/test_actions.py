from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.shapes import ActionShape, ActionsShape, RunShape
from vai_records.people.people import Role
from vai_records.validation.masking import MARKER
from vai_testkit.services import OtherServices
from vai_testkit.team import Team, make_team

ACTIONS = "/api/v1/actions"
CALL = {"url": "https://api.example.com/x", "headers": {"Authorization": "Bearer hunter2", "Accept": "text/plain"}}
AT_ONCE = {"Prefer": "respond-async"}


async def make(api: httpx2.AsyncClient, name: str = "Nightly sync", **fields: Any) -> dict[str, Any]:
    answer = await api.post(ACTIONS, json={"kind": "dlt_extract", "name": name} | fields)
    assert answer.status_code == 201, answer.text
    ActionShape.model_validate(answer.json())
    action: dict[str, Any] = answer.json()
    return action


async def test_an_action_is_saved_and_found(api: httpx2.AsyncClient, team: Team) -> None:
    action = await make(api, definition={"source": "noop"})

    assert action["slug"] == "nightly-sync"
    assert action["definition"] == {"source": "noop"}
    assert (action["createdBy"], action["updatedBy"]) == (str(team.user_id), str(team.user_id))
    assert action["createdAt"].endswith("Z")
    assert (action["status"], action["latestRun"], action["connectionId"], action["templateId"]) == (
        "active",
        None,
        None,
        None,
    )
    assert (await api.get(f"{ACTIONS}/{action['id']}")).json() == action
    assert (await api.get(f"{ACTIONS}/slug/nightly-sync")).json() == action


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "nothing"}, "kind"),
        ({"kind": None}, "kind"),
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"slug": "Not A Slug"}, "slug"),
        ({"slug": "x" * 256}, "slug"),
        ({"slug": ""}, "slug"),
        ({"definition": []}, "definition"),
        ({"definition": {"kind": "http_request"}}, "definition"),
        ({"definition": {"source": 7}}, "definition"),
        ({"definition": {"source": "noop", "whatever": 1}}, "definition"),
        ({"definition": {"source": "noop", "retry": {"max_attempts": 0}}}, "definition"),
        ({"connectionId": "no-uuid"}, "connectionId"),
        ({"connectionId": "00000000-0000-7000-8000-000000000000"}, "connectionId"),
        ({"connectionRef": {"slug": "none"}}, "connectionRef"),
        ({"connectionRef": {"slug": "one", "provider": "two"}}, "connectionRef"),
        ({"templateId": "no such"}, "templateId"),
        ({"templateId": "webhook_post"}, "templateId"),
        ({"owner": "me"}, "owner"),
    ],
)
async def test_a_bad_action_is_refused_and_the_field_named(
    api: httpx2.AsyncClient, fields: dict[str, Any], field: str
) -> None:
    answer = await api.post(ACTIONS, json={"kind": "dlt_extract", "name": "one"} | fields)
    assert answer.status_code == 422
    assert {detail["loc"][1] for detail in answer.json()["detail"]} == {field}


@pytest.mark.parametrize(
    ("kind", "definition"),
    [
        ("duckdb_transform", {"sql": "SELECT 1"}),
        ("duckdb_transform", {}),
        ("http_request", {"method": "POST"}),
        ("dlt_extract", {"source": "rest_api"}),
        ("create_flashboard", {"title": "Sales"}),
        ("call_agent", {"kind": "call_agent", "agent": "a"}),
    ],
)
async def test_an_incomplete_action_can_be_saved(
    api: httpx2.AsyncClient, kind: str, definition: dict[str, Any]
) -> None:
    action = await make(api, kind=kind, definition=definition)
    assert action["definition"] == definition


async def test_a_slug_belongs_to_one_action(api: httpx2.AsyncClient) -> None:
    first = await make(api)
    second = await make(api, "other")
    given = {"kind": "dlt_extract", "name": "x", "slug": "nightly-sync"}
    assert (await api.post(ACTIONS, json=given)).status_code == 409
    assert (await api.patch(f"{ACTIONS}/{second['id']}", json={"slug": "nightly-sync"})).status_code == 409

    assert (await api.delete(f"{ACTIONS}/{first['id']}")).status_code == 204
    changed = await api.patch(f"{ACTIONS}/{second['id']}", json={"slug": "nightly-sync"})
    assert changed.json()["slug"] == "nightly-sync"


async def test_a_change_leaves_the_rest_as_it_was(api: httpx2.AsyncClient) -> None:
    connection = (await api.post("/api/v1/connections", json={"provider": "rest", "name": "c"})).json()["id"]
    action = await make(api, definition={"source": "noop"}, connectionId=connection)

    async def patched(**fields: Any) -> dict[str, Any]:
        answer = await api.patch(f"{ACTIONS}/{action['id']}", json=fields)
        assert answer.status_code == 200, answer.text
        ActionShape.model_validate(answer.json())
        found: dict[str, Any] = answer.json()
        return found

    assert await patched() | {"updatedAt": action["updatedAt"]} == action
    assert (await patched(name="Renamed"))["slug"] == "nightly-sync"
    assert (await patched(status="disabled"))["status"] == "disabled"
    assert (await patched(definition={"source": "sample"}))["definition"] == {"source": "sample"}
    assert (await patched(connectionId=None))["connectionId"] is None
    found = await patched(definition=None)
    assert (found["definition"], found["name"], found["status"]) == ({}, "Renamed", "disabled")


@pytest.mark.parametrize(
    "fields",
    [
        {"name": None},
        {"slug": None},
        {"status": None},
        {"status": "paused"},
        {"kind": "http_request"},
        {"definition": {"source": 7}},
        {"connectionId": "00000000-0000-7000-8000-000000000000"},
    ],
)
async def test_a_bad_change_is_refused(api: httpx2.AsyncClient, fields: dict[str, Any]) -> None:
    action = await make(api)
    answer = await api.patch(f"{ACTIONS}/{action['id']}", json=fields)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][:2] == ["body", next(iter(fields))]


async def test_lists_filter_sort_and_page(api: httpx2.AsyncClient, team: Team) -> None:
    await make(api, "b sync")
    await make(api, "a call", kind="http_request")
    third = await make(api, "c gate", kind="approval_gate")
    await api.patch(f"{ACTIONS}/{third['id']}", json={"status": "disabled"})

    async def names(query: str = "") -> list[str]:
        answer = await api.get(f"{ACTIONS}?{query}")
        assert answer.status_code == 200, answer.text
        ActionsShape.model_validate(answer.json())
        return [action["name"] for action in answer.json()["actions"]]

    assert await names() == ["c gate", "a call", "b sync"]
    assert await names("sort_by=name&order=asc") == ["a call", "b sync", "c gate"]
    assert await names("q=CALL") == ["a call"]
    assert await names("kinds=dlt_extract&kinds=HTTP_REQUEST") == ["a call", "b sync"]
    assert await names("kinds=dlt_extract,approval_gate&statuses=active") == ["b sync"]
    assert await names("kinds=") == ["c gate", "a call", "b sync"]

    page = (await api.get(f"{ACTIONS}?limit=2")).json()
    assert (page["total"], page["hasNext"], page["limit"], page["offset"]) == (3, True, 2, 0)
    assert page["users"][str(team.user_id)]["firstName"] == "Ada"
    assert (await api.get(f"{ACTIONS}?limit=2&offset=2")).json()["hasNext"] is False


async def test_running_an_action_merges_the_overrides(api: httpx2.AsyncClient, team: Team) -> None:
    action = await make(api, definition={"source": "sample", "rows": 5, "retry": {"max_attempts": 2}})

    overrides = {"rows": 7, "retry": {"multiplier": 3}, "seed": None}
    answer = await api.post(f"{ACTIONS}/{action['id']}/run", json={"definitionOverrides": overrides})
    assert answer.status_code == 201, answer.text
    run = answer.json()
    RunShape.model_validate(run)
    assert run["definition"] == {"source": "sample", "rows": 7, "retry": {"max_attempts": 2, "multiplier": 3}}
    assert (run["actionId"], run["kind"], run["status"]) == (action["id"], "dlt_extract", "pending")
    assert run["triggerMethod"] == "api"
    assert (run["triggerSourceType"], run["triggerSourceId"]) == ("api_key", str(list(team.keys.values())[-1].id))
    found = (await api.get(f"{ACTIONS}/{action['id']}")).json()
    assert found["latestRun"]["id"] == run["id"]
    assert found["definition"] == action["definition"]


@pytest.mark.parametrize("body", [None, {}, {"definitionOverrides": None}])
async def test_an_action_can_be_run_as_it_is(api: httpx2.AsyncClient, body: dict[str, Any] | None) -> None:
    action = await make(api, templateId="noop")
    answer = await api.post(f"{ACTIONS}/{action['id']}/run", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["definition"] == {"source": "noop"}
    assert (await api.get(f"{ACTIONS}/{action['id']}")).json()["definition"] == {}


@pytest.mark.parametrize("said", [True])
async def test_overrides_cannot_lower_the_need_for_approval(
    api: httpx2.AsyncClient, others: OtherServices, said: Any
) -> None:
    action = await make(api, definition={"source": "noop", "requires_approval": said})
    for lowered in (False, None):
        overrides = {"definitionOverrides": {"requires_approval": lowered}}
        run = (await api.post(f"{ACTIONS}/{action['id']}/run", json=overrides)).json()
        assert run["definition"]["requires_approval"] is True
        await others.ask_approval(run["id"])


@pytest.mark.parametrize("strict", [True, False])
async def test_where_two_people_approve_only_an_administrator_takes_an_approval_away(
    web: httpx2.AsyncClient, gateway: Gateway, strict: bool
) -> None:
    team = await make_team(gateway.engine, f"approvals-{strict}", forbid_self_approval=strict)
    keeps = {"source": "sample", "requires_approval": True}
    for role in (Role.OPERATOR, Role.ADMIN):
        web.headers.update(team.headers(role))
        may = role is Role.ADMIN or not strict
        for lowered in (None, {}, {"source": "noop"}, {"source": "noop", "requires_approval": False}):
            action = await make(web, definition={"source": "noop", "requires_approval": True})
            kept = await web.patch(f"{ACTIONS}/{action['id']}", json={"name": "Other", "definition": keeps})
            assert kept.status_code == 200, kept.text
            answer = await web.patch(f"{ACTIONS}/{action['id']}", json={"definition": lowered})
            assert answer.status_code == (200 if may else 403), answer.text
            found = (await web.get(f"{ACTIONS}/{action['id']}")).json()["definition"]
            assert found == ((lowered or {}) if may else keeps)


async def test_what_a_run_misses_is_told_when_it_is_run(api: httpx2.AsyncClient) -> None:
    action = await make(api, kind="duckdb_transform", definition={"sql": "SELECT 1"})
    answer = await api.post(f"{ACTIONS}/{action['id']}/run")
    assert answer.status_code == 422
    assert answer.json()["detail"] == [
        {"loc": ["definition", "transform_name"], "msg": "is required", "type": "missing"}
    ]


async def test_a_disabled_action_is_not_run(api: httpx2.AsyncClient) -> None:
    action = await make(api, templateId="noop")
    await api.patch(f"{ACTIONS}/{action['id']}", json={"status": "disabled"})
    answer = await api.post(f"{ACTIONS}/{action['id']}/run")
    assert answer.status_code == 409
    assert "disabled" in answer.json()["detail"][0]["msg"]


async def test_an_action_with_a_live_run_stays_and_its_runs_outlive_it(
    api: httpx2.AsyncClient, others: OtherServices
) -> None:
    action = await make(api, templateId="noop")
    run = (await api.post(f"{ACTIONS}/{action['id']}/run")).json()
    answer = await api.delete(f"{ACTIONS}/{action['id']}")
    assert answer.status_code == 409
    assert run["id"] in answer.json()["detail"][0]["msg"]

    await others.end(run["id"])
    answer = await api.delete(f"{ACTIONS}/{action['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await api.get(f"{ACTIONS}/{action['id']}")).status_code == 404
    assert (await api.get(f"{ACTIONS}/slug/{action['slug']}")).status_code == 404
    assert (await api.get(f"/api/v1/action-runs/{run['id']}")).json()["actionId"] == action["id"]


async def test_an_action_and_its_definition_may_name_one_connection(api: httpx2.AsyncClient) -> None:
    ids = [
        (await api.post("/api/v1/connections", json={"provider": "rest", "name": name})).json()["id"]
        for name in ("one", "two")
    ]
    action = await make(api, templateId="noop", connectionRef="one")
    assert action["connectionId"] == ids[0]

    run = (await api.post(f"{ACTIONS}/{action['id']}/run")).json()
    assert run["definition"] == {"source": "noop", "connection": ids[0]}
    same = {"definitionOverrides": {"connection": {"slug": "one"}}}
    assert (await api.post(f"{ACTIONS}/{action['id']}/run", json=same)).status_code == 201
    other = {"definitionOverrides": {"connection": {"slug": "two"}}}
    answer = await api.post(f"{ACTIONS}/{action['id']}/run", json=other)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["type"] == "two_connections"


async def test_secrets_of_a_definition_are_written_and_never_read(
    api: httpx2.AsyncClient, gateway: Gateway, team: Team
) -> None:
    action = await make(api, "call", kind="http_request", definition=CALL)
    assert action["definition"]["headers"] == {"Authorization": MARKER, "Accept": "text/plain"}
    for path in (f"{ACTIONS}/{action['id']}", ACTIONS):
        assert "hunter2" not in (await api.get(path)).text

    run = await api.post(f"{ACTIONS}/{action['id']}/run", headers=AT_ONCE)
    assert run.status_code == 201, run.text
    assert run.json()["definition"] == action["definition"]
    run_id = UUID(run.json()["id"])
    sealed = await gateway.pool.fetchval("SELECT secrets FROM runs WHERE id = $1", run_id)
    opened = gateway.keyring.decrypt_json(sealed, team.org_id, run_id)
    assert opened["values"] == {"headers": {"Authorization": "Bearer hunter2"}}


async def test_a_marker_keeps_the_secret_for_the_same_host_only(api: httpx2.AsyncClient) -> None:
    action = await make(api, "call", kind="http_request", definition=CALL)
    path = f"{ACTIONS}/{action['id']}"

    kept = action["definition"] | {"url": "https://api.example.com/y"}
    changed = await api.patch(path, json={"definition": kept})
    assert changed.status_code == 200, changed.text
    assert (await api.post(f"{path}/run", headers=AT_ONCE)).status_code == 201

    stolen = {"url": "https://evil.example/"}
    assert (await api.patch(path, json={"definition": kept | stolen})).status_code == 422
    answer = await api.post(f"{path}/run", json={"definitionOverrides": stolen}, headers=AT_ONCE)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["definition", "headers", "Authorization"]


async def test_a_secret_for_one_connection_is_not_sent_to_another(api: httpx2.AsyncClient) -> None:
    ids = [
        (await api.post("/api/v1/connections", json={"provider": "rest", "name": name})).json()["id"]
        for name in ("one", "two")
    ]
    definition = CALL | {"url": "/orders"}
    action = await make(api, "call", kind="http_request", definition=definition, connectionId=ids[0])
    assert "connection" not in action["definition"]
    path = f"{ACTIONS}/{action['id']}"

    run = await api.post(f"{path}/run", headers=AT_ONCE)
    assert run.status_code == 201, run.text
    assert run.json()["definition"]["connection"] == ids[0]
    assert (await api.patch(path, json={"connectionId": ids[1]})).status_code == 422
    both = {"connectionId": ids[1], "definition": definition}
    assert (await api.patch(path, json=both)).status_code == 200
