from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.people.shapes import InvitedMemberShape, MembersShape, OrganisationShape
from vai_api_gateway.settings import Settings
from vai_common.ids import uuid7
from vai_records.people.people import Role
from vai_testkit.team import Team, make_team

ORGANISATION = "/api/v1/organisation"
USERS = "/api/v1/users"
PASSWORD = "correct horse battery"


async def add(api: httpx2.AsyncClient, email: str = "bob@example.com", **fields: Any) -> dict[str, Any]:
    answer = await api.post(USERS, json={"email": email, "role": "viewer"} | fields)
    assert answer.status_code == 201, answer.text
    InvitedMemberShape.model_validate(answer.json())
    # The invitation is told this once.
    return {name: value for name, value in answer.json().items() if not name.startswith("invitation")}


# The organisation ---------------------------------------------------------------------------------------------------


async def test_an_organisation_is_shown_and_changed(api: httpx2.AsyncClient, team: Team) -> None:
    shown = (await api.get(ORGANISATION)).json()
    OrganisationShape.model_validate(shown)
    assert (shown["id"], shown["slug"], shown["name"]) == (str(team.org_id), "acme", "Acme")
    usual = {"forbidSelfApproval": False, "ignoreRobotsTxt": False, "maxRunning": None, "models": None, "upkeep": None}
    assert shown["settings"] == usual

    changed = await api.patch(ORGANISATION, json={"name": "Acme & Söhne", "settings": {"maxRunning": 3}})
    assert changed.status_code == 200
    OrganisationShape.model_validate(changed.json())
    assert (changed.json()["name"], changed.json()["settings"]["maxRunning"]) == ("Acme & Söhne", 3)
    changed = await api.patch(ORGANISATION, json={"settings": {"forbid_self_approval": True}})
    settings = {"forbidSelfApproval": True, "ignoreRobotsTxt": False, "maxRunning": 3, "models": None, "upkeep": None}
    assert (changed.json()["name"], changed.json()["settings"]) == ("Acme & Söhne", settings)
    changed = await api.patch(ORGANISATION, json={"settings": {"maxRunning": None, "forbidSelfApproval": False}})
    assert changed.json()["settings"] == settings | {"forbidSelfApproval": False, "maxRunning": None, "models": None}
    assert (await api.patch(ORGANISATION, json={})).json() == changed.json()
    assert (await api.get(ORGANISATION)).json() == changed.json()


async def test_the_upkeep_of_tables_is_said_for_all_and_for_one(api: httpx2.AsyncClient, team: Team) -> None:
    said = {"keep_hours": 48, "tables": {"gold.sales": {"keep_hours": 720, "compact": False}}}
    changed = await api.patch(ORGANISATION, json={"settings": {"upkeep": said}})
    OrganisationShape.model_validate(changed.json())
    assert changed.json()["settings"]["upkeep"] == said
    assert (await api.patch(ORGANISATION, json={"settings": {"upkeep": None}})).json()["settings"]["upkeep"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": None},
        {"slug": "other"},
        {"settings": None},
        {"settings": []},
        {"settings": {"max_runs": 1}},
        {"settings": {"maxRunning": 0}},
        {"settings": {"maxRunning": True}},
        {"settings": {"maxRunning": "3"}},
        {"settings": {"allowPrivateAddresses": True}},
        {"settings": {"allow_private_addresses": False}},
        {"settings": {"forbidSelfApproval": 1}},
        {"settings": {"ignoreRobotsTxt": "yes"}},
        {"settings": {"upkeep": {"keep_hours": 1}}},
        {"settings": {"upkeep": {"keep_hours": 9_000}}},
        {"settings": {"upkeep": {"compact": 1}}},
        {"settings": {"upkeep": {"tables": {"sales": {"compact": True}}}}},
        {"settings": {"upkeep": {"tables": {"gold.sales": {"keep": 1}}}}},
    ],
)
async def test_a_setting_that_is_none_is_refused(api: httpx2.AsyncClient, body: dict[str, Any]) -> None:
    assert (await api.patch(ORGANISATION, json=body)).status_code == 422


async def test_a_setting_that_a_stranger_wrote_stays(api: httpx2.AsyncClient, gateway: Gateway, team: Team) -> None:
    await gateway.pool.execute("""UPDATE organisations SET settings = '{"later": 1}' WHERE id = $1""", team.org_id)
    await api.patch(ORGANISATION, json={"settings": {"maxRunning": 2}})
    stored = await gateway.pool.fetchval("SELECT settings FROM organisations WHERE id = $1", team.org_id)
    assert stored == {"later": 1, "max_running": 2}


