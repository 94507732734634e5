"""Versions of an automation: listed, read, compared, and back to an earlier one."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.automations.shapes import AutomationShape
from vai_api_gateway.automations.versions import AutomationVersionsShape, DifferenceShape, WholeAutomationVersionShape
from vai_api_gateway.gateway import Gateway
from vai_records.people.people import Role
from vai_testkit.team import Team

AUTOMATIONS = "/api/v1/automations"
Json = dict[str, Any]


def load(rows: int = 1) -> Json:
    return {"key": "load", "kind": "dlt_extract", "definition": {"source": "sample", "rows": rows}}


def call(token: str | Json) -> Json:
    definition = {"url": "https://api.example.com/x", "method": "POST", "headers": {"Authorization": token}}
    return {"key": "call", "kind": "http_request", "definition": definition}


async def make(api: httpx2.AsyncClient, *steps: Json, **parts: Any) -> Json:
    answer = await api.post(AUTOMATIONS, json={"name": "Nightly", "steps": list(steps)} | parts)
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


async def patched(api: httpx2.AsyncClient, made: Json, **parts: Any) -> Json:
    answer = await api.patch(f"{AUTOMATIONS}/{made['id']}", json=parts)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def versions(api: httpx2.AsyncClient, made: Json, **query: int) -> list[Json]:
    answer = await api.get(f"{AUTOMATIONS}/{made['id']}/versions", params=query)
    assert answer.status_code == 200, answer.text
    AutomationVersionsShape.model_validate(answer.json())
    found: list[Json] = answer.json()["versions"]
    return found


async def compared(api: httpx2.AsyncClient, made: Json, version_id: str, **query: str) -> Json:
    answer = await api.get(f"{AUTOMATIONS}/{made['id']}/versions/{version_id}/difference", params=query)
    assert answer.status_code == 200, answer.text
    DifferenceShape.model_validate(answer.json())
    found: Json = answer.json()
    return found


async def restored(api: httpx2.AsyncClient, made: Json, version_id: str, status: int = 200) -> Json:
    answer = await api.post(f"{AUTOMATIONS}/{made['id']}/versions/{version_id}/restore")
    assert answer.status_code == status, answer.text
    if status == 200:
        AutomationShape.model_validate(answer.json())
    found: Json = answer.json()
    return found


async def test_each_change_of_the_contents_is_a_version(api: httpx2.AsyncClient, team: Team) -> None:
    made = await make(api, load(1))
    second = await patched(api, made, steps=[load(2), {**load(3), "key": "more"}], max_parallel=5)
    await patched(api, made, name="Other", trigger={"type": "schedule", "schedule": "0 6 * * *"}, labels={"a": "b"})
    found = await versions(api, made)
    assert [(one["number"], one["isCurrent"], one["stepCount"]) for one in found] == [(2, True, 2), (1, False, 1)]
    assert [one["id"] for one in found] == [second["versionId"], made["versionId"]]
    assert found[0]["createdBy"] == str(team.user_id)
    assert await versions(api, made, limit=1, offset=1) == found[1:]
    assert await versions(api, made, offset=2) == []
    one = (await api.get(f"{AUTOMATIONS}/{made['id']}/versions/{made['versionId']}")).json()
    WholeAutomationVersionShape.model_validate(one)
    assert (one["steps"], one["inputs"], one["max_parallel"]) == (made["steps"], {}, 3)
    assert (one["number"], one["error"]) == (1, None)


async def test_a_difference_names_the_places(api: httpx2.AsyncClient) -> None:
    made = await make(api, load(1), inputs={"day": {"type": "string"}})
    steps = [load(2), {**load(3), "key": "more", "depends_on": ["load"]}]
    second = await patched(api, made, steps=steps, inputs={"day": {"type": "string", "default": "1"}})
    found = await compared(api, made, second["versionId"])
    assert (found["base"]["number"], found["version"]["number"], found["truncated"]) == (1, 2, False)
    told = {".".join(map(str, one["place"])): (one["change"], one["before"], one["after"]) for one in found["changes"]}
    assert told.pop("steps.more")[:2] == ("added", None)
    assert told == {
        "inputs.day.default": ("changed", None, "1"),
        "steps.load.definition.rows": ("changed", 1, 2),
        "order of steps": ("changed", ["load"], ["load", "more"]),
    }
    back = await compared(api, made, made["versionId"], base=second["versionId"])
    assert ("removed", ["steps", "more"]) in [(one["change"], one["place"]) for one in back["changes"]]
    assert (await compared(api, made, second["versionId"], base=second["versionId"]))["changes"] == []
    first = await compared(api, made, made["versionId"])
    assert (first["base"], first["changes"][0]["change"]) == (None, "added")


async def test_a_secret_is_compared_and_restored_and_never_shown(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    made = await make(api, call("Bearer hunter2"))
    second = await patched(api, made, steps=[call("Bearer swordfish")])
    found = await compared(api, made, second["versionId"])
    ((place, before, after),) = [(one["place"], one["before"], one["after"]) for one in found["changes"]]
    assert (place[:2], before) == (["steps", "call"], after)
    back = await restored(api, made, made["versionId"])
    row = await gateway.pool.fetchrow("SELECT * FROM automation_versions WHERE id = $1", UUID(back["versionId"]))
    assert "hunter2" in str(gateway.keyring.decrypt_json(row["secrets"], row["org_id"], row["id"]))
    texts = [str(found), str(back), str(await versions(api, made)), str(row["definition"])]
    assert [word for word in ("hunter2", "swordfish") if any(word in text for text in texts)] == []
    kept = await patched(api, made, steps=[call({"secret": True}), load()])
    more = await compared(api, made, kept["versionId"])
    assert {tuple(one["place"]) for one in more["changes"]} == {("steps", "load"), ("order of steps",)}


async def test_to_restore_makes_a_new_version_once(api: httpx2.AsyncClient) -> None:
    made = await make(api, load(1), labels={"a": "b"})
    await patched(api, made, steps=[load(2)], name="Other", max_parallel=1)
    back = await restored(api, made, made["versionId"])
    assert (back["steps"], back["max_parallel"]) == (made["steps"], 3)
    assert (back["name"], back["labels"]) == ("Other", {"a": "b"})
    again = await restored(api, made, made["versionId"])
    assert again["versionId"] == back["versionId"]
    assert [one["number"] for one in await versions(api, made)] == [3, 2, 1]
    path = f"{AUTOMATIONS}/{made['id']}/versions/{made['versionId']}/restore"
    await patched(api, made, steps=[load(4)])
    assert (await api.post(path, headers={"If-Match": '"1"'})).status_code == 412


async def test_what_would_not_work_any_more_is_not_restored(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    body = {"kind": "dlt_extract", "name": "Saved", "slug": "saved", "definition": {"source": "noop"}}
    action = (await api.post("/api/v1/actions", json=body)).json()
    made = await make(api, {"key": "load", "action": {"action_id": action["id"]}})
    await patched(api, made, steps=[load()])
    await api.delete(f"/api/v1/actions/{action['id']}")
    assert action["id"] in str(await restored(api, made, made["versionId"], 409))
    text = "UPDATE automation_versions SET definition = $2 WHERE id = $1"
    await gateway.pool.execute(text, UUID(made["versionId"]), {"steps": 3})
    assert "cannot be restored" in str(await restored(api, made, made["versionId"], 409))
    one = (await api.get(f"{AUTOMATIONS}/{made['id']}/versions/{made['versionId']}")).json()
    WholeAutomationVersionShape.model_validate(one)
    assert (one["steps"], one["error"] is None) == ([], False)
    assert [one["stepCount"] for one in await versions(api, made)] == [1, 0]
    await compared(api, made, made["versionId"])


async def test_versions_are_of_the_automation_and_of_its_organisation(
    api: httpx2.AsyncClient, other_api: httpx2.AsyncClient, team: Team
) -> None:
    made, other = await make(api, load()), await make(api, load(), slug="other")
    stranger = await make(other_api, load())
    path = f"{AUTOMATIONS}/{made['id']}/versions"
    for version_id in ("019a9b4e-7c1d-7e3f-8a51-2f0d6f3c9e99", other["versionId"], stranger["versionId"]):
        for answer in (
            await api.get(f"{path}/{version_id}"),
            await api.get(f"{path}/{version_id}/difference"),
            await api.get(f"{path}/{made['versionId']}/difference", params={"base": version_id}),
            await api.post(f"{path}/{version_id}/restore"),
        ):
            assert answer.status_code == 404
    for each in ("", f"/{made['versionId']}", f"/{made['versionId']}/difference"):
        assert (await other_api.get(path + each)).status_code == 404
    viewer = team.headers(Role.VIEWER)
    assert (await api.get(path, headers=viewer)).status_code == 200
    assert (await api.post(f"{path}/{made['versionId']}/restore", headers=viewer)).status_code == 403


@pytest.mark.parametrize("name", ["x", "1", "latest"])
async def test_a_version_is_named_by_its_id(api: httpx2.AsyncClient, name: str) -> None:
    made = await make(api, load())
    assert (await api.get(f"{AUTOMATIONS}/{made['id']}/versions/{name}")).status_code == 422
