"""Variables and secrets: set, found, deleted; a secret's value never comes out."""

from typing import Any

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.variables.shapes import SecretShape, SecretsShape, VariableShape, VariablesShape
from vai_records.secrets import rotate
from vai_records.secrets.keys import Keyring
from vai_records.variables.store import MOST, MOST_BYTES
from vai_testkit.team import Team

VARS, SECRETS = "/api/v1/variables", "/api/v1/secrets"


@pytest.mark.parametrize("value", ["", "text", 5, 0.5, True, False, [], {}, {"a": [{"b": None}]}])
async def test_any_json_value_is_kept_as_it_is(api: httpx2.AsyncClient, value: Any) -> None:
    body = {"value": value, "description": "What it is"}
    made = await api.put(f"{VARS}/one", json=body)
    assert (made.status_code, made.headers["location"]) == (201, f"{VARS}/one")
    VariableShape.model_validate_json(made.content)
    again = await api.put(f"{VARS}/one", json=body)
    assert (again.status_code, again.json()["value"]) == (200, value)
    found = (await api.get(f"{VARS}/one")).json()
    assert (found["value"], found["description"]) == (value, "What it is")
    listed = await api.get(VARS)
    VariablesShape.model_validate_json(listed.content)
    assert [(one["name"], one["value"]) for one in listed.json()["variables"]] == [("one", value)]


async def test_a_secret_goes_in_and_never_comes_out(api: httpx2.AsyncClient, gateway: Gateway, team: Team) -> None:
    answers = [
        await api.put(f"{SECRETS}/shop", json={"value": "verysecret", "description": "Opens it"}),
        await api.put(f"{SECRETS}/shop", json={"value": "verysecret2"}),
        await api.put(f"{SECRETS}/shop", json={"description": "Still opens it"}),
        await api.get(f"{SECRETS}/shop"),
        await api.get(SECRETS),
    ]
    assert [one.status_code for one in answers] == [201, 200, 200, 200, 200]
    assert "verysecret" not in "".join(one.text for one in answers)
    SecretShape.model_validate_json(answers[3].content)
    SecretsShape.model_validate_json(answers[4].content)
    shown = answers[4].json()
    assert shown["secrets"][0]["updatedBy"] == str(team.user_id)
    assert str(team.user_id) in shown["users"]
    row = await gateway.pool.fetchrow("SELECT * FROM secrets WHERE org_id = $1", team.org_id)
    assert row is not None
    assert b"verysecret" not in row["sealed"]
    assert gateway.keyring.decrypt(row["sealed"], team.org_id, row["id"]) == b"verysecret2"
    assert rotate.PLACES["secrets"] == "sealed"
    assert isinstance(gateway.keyring, Keyring)


WRONG: list[tuple[str, dict[str, Any], str]] = [
    (f"{VARS}/1a", {"value": 1}, "path.name"),
    (f"{VARS}/a.b", {"value": 1}, "path.name"),
    (f"{VARS}/{'a' * 101}", {"value": 1}, "path.name"),
    (f"{VARS}/a", {}, "body.value"),
    (f"{VARS}/a", {"value": None}, "body.value"),
    (f"{VARS}/a", {"value": "x" * MOST_BYTES}, "body.value"),
    (f"{VARS}/a", {"value": 1, "descripton": ""}, "body.descripton"),
    (f"{SECRETS}/a", {"value": "abc"}, "body.value"),
    (f"{SECRETS}/a", {"description": "what for"}, "body.value"),
    (f"{SECRETS}/a", {"value": 12345}, "body.value"),
    (f"{SECRETS}/a", {"value": "verysecret\u0000"}, "body"),
    (f"{SECRETS}/a", {"value": "ü" * (MOST_BYTES - 1)}, "body.value"),
    (f"{SECRETS}/a", {"value": "verysecret", "description": "a\nb"}, "body.description"),
]


@pytest.mark.parametrize(("path", "body", "place"), WRONG)
async def test_bad_input_is_refused_with_its_place(
    api: httpx2.AsyncClient, path: str, body: dict[str, Any], place: str
) -> None:
    answer = await api.put(path, json=body)
    assert answer.status_code == 422
    assert place in [".".join(map(str, one["loc"])) for one in answer.json()["detail"]]
    if path.startswith(SECRETS):
        assert "verysecret" not in answer.text


@pytest.mark.parametrize("path", [VARS, SECRETS])
async def test_there_is_a_most(api: httpx2.AsyncClient, gateway: Gateway, team: Team, path: str) -> None:
    table, column, value = ("variables", "value", "'1'") if path == VARS else ("secrets", "sealed", "'\\x00'")
    text = f"INSERT INTO {table} (id, org_id, name, {column}) SELECT gen_random_uuid(), $1, 'n' || n, {value}"
    await gateway.pool.execute(f"{text} FROM generate_series(1, {MOST}) n", team.org_id)
    assert (await api.put(f"{path}/new", json={"value": "verysecret"})).status_code == 409
    assert (await api.put(f"{path}/n7", json={"value": "verysecret"})).status_code == 200
    assert (await api.delete(f"{path}/n7")).status_code == 204
    assert (await api.put(f"{path}/new", json={"value": "verysecret"})).status_code == 201
    page = (await api.get(f"{path}?q=N99&limit=2&offset=1")).json()
    assert [one["name"] for one in page[table]] == ["n990", "n991"]
    assert (page["total"], page["hasNext"]) == (11, True)


async def test_what_is_named_is_deleted_only_on_purpose(api: httpx2.AsyncClient) -> None:
    await api.put(f"{VARS}/host", json={"value": "a.test"})
    body = {"kind": "http_request", "name": "Call", "definition": {"url": "https://${/vars/host}/a"}}
    assert (await api.post("/api/v1/actions", json=body)).status_code == 201
    refused = await api.delete(f"{VARS}/host")
    assert refused.status_code == 409
    assert "action call" in refused.text
    assert (await api.delete(f"{VARS}/host?force=true")).status_code == 204
    assert (await api.delete(f"{VARS}/host?force=true")).status_code == 404
