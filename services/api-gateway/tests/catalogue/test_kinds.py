import httpx2
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from vai_api_gateway.catalogue.kinds import KindsShape, TemplatesShape
from vai_api_gateway.gateway import Gateway
from vai_common.ids import uuid7
from vai_records.definitions.kinds import AGENT_ONLY, KINDS
from vai_records.definitions.presets import PRESETS

REGISTER = """
INSERT INTO processes (id, service, kinds, address, http_address, host, pid, lock_key)
VALUES ($1, $2, $3, '127.0.0.1:1', '127.0.0.1:2', 'here', 1, 1)
"""


async def test_all_fifteen_kinds_are_listed(api: httpx2.AsyncClient) -> None:
    answer = await api.get("/api/v1/kinds")
    KindsShape.model_validate(answer.json())
    found = {kind["name"]: kind for kind in answer.json()["kinds"]}
    assert found.keys() == KINDS.keys()
    extract = found["dlt_extract"]
    assert (extract["mode"], extract["category"]) == ("ASYNC_QUEUE", "Data Syncs")
    assert (extract["service"], extract["available"], extract["alive"]) == ("extract-worker", True, False)
    assert found["http_request"]["mode"] == "SYNC"


async def test_a_kind_is_alive_while_a_worker_for_it_lives(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    await gateway.pool.execute(REGISTER, uuid7(), "extract-worker", ["dlt_extract", "file_sync"])
    await gateway.fleet.look_once()
    found = {kind["name"]: kind for kind in (await api.get("/api/v1/kinds")).json()["kinds"]}
    assert [name for name, kind in found.items() if kind["alive"]] == ["dlt_extract", "file_sync"]


@pytest.mark.parametrize(
    ("kind", "definition", "good"),
    [
        ("dlt_extract", {"source": "noop"}, True),
        ("dlt_extract", {"source": "sample", "rows": 10}, True),
        ("dlt_extract", {"source": "nowhere"}, False),
        ("dlt_extract", {}, False),
        ("http_request", {"url": "https://example.com", "method": "GET"}, True),
        ("http_request", {"url": "https://example.com", "method": "BREW"}, False),
        ("duckdb_transform", {"sql": "SELECT 1", "transform_name": "t"}, True),
        ("approval_gate", {}, True),
        ("approval_gate", {"approval_timeout_seconds": -1}, False),
    ],
)
async def test_the_schema_of_a_kind_says_what_its_definition_may_be(
    api: httpx2.AsyncClient, kind: str, definition: dict[str, object], good: bool
) -> None:
    found = {one["name"]: one["definitionSchema"] for one in (await api.get("/api/v1/kinds")).json()["kinds"]}
    Draft202012Validator.check_schema(found[kind])
    assert Draft202012Validator(found[kind]).is_valid(definition) is good


async def test_a_kind_to_come_is_listed_as_not_available_and_refused(api: httpx2.AsyncClient) -> None:
    found = (await api.get("/api/v1/kinds")).json()["kinds"]
    to_come = [kind for kind in found if not kind["available"]]
    assert [kind["name"] for kind in to_come] == [kind.name for kind in KINDS.values() if not kind.available]
    for kind in to_come:
        assert kind["definitionSchema"] is None
        answer = await api.post("/api/v1/action-runs", json={"kind": kind["name"]})
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "kind"])


async def test_a_kind_without_a_living_worker_waits_for_one(api: httpx2.AsyncClient) -> None:
    body = {"kind": "dlt_extract", "definition": {"source": "noop"}}
    assert (await api.post("/api/v1/action-runs", json=body)).json()["displayStatus"] == "waiting_for_worker"


async def test_templates_are_what_an_action_may_begin_with(api: httpx2.AsyncClient) -> None:
    answer = await api.get("/api/v1/templates")
    TemplatesShape.model_validate(answer.json())
    templates = answer.json()["templates"]
    assert {template["name"] for template in templates} == set(PRESETS)
    for template in templates:
        body = {"kind": template["kind"], "name": template["name"], "templateId": template["name"]}
        answer = await api.post("/api/v1/actions", json=body)
        if template["kind"] in AGENT_ONLY:
            assert answer.json()["detail"][0]["type"] == "agent_only"
        else:
            assert answer.status_code == 201, answer.text