async def test_a_setting_counts_for_the_very_next_run(api: httpx2.AsyncClient) -> None:
    async def waits_for() -> str:
        body = {"kind": "dlt_extract", "definition": {"source": "noop"}}
        status: str = (await api.post("/api/v1/action-runs", json=body)).json()["displayStatus"]
        return status

    assert await waits_for() == "waiting_for_worker"
    await api.patch(ORGANISATION, json={"settings": {"maxRunning": 1}})
    assert await waits_for() == "waiting_for_limit"
    await api.patch(ORGANISATION, json={"settings": {"maxRunning": None}})
    assert await waits_for() == "waiting_for_worker"


async def test_the_operator_may_keep_a_setting_to_himself(
    web: httpx2.AsyncClient, app: FastAPI, gateway: Gateway, team: Team
) -> None:
    object.__setattr__(
        gateway, "settings", gateway.settings.model_copy(update={"operator_settings": "forbid_self_approval"})
    )
    web.headers.update(team.headers())
    answer = await web.patch(ORGANISATION, json={"settings": {"forbidSelfApproval": True}})
    assert answer.status_code == 403
    assert answer.json()["detail"][0]["loc"] == ["body", "settings", "forbid_self_approval"]
    same = {"settings": {"forbidSelfApproval": False, "maxRunning": 5}}
    assert (await web.patch(ORGANISATION, json=same)).status_code == 200


# Users --------------------------------------------------------------------------------------------------------------


async def test_a_user_is_added_shown_changed_and_found(api: httpx2.AsyncClient) -> None:
    bob = await add(api, "Bob@Example.com", firstName="Bob", lastName="Builder", password=PASSWORD)
    assert (bob["email"], bob["role"], bob["hasPassword"]) == ("bob@example.com", "viewer", True)
    assert PASSWORD not in str(bob)
    path = f"{USERS}/{bob['id']}"
    assert (await api.get(path)).json() == bob

    changed = (await api.patch(path, json={"role": "operator", "lastName": None})).json()
    assert changed == bob | {"role": "operator", "lastName": None}
    assert (await api.patch(path, json={"password": None})).json() == changed | {"hasPassword": False}

    async def emails(query: str = "") -> list[str]:
        answer = (await api.get(f"{USERS}?{query}")).json()
        MembersShape.model_validate(answer)
        return [member["email"] for member in answer["members"]]

    assert await emails() == ["ada@acme.example", "bob@example.com"]
    assert await emails("q=BOB") == ["bob@example.com"]
    assert await emails("q=lovelace") == ["ada@acme.example"]
    assert await emails("role=operator,viewer") == ["bob@example.com"]
    assert await emails("limit=1&offset=1") == ["bob@example.com"]
    assert (await api.get(f"{USERS}?role=king")).status_code == 422


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"email": "no address"}, "email"),
        ({"email": "a@b@c"}, "email"),
        ({"email": "bob@example..com"}, "email"),
        ({"email": "\N{KELVIN SIGN}ate@example.com"}, "email"),
        ({"email": "x" * 65 + "@example.com"}, "email"),
        ({"email": None}, "email"),
        ({"role": "owner"}, "role"),
        ({"role": None}, "role"),
        ({"password": "short"}, "password"),
        ({"password": "x" * 257}, "password"),
        ({"password": "aaaaaaaaaaaaaaa"}, "password"),
        ({"password": "bob@example.com"}, "password"),
        ({"firstName": ""}, "firstName"),
        ({"hasPassword": True}, "hasPassword"),
    ],
)
async def test_a_bad_user_is_refused(api: httpx2.AsyncClient, fields: dict[str, Any], field: str) -> None:
    answer = await api.post(USERS, json={"email": "bob@example.com", "role": "viewer"} | fields)
    assert answer.status_code == 422, answer.text
    assert {detail["loc"][1] for detail in answer.json()["detail"]} == {field}
    assert "aaaaaaa" not in answer.text


async def test_a_user_is_in_an_organisation_once(api: httpx2.AsyncClient) -> None:
    await add(api)
    answer = await api.post(USERS, json={"email": "BOB@example.com", "role": "admin"})
    assert answer.status_code == 409
    assert answer.json()["detail"][0]["loc"] == ["body", "email"]


