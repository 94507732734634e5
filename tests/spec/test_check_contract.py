"""The check finds what it is there to find, and nothing in a document that keeps the contract."""

import copy
from typing import Any

import pytest
from jsonschema import FormatChecker  # type: ignore[import-untyped]

from tests.spec.check_contract import CONTRACT, SCHEMAS, faults_in_answer, faults_in_document, faults_in_exchange

RUN_ID = "497f6eca-6276-4993-bfeb-53cbbbba6f08"
RUN_PATH = "/api/v1/action-runs/{run_id}"

RUN: dict[str, Any] = dict.fromkeys(SCHEMAS["run"]["properties"]) | {
    "createdAt": "2026-01-22T14:30:00Z",
    "updatedAt": "2026-01-22T14:30:00Z",
    "definition": {},
    "displayStatus": "pending",
    "id": RUN_ID,
    "interruptCount": 0,
    "kind": "dlt_extract",
    "retryCount": 0,
    "status": "pending",
    "triggerMethod": "api",
}


def _translated(schema: Any) -> Any:
    """A schema of the contract as an OpenAPI document writes it."""
    if isinstance(schema, list):
        return [_translated(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value.replace("#/schemas/", "#/components/schemas/") if key == "$ref" else _translated(value)
        for key, value in schema.items()
    }


def _parameters(endpoint: dict[str, Any]) -> list[dict[str, Any]]:
    path = [part[1:-1] for part in endpoint["path"].split("/") if part.startswith("{")]
    return [
        *(
            {"in": "path", "name": name, "required": True, "schema": {"type": "string", "format": "uuid"}}
            for name in path
        ),
        *({"in": "query", "name": name, "schema": rule} for name, rule in endpoint.get("query", {}).items()),
        *({"in": "header", "name": name, "schema": {"type": "string"}} for name in CONTRACT["headers"]),
        *({"in": "cookie", "name": name, "schema": {"type": "string"}} for name in CONTRACT["cookies"]),
    ]


def _body(endpoint: dict[str, Any]) -> dict[str, Any]:
    known = {
        "kind": SCHEMAS["run"]["properties"]["kind"],
        "name": {"type": "string", "maxLength": CONTRACT["nameMaxLength"]},
    }
    properties = {field: known.get(field, {}) for field in endpoint["body"]["fields"]}
    schema = {"type": "object", "properties": properties, "required": endpoint["body"]["required"]}
    return {"content": {"application/json": {"schema": schema}}}


def _answer(name: str | None) -> dict[str, Any]:
    if name is None:
        return {}
    if name == "text/event-stream":
        return {"content": {name: {}}}
    return {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}}


def _operation(endpoint: dict[str, Any]) -> dict[str, Any]:
    answers = {str(code): _answer(None if code == 204 else endpoint.get("answer")) for code in endpoint["status"]}
    operation = {"parameters": _parameters(endpoint), "responses": {**answers, "422": _answer("problem")}}
    return operation | ({"requestBody": _body(endpoint)} if "body" in endpoint else {})


@pytest.fixture
def document() -> dict[str, Any]:
    """An OpenAPI document that keeps the contract to the letter."""
    paths: dict[str, Any] = {}
    for endpoint in CONTRACT["endpoints"]:
        paths.setdefault(endpoint["path"], {})[endpoint["method"]] = copy.deepcopy(_operation(endpoint))
    return {"openapi": "3.1.0", "paths": paths, "components": {"schemas": _translated(copy.deepcopy(SCHEMAS))}}


