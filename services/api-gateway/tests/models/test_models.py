"""Providers of models as connections: what they need, whether they answer, which models there are, at which price."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.models.routes import ModelsShape
from vai_common.egress.addresses import Policy
from vai_records.models import usage
from vai_testkit.servers.models.script import Turn
from vai_testkit.servers.models.server import KEY, ModelServer, serving_models
from vai_testkit.team import Team, make_team

PROVIDERS = ["openai", "anthropic", "google", "openai_compatible"]


@pytest.fixture
def provider() -> Iterator[ModelServer]:
    with serving_models() as server:
        yield server


@pytest.fixture(autouse=True)
def reaches_loopback(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(gateway.settings), "addresses", property(lambda self: Policy.parse("loopback")))


async def connect(
    api: httpx2.AsyncClient, provider: ModelServer, name: str = "openai", key: str = KEY, **config: Any
) -> httpx2.Response:
    body = {"name": "here", "slug": "here", "provider": name, "credentials": {"api_key": key} if key else None}
    return await api.post("/api/v1/connections", json=body | {"config": {"base_url": f"{provider.url}/v1"} | config})


async def tried(api: httpx2.AsyncClient, made: httpx2.Response) -> dict[str, Any]:
    found: dict[str, Any] = (await api.post(f"/api/v1/connections/{made.json()['id']}/test")).json()
    return found


async def set_models(api: httpx2.AsyncClient, **models: Any) -> httpx2.Response:
    return await api.patch("/api/v1/organisation", json={"settings": {"models": models}})


@pytest.mark.parametrize("name", PROVIDERS)
async def test_the_test_of_a_connection_asks_for_one_token(
    api: httpx2.AsyncClient, provider: ModelServer, name: str
) -> None:
    found = await tried(api, await connect(api, provider, name, test_model="scripted-1"))
    assert (found["ok"], found["checked"]) == (True, ["address", "credentials"])
    [asked] = provider.asked
    limits = {"max_tokens", "max_completion_tokens", "max_output_tokens"} & asked.body.keys()
    assert [asked.body[limit] for limit in limits] in ([1], [16])


async def test_without_a_model_the_test_asks_which_there_are(api: httpx2.AsyncClient, provider: ModelServer) -> None:
    found = await tried(api, await connect(api, provider))
    assert "has 2 models and took the key; set config.test_model" in found["message"]


async def test_the_default_model_is_the_one_that_is_tried(api: httpx2.AsyncClient, provider: ModelServer) -> None:
    made = await connect(api, provider)
    await set_models(api, default="here/scripted-2")
    await tried(api, made)
    assert [asked.model for asked in provider.asked] == ["scripted-2"]


@pytest.mark.parametrize(
    ("turn", "code"),
    [
        (Turn(status=429), "RATE_LIMITED"),
        (Turn(status=503), "CONNECTION_ERROR"),
        (Turn(status=400, message="No."), "DATA_ERROR"),
        (Turn(raw=b"<html>"), "DATA_ERROR"),
    ],
)
async def test_what_is_wrong_with_a_provider_is_said(
    api: httpx2.AsyncClient, provider: ModelServer, turn: Turn, code: str
) -> None:
    provider.says = lambda asked: turn
    found = await tried(api, await connect(api, provider, test_model="scripted-1"))
    assert (found["ok"], found["error"]["code"]) == (False, code)


async def test_a_revoked_key_and_a_wrong_model_are_said(api: httpx2.AsyncClient, provider: ModelServer) -> None:
    made = await connect(api, provider, key="sk-revoked-123456", test_model="scripted-1")
    found = await tried(api, made)
    assert found["error"]["code"] == "AUTH_ERROR"
    assert "sk-revoked-123456" not in str(found)
    shown = (await api.get(f"/api/v1/connections/{made.json()['id']}")).json()
    assert (shown["status"], shown["lastError"]["code"]) == ("error", "AUTH_ERROR")


@pytest.mark.parametrize(
    ("name", "config", "credentials", "words"),
    [
        ("openai_compatible", {}, {}, "give the address of the API"),
        ("openai", {"api": "soap"}, {"api_key": "k"}, "openai speaks responses or chat"),
        ("anthropic", {"api": "chat"}, {"api_key": "k"}, "anthropic speaks messages"),
        ("openai", {"models": "gpt"}, {"api_key": "k"}, "a list of at most 200 names"),
        ("openai", {}, {"username": "a", "password": "b"}, "openai needs an api_key"),
    ],
)
async def test_a_connection_that_could_not_work_is_refused(
    api: httpx2.AsyncClient, name: str, config: dict[str, Any], credentials: dict[str, Any], words: str
) -> None:
    body = {"name": "here", "provider": name, "config": config, "credentials": credentials}
    answer = await api.post("/api/v1/connections", json=body)
    assert answer.status_code == 422
    assert words in answer.text


async def test_models_are_listed_with_what_they_cost(api: httpx2.AsyncClient, provider: ModelServer) -> None:
    provider.models = ["gpt-4o-mini", "scripted-1"]
    await connect(api, provider)
    price = {"input_per_million": 3, "output_per_million": 15}
    await set_models(api, default="here/scripted-1", allowed=["here/scripted-*"], prices={"here/scripted-1": price})
    answer = await api.get("/api/v1/models")
    ModelsShape.model_validate(answer.json())
    found = {one["model"]: one for one in answer.json()["models"]}
    assert answer.json()["default"] == "here/scripted-1"
    assert [(one["allowed"], one["isDefault"]) for one in found.values()] == [(False, False), (True, True)]
    assert found["gpt-4o-mini"]["price"] == {"inputPerMillion": 0.15, "outputPerMillion": 0.6, "source": "table"}
    assert found["scripted-1"]["price"] == {"inputPerMillion": 3, "outputPerMillion": 15, "source": "settings"}


async def test_a_provider_that_does_not_answer_is_told_beside_the_others(
    api: httpx2.AsyncClient, provider: ModelServer
) -> None:
    await connect(api, provider, key="sk-revoked")
    named = {"name": "named", "slug": "named", "provider": "openai_compatible"}
    config = {"base_url": "http://127.0.0.1:9/v1", "models": ["one"]}
    await api.post("/api/v1/connections", json=named | {"config": config})
    answer = (await api.get("/api/v1/models")).json()
    assert [one["name"] for one in answer["models"]] == ["named/one"]
    errors = {one["slug"]: one["error"] and one["error"]["code"] for one in answer["connections"]}
    assert errors == {"here": "AUTH_ERROR", "named": None}


async def test_the_day_is_told_with_what_is_left(api: httpx2.AsyncClient) -> None:
    await set_models(api, tokens_per_day=1_000)
    today = (await api.get("/api/v1/models")).json()["today"]
    assert today == {"tokens": 0, "dollars": 0, "tokensLeft": 1_000, "dollarsLeft": None}


@pytest.mark.parametrize(
    "models",
    [{"default": "no-slash"}, {"tokens_per_day": 0}, {"money_per_day": "5"}, {"prices": {"a/b": {}}}, {"limit": 1}],
)
async def test_settings_that_mean_nothing_are_refused(api: httpx2.AsyncClient, models: dict[str, Any]) -> None:
    assert (await set_models(api, **models)).status_code == 422


async def test_another_organisation_sees_its_own_models_alone(
    api: httpx2.AsyncClient, app: FastAPI, gateway: Gateway, provider: ModelServer
) -> None:
    await connect(api, provider)
    others = await make_team(gateway.engine, "others")
    answer = await api.get("/api/v1/models", headers=others.headers())
    assert (answer.json()["models"], answer.json()["connections"]) == ([], [])


async def test_a_question_is_refused_where_the_day_is_used_up(
    api: httpx2.AsyncClient, gateway: Gateway, provider: ModelServer, team: Team
) -> None:
    await connect(api, provider)
    await set_models(api, default="here/scripted-1", tokens_per_day=100)
    await usage.add(gateway.pool, team.org_id, "here/scripted-1", 90, 10, 0.0)
    body = {"kind": "generate_query", "definition": {"question": "How many orders are there?"}}
    refused = await api.post("/api/v1/action-runs", json=body)
    [detail] = refused.json()["detail"]
    assert (refused.status_code, detail["type"]) == (429, "day_used_up")
    assert "0 tokens left" in detail["msg"]
    assert 0 < int(refused.headers["retry-after"]) <= 86_400
    batch = await api.post("/api/v1/action-runs/batch", json={"runs": [body]})
    assert [one["status"] for one in batch.json()["results"]] == [429]
    given = {"kind": "generate_query", "definition": {"sql": "SELECT 1"}}
    assert (await api.post("/api/v1/action-runs", json=given, headers={"Prefer": "respond-async"})).status_code == 201


async def test_tables_of_a_database_need_its_connection(api: httpx2.AsyncClient) -> None:
    body: dict[str, Any] = {"kind": "explain_schema", "definition": {"tables": ["orders"]}}
    refused = await api.post("/api/v1/action-runs", json=body)
    [detail] = refused.json()["detail"]
    assert (refused.status_code, detail["loc"]) == (422, ["body", "definition", "tables"])
    assert "name its connection" in detail["msg"]


TILES = [
    {"key": "words", "type": "text", "text": "Orders."},
    {"key": "n", "type": "number", "question": "How many orders are there?"},
]


async def test_a_tile_with_a_question_needs_a_model_and_says_what_to_set(
    api: httpx2.AsyncClient, provider: ModelServer
) -> None:
    body: dict[str, Any] = {"kind": "create_flashboard", "definition": {"title": "Orders", "tiles": TILES}}
    refused = await api.post("/api/v1/action-runs", json=body)
    [detail] = refused.json()["detail"]
    assert (refused.status_code, detail["type"], detail["loc"]) == (
        422, "no_model", ["body", "definition", "tiles", 1, "question"],
    )  # fmt: skip
    assert "settings.models.default" in detail["msg"]
    body["definition"]["model"] = "gone/x"
    [detail] = (await api.post("/api/v1/action-runs", json=body)).json()["detail"]
    assert (detail["loc"], "no connection 'gone'" in detail["msg"]) == (["body", "definition", "model"], True)
    await connect(api, provider)
    body["definition"]["model"] = "here/scripted-1"
    made = await api.post("/api/v1/action-runs", json=body, headers={"Prefer": "respond-async"})
    assert made.status_code == 201, made.text


@pytest.mark.parametrize(
    ("tile", "told"),
    [
        ({"type": "number"}, "give sql, or a question"),
        ({"type": "number", "sql": "SELECT 1", "question": "How many?"}, "not both"),
        ({"type": "number", "question": " "}, "question"),
        ({"type": "number", "question": "x" * 4_001}, "4000"),
        ({"type": "chart", "spec": {"mark": "bar"}, "question": "How many?"}, "a spec names columns"),
        ({"type": "text", "text": "x", "question": "How many?"}, "question"),
        ({"type": "number", "sql": "SELECT 1"}, "a model is for a question"),
    ],
)
async def test_a_tile_has_sql_or_a_question(api: httpx2.AsyncClient, tile: dict[str, Any], told: str) -> None:
    definition = {"title": "Orders", "model": "here/scripted-1", "tiles": [{"key": "n"} | tile]}
    refused = await api.post("/api/v1/action-runs", json={"kind": "create_flashboard", "definition": definition})
    assert (refused.status_code, told in refused.text) == (422, True), refused.text


async def test_a_flashboard_of_a_question_needs_a_model_and_says_what_to_set(
    api: httpx2.AsyncClient, provider: ModelServer
) -> None:
    body: dict[str, Any] = {"kind": "create_flashboard", "definition": {"question": "How does the shop do?"}}
    refused = await api.post("/api/v1/action-runs", json=body)
    [detail] = refused.json()["detail"]
    assert (refused.status_code, detail["type"], detail["loc"]) == (
        422, "no_model", ["body", "definition", "question"],
    )  # fmt: skip
    assert "settings.models.default" in detail["msg"]
    await connect(api, provider)
    body["definition"]["model"] = "here/scripted-1"
    made = await api.post("/api/v1/action-runs", json=body, headers={"Prefer": "respond-async"})
    assert made.status_code == 201, made.text


@pytest.mark.parametrize(
    ("definition", "told"),
    [
        ({"title": "x"}, "give tiles, or a question"),
        ({"title": "x", "tiles": []}, "at least 1"),
        ({"tiles": TILES[:1]}, "give a title"),
        ({"question": "How?", "tiles": TILES[:1]}, "give the one or the other"),
        ({"question": "How?", "layout": [["words"]]}, "give the one or the other"),
        ({"question": "x" * 4_001}, "4000"),
        ({"question": " "}, "question"),
    ],
)
async def test_a_flashboard_has_tiles_or_a_question(
    api: httpx2.AsyncClient, definition: dict[str, Any], told: str
) -> None:
    refused = await api.post("/api/v1/action-runs", json={"kind": "create_flashboard", "definition": definition})
    assert (refused.status_code, told in refused.text) == (422, True), refused.text