async def test_a_removed_user_is_out_at_once_and_keeps_the_name(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient, gateway: Gateway, team: Team
) -> None:
    bob = await add(api, role="operator", firstName="Bob", password=PASSWORD)
    token = (await web.post("/api/v1/session", json={"email": bob["email"], "password": PASSWORD})).json()["token"]
    web.cookies.clear()
    bearer = {"Authorization": f"Bearer {token}"}
    key = (await web.post("/api/v1/api-keys", json={"name": "k", "role": "viewer"}, headers=bearer)).json()["key"]
    made = await web.post("/api/v1/actions", json={"kind": "dlt_extract", "name": "bob's"}, headers=bearer)
    assert made.status_code == 201

    assert (await api.delete(f"{USERS}/{bob['id']}")).status_code == 204
    for headers in (bearer, {"X-API-Key": key}):
        assert (await web.get("/api/v1/me", headers=headers)).status_code == 401
    signing_in = await web.post("/api/v1/session", json={"email": bob["email"], "password": PASSWORD})
    assert signing_in.status_code == 401
    assert (await api.get(f"{USERS}/{bob['id']}")).status_code == 404
    assert (await api.delete(f"{USERS}/{bob['id']}")).status_code == 404
    assert (await api.get("/api/v1/actions")).json()["users"][bob["id"]]["firstName"] == "Bob"

    again = await add(api, role="viewer")
    assert again | {"createdAt": bob["createdAt"]} == bob | {"role": "viewer", "firstName": None, "hasPassword": False}
    for headers in (bearer, {"X-API-Key": key}):
        assert (await web.get("/api/v1/me", headers=headers)).status_code == 401


async def test_the_last_administrator_stays(api: httpx2.AsyncClient, team: Team) -> None:
    me = f"{USERS}/{team.user_id}"
    assert (await api.delete(me)).status_code == 409
    assert (await api.patch(me, json={"role": "viewer"})).status_code == 409
    assert (await api.patch(me, json={"role": "admin", "firstName": "Augusta"})).status_code == 200

    await add(api, role="admin")
    assert (await api.patch(me, json={"role": "viewer"})).status_code == 200
    assert (await api.patch(me, json={"role": "admin"})).status_code == 403


async def test_a_role_that_is_taken_away_is_gone_at_once(api: httpx2.AsyncClient, web: httpx2.AsyncClient) -> None:
    bob = await add(api, role="admin", password=PASSWORD)
    token = (await web.post("/api/v1/session", json={"email": bob["email"], "password": PASSWORD})).json()["token"]
    web.cookies.clear()
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await web.patch(ORGANISATION, json={"name": "Bob's"}, headers=bearer)).status_code == 200
    assert (await api.patch(f"{USERS}/{bob['id']}", json={"role": "viewer"})).status_code == 200
    assert (await web.patch(ORGANISATION, json={"name": "Bob's"}, headers=bearer)).status_code == 403


async def test_an_administrator_has_no_power_over_what_another_organisation_knows(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient, gateway: Gateway
) -> None:
    bob = await add(api, role="admin", firstName="Bob", password=PASSWORD)
    other = await make_team(gateway.engine, "other")
    web.headers.update(other.headers())
    theirs = await add(web, role="viewer", firstName="Robert", password="another password!")

    await web.patch(f"{USERS}/{theirs['id']}", json={"password": "a third password!", "firstName": "R."})
    assert (await api.get(f"{USERS}/{bob['id']}")).json() == bob
    del web.headers["X-API-Key"]

    async def signs_in(password: str, organisation: str | None) -> int:
        body = {"email": bob["email"], "password": password, "organisation": organisation}
        answer = await web.post("/api/v1/session", json=body)
        web.cookies.clear()
        return answer.status_code

    assert await signs_in(PASSWORD, "acme") == 201
    assert await signs_in("a third password!", "acme") == 401
    assert await signs_in("a third password!", "other") == 201
    assert await signs_in(PASSWORD, None) == 201


async def test_another_organisations_user_is_not_there(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient, gateway: Gateway, team: Team
) -> None:
    other = await make_team(gateway.engine, "other")
    for user_id in (team.user_id, uuid7(), UUID(int=0)):
        path = f"{USERS}/{user_id}"
        assert (await web.get(path, headers=other.headers())).status_code == 404
        assert (await web.patch(path, json={"role": "viewer"}, headers=other.headers())).status_code == 404
        assert (await web.delete(path, headers=other.headers())).status_code == 404
    listed = (await web.get(USERS, headers=other.headers())).json()
    assert [member["email"] for member in listed["members"]] == ["ada@other.example"]
    assert (await web.get(ORGANISATION, headers=other.headers(Role.VIEWER))).json()["slug"] == "other"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("operator_settings", "max_runing"),
        ("operator_settings", "max_running,name"),
        ("allowed_origins", "foo"),
        ("allowed_origins", "https://a.example,https://b.example/path"),
        ("allowed_origins", "ftp://a.example"),
        ("public_url", "foo"),
        ("admin_token", "short"),
    ],
)
def test_a_wrong_setting_of_the_gateway_is_refused_by_its_name(settings: Settings, name: str, wrong: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(**settings.model_dump() | {name: wrong})
    assert [fault["loc"] for fault in refused.value.errors()] == [(name,)]