def _run_schema(document: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = document["components"]["schemas"]["run"]["properties"]
    return properties


def test_a_document_that_keeps_the_contract_has_no_faults(document: dict[str, Any]) -> None:
    assert faults_in_document(document) == []


def test_a_missing_operation_is_named(document: dict[str, Any]) -> None:
    del document["paths"][RUN_PATH]["delete"]
    assert faults_in_document(document) == [f"DELETE {RUN_PATH}: is missing"]


def test_a_key_that_is_missing_deep_in_a_list_is_named(document: dict[str, Any]) -> None:
    del _run_schema(document)["displayStatus"]
    assert "GET /api/v1/action-runs: runs.runs[].displayStatus: is missing" in faults_in_document(document)


def test_a_key_that_may_be_null_and_is_not_said_to_be_is_named(document: dict[str, Any]) -> None:
    _run_schema(document)["startedAt"] = {"type": "string", "format": "date-time"}
    assert f"GET {RUN_PATH}: run.startedAt: refuses null" in faults_in_document(document)


def test_a_key_of_another_type_is_named(document: dict[str, Any]) -> None:
    _run_schema(document)["retryCount"] = {"type": "string"}
    assert f"GET {RUN_PATH}: run.retryCount: refuses 7" in faults_in_document(document)


def test_a_word_too_few_and_a_word_too_many_are_named(document: dict[str, Any]) -> None:
    _run_schema(document)["status"] = {"type": "string", "enum": ["pending", "no such word"]}
    faults = faults_in_document(document)
    assert f'GET {RUN_PATH}: run.status: refuses "rejected"' in faults
    assert f'GET {RUN_PATH}: run.status: allows "no such word"' in faults


def test_a_union_with_null_is_read_as_one_schema(document: dict[str, Any]) -> None:
    _run_schema(document)["error"] = {"anyOf": [{"$ref": "#/components/schemas/error"}, {"type": "null"}]}
    document["components"]["schemas"]["error"] = {"type": "object", "required": ["code"]}
    assert faults_in_document(document) == []


def test_a_limit_of_another_size_is_named(document: dict[str, Any]) -> None:
    parameters = document["paths"]["/api/v1/action-runs"]["get"]["parameters"]
    next(p for p in parameters if p["name"] == "limit")["schema"] = {"type": "integer", "default": 50, "maximum": 1000}
    assert faults_in_document(document) == [
        "GET /api/v1/action-runs: limit: default 50, wants 100",
        "GET /api/v1/action-runs: limit: allows 0",
        "GET /api/v1/action-runs: limit: allows 101",
    ]


def test_a_demanded_header_is_named(document: dict[str, Any]) -> None:
    parameters = document["paths"][RUN_PATH]["get"]["parameters"]
    next(p for p in parameters if p["name"] == "X-API-Key")["required"] = True
    assert faults_in_document(document) == [
        f"GET {RUN_PATH}: header parameter X-API-Key: is demanded, and the contract demands none"
    ]


def test_credentials_may_be_security_schemes(document: dict[str, Any]) -> None:
    document["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "cookie": {"type": "apiKey", "in": "cookie", "name": "vai_token"},
    }
    operation = document["paths"][RUN_PATH]["get"]
    operation["parameters"] = operation["parameters"][:1]
    assert len(faults_in_document(document)) == 3
    operation["security"] = [{"bearer": []}, {"key": []}, {"cookie": []}]
    assert faults_in_document(document) == []


def test_a_name_without_a_bound_is_named(document: dict[str, Any]) -> None:
    body = document["paths"]["/api/v1/actions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    body["properties"]["name"] = {"type": "string"}
    assert faults_in_document(document) == ["POST /api/v1/actions: body.name: allows 256 characters"]


def test_another_status_for_success_is_named(document: dict[str, Any]) -> None:
    responses = document["paths"][RUN_PATH]["delete"]["responses"]
    responses["200"] = responses.pop("204")
    assert faults_in_document(document) == [f"DELETE {RUN_PATH}: succeeds with [200], wants [204]"]


def test_a_live_run_that_keeps_the_contract_has_no_faults() -> None:
    assert faults_in_answer("run", RUN) == []


def test_a_live_run_with_a_bad_date_has_a_fault() -> None:
    assert faults_in_answer("run", RUN | {"startedAt": "yesterday"}) == [
        "$.startedAt: 'yesterday' is not a 'date-time'"
    ]


def test_an_exchange_is_held_against_its_endpoint() -> None:
    path = f"/api/v1/action-runs/{RUN_ID}"
    assert faults_in_exchange("GET", path, 200, RUN) == []
    assert faults_in_exchange("GET", path, 201, RUN) == ["status 201, wants [200]"]
    assert faults_in_exchange("DELETE", path, 204, None) == []
    assert faults_in_exchange("GET", "/api/v1/nothing", 200, {}) == ["GET /api/v1/nothing is not in the contract"]


def test_an_error_has_the_documented_body_and_nothing_more() -> None:
    fault = {"loc": ["body", "kind"], "msg": "unknown kind", "type": "enum"}
    assert faults_in_exchange("POST", "/api/v1/action-runs", 422, {"detail": [fault]}) == []
    assert faults_in_exchange("POST", "/api/v1/action-runs", 422, {"detail": [fault | {"input": "secret"}]})


def _formats(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(_formats, schema))
    if not isinstance(schema, dict):
        return set()
    own = {schema["format"]} if isinstance(schema.get("format"), str) else set()
    return own.union(*map(_formats, schema.values()))


def test_every_format_of_the_contract_is_one_that_is_checked() -> None:
    assert _formats(SCHEMAS) == {"uuid", "date-time"}
    assert _formats(SCHEMAS) <= FormatChecker().checkers.keys()
