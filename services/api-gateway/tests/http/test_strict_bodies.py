"""Bodies are read strictly: no type is taken for another, every fault names its place, and the answer has a bound."""

import re
from typing import Any

import httpx2
import pytest
from pydantic import BaseModel, ValidationError

from vai_api_gateway.http.shapes import Body
from vai_api_gateway.problems import MOST_FAULTS
from vai_api_gateway.runs.batch import BatchBody
from vai_testkit import strictness
from vai_testkit.team import Team

Json = dict[str, Any]

NAMES = ("name", "first_name", "last_name")
BODIES = [model for model in strictness.models("vai_api_gateway") if model not in (Body, BatchBody)]


@pytest.mark.parametrize("model", BODIES, ids=lambda model: model.__qualname__)
def test_no_body_takes_a_value_of_another_type(model: type[BaseModel]) -> None:
    assert strictness.cast_fields(model) == []


@pytest.mark.parametrize("model", BODIES, ids=lambda model: model.__qualname__)
def test_every_field_of_a_body_has_a_bound(model: type[BaseModel]) -> None:
    assert strictness.unbounded_fields(model) == []


@pytest.mark.parametrize("blank", [" ", "\t\n", "\u00a0\u2003"])
def test_no_name_is_blank(blank: str) -> None:
    named = [(model, name) for model in BODIES for name in model.model_fields if name in NAMES]
    assert len(named) > 15
    for model, name in named:
        field = model.model_fields[name]
        with pytest.raises(ValidationError) as refused:
            model.model_validate({field.alias or name: blank})
        told = [one["msg"] for one in refused.value.errors() if one["loc"] == (field.alias or name,)]
        assert told, (model, name)


async def test_a_blank_name_is_told_in_words(api: httpx2.AsyncClient) -> None:
    answer = await api.post("/api/v1/actions", json={"kind": "dlt_extract", "name": " "})
    assert [one["msg"] for one in answer.json()["detail"]] == ["must not be blank"]


async def _post(api: httpx2.AsyncClient, path: str, text: str) -> httpx2.Response:
    return await api.post(f"/api/v1/{path}", content=text, headers={"content-type": "application/json"})


async def test_a_value_of_another_type_is_refused_with_its_place_wherever_it_stands(
    api: httpx2.AsyncClient, team: Team
) -> None:
    noop = '{"kind": "dlt_extract", "definition": {"source": "noop", "timeout_seconds": %s}}'
    step = '{"key": "a", "kind": "dlt_extract", "definition": {"source": "noop", "timeout_seconds": %s}}'
    made = (
        await _post(api, "actions", '{"kind": "dlt_extract", "name": "n", "definition": {"source": "noop"}}')
    ).json()
    automation = '{"name": "n", "steps": [%s], "max_parallel": %s, "enabled": %s}'
    good = step % "30"
    cases = [
        *(("action-runs", noop % wrong, "timeout_seconds") for wrong in ('"30"', "true", "[]", "{}", "1e400", "-1")),
        ("action-runs", noop % ("1" + 40 * "0"), "timeout_seconds"),
        ("action-runs", '{"kind": "approval_gate", "definition": {"approval_timeout_seconds": true}}', "approval"),
        ("action-runs", '{"kind": "approval_gate", "definition": {"requires_approval": 1}}', "requires_approval"),
        ("actions", '{"kind": "dlt_extract", "name": "m", "definition": {"requires_approval": "true"}}', "requires"),
        (f"actions/{made['id']}/run", '{"definitionOverrides": {"timeout_seconds": "30"}}', "timeout_seconds"),
        ("automations", automation % (step % '"30"', "3", "true"), "timeout_seconds"),
        ("automations", automation % (good, '"3"', "true"), "max_parallel"),
        ("automations", automation % (good, "true", "true"), "max_parallel"),
        ("automations", automation % (good, "3", '"yes"'), "enabled"),
        ("automations", automation % (good, "12345678901234567890123", "true"), "max_parallel"),
    ]
    for path, text, field in cases:
        answer = await _post(api, path, text)
        assert answer.status_code == 422, (path, text, answer.text)
        assert field in str(answer.json()["detail"][0]["loc"]), (text, answer.text)
    batch = await _post(api, "action-runs/batch", '{"runs": [%s, %s]}' % (noop % "30", noop % '"30"'))  # noqa: UP031
    assert [one["status"] for one in batch.json()["results"]] == [201, 422]


async def test_a_whole_number_is_stored_as_it_was_given(api: httpx2.AsyncClient, team: Team) -> None:
    answer = await _post(
        api, "action-runs", '{"kind": "dlt_extract", "definition": {"source": "noop", "timeout_seconds": 30}}'
    )
    assert re.search(r'"timeout_seconds":30[,}]', answer.text)


async def test_an_answer_of_422_has_a_bound(api: httpx2.AsyncClient, team: Team) -> None:
    many = {f"key-{number}": 1 for number in range(150)}
    answer = await api.post("/api/v1/actions", json={"kind": "dlt_extract", "name": "n", **many})
    detail = answer.json()["detail"]
    assert (answer.status_code, len(detail), detail[-1]["msg"]) == (422, MOST_FAULTS + 1, "and 100 more")
    huge = {f"key-{number}": 1 for number in range(50_000)}
    for body in (huge, {"kind": "dlt_extract", "definition": huge}, {"k" * 500_000: 1}):
        answer = await api.post("/api/v1/action-runs", json=body)
        assert (answer.status_code, len(answer.content) < 20_000) == (422, True)
    answer = await api.post("/api/v1/action-runs/batch", json={"runs": [{"kind": "dlt_extract", **many}] * 200})
    assert (answer.status_code, len(answer.content) < 300_000) == (200, True)
