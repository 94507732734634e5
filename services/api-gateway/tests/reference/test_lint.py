"""What a linter of OpenAPI asks of the document, and what is said of values: as narrow as what is taken."""

import json
import re
from collections.abc import Iterator
from typing import Any, get_args

import httpx2
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]

from tests.architecture.test_citations import section
from vai_api_gateway.automations import shapes as automation_shapes
from vai_api_gateway.http import shapes

Json = dict[str, Any]

ANY_WORD = {"provider", "label", "names"}
"""Array parameters whose words are free."""


@pytest.fixture
def document(app: FastAPI) -> Json:
    return app.openapi()


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def nodes(value: Any, place: str = "") -> Iterator[tuple[str, Json]]:
    """Every object of the document with its place, without those within examples."""
    if isinstance(value, dict):
        yield place, value
        for key, inner in value.items():
            if key not in ("example", "examples", "default", "enum", "const"):
                yield from nodes(inner, f"{place}/{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from nodes(inner, f"{place}/{number}")


def test_the_document_says_who_made_it_and_under_which_licence(document: Json) -> None:
    info = document["info"]
    assert info["license"] == {"name": "Apache License 2.0", "identifier": "Apache-2.0"}
    assert info["contact"]["name"]
    assert info["title"]
    assert info["version"]
    assert info["description"]
    assert document["openapi"].startswith("3.1")
    assert all(server["url"] for server in document["servers"])


ACTS_ON_WHAT_IS_THERE = {"approve", "cancel", "execute", "pause", "reject", "resume", "stop"}
"""The last words of routes that answer a run that was there before: to repeat them starts nothing."""


def test_whatever_starts_a_run_takes_an_idempotency_key(document: Json) -> None:
    starts = {
        path: [each.get("name") for each in operation.get("parameters", [])]
        for method, path, operation in operations(document)
        if method == "post" and path.rpartition("/")[2] not in ACTS_ON_WHAT_IS_THERE
        for code, said in operation["responses"].items()
        if code.startswith("2") and re.search(r"/\w*(Run|Bulk|Batch|Message)Shape\"", json.dumps(said))
    }
    assert len(starts) >= 9
    assert [path for path, names in starts.items() if "Idempotency-Key" not in names] == []


def test_no_name_of_a_schema_is_that_of_anothers_constructor(document: Json) -> None:
    """Go's generator makes `NewRun` for `Run`: a schema of that name does not compile beside it."""
    names = document["components"]["schemas"].keys()
    assert [name for name in names if f"New{name}" in names] == []


def test_every_reference_leads_somewhere_and_every_schema_is_used(document: Json) -> None:
    named = {node["$ref"] for _, node in nodes(document) if isinstance(node.get("$ref"), str)}
    mapped = {
        target
        for _, node in nodes(document)
        for target in (node.get("discriminator") or {}).get("mapping", {}).values()
        if isinstance(node.get("discriminator"), dict)
    }
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert named | mapped == known


def test_every_parameter_of_a_path_is_declared_and_every_parameter_once(document: Json) -> None:
    for method, path, operation in operations(document):
        there = [(each["in"], each["name"]) for each in operation.get("parameters", ())]
        assert len(there) == len(set(there)), (method, path)
        assert {name for place, name in there if place == "path"} == set(re.findall(r"\{(\w+)\}", path)), (method, path)
        assert not path.endswith("/"), path
        assert "requestBody" not in operation or method != "get", path
        assert any(code[0] in "23" for code in operation["responses"]), (method, path)
        assert all(answer["description"] for answer in operation["responses"].values()), (method, path)
        assert len(operation["tags"]) == 1, (method, path)


def test_enums_and_arrays_are_whole(document: Json) -> None:
    for place, node in nodes(document):
        if isinstance(node.get("enum"), list):
            assert len(set(map(json.dumps, node["enum"]))) == len(node["enum"]) > 0, place
        if node.get("type") == "array":
            assert "items" in node or "prefixItems" in node, place
        if isinstance(node.get("required"), list):
            assert set(node["required"]) <= set(node.get("properties", node["required"])), place


def test_every_example_fits_its_schema_with_its_formats_and_holds_no_variable(document: Json) -> None:
    for method, path, operation in operations(document):
        holders = [*operation["responses"].items(), ("body", operation.get("requestBody", {}))]
        for code, holder in holders:
            for media, content in holder.get("content", {}).items():
                if "example" not in content:
                    continue
                where = (method, path, code)
                assert not re.search(r"\$[A-Z]", json.dumps(content["example"])), where
                if media == "application/json":
                    schema = content["schema"] | {"components": document["components"]}
                    checker = Draft202012Validator(schema, format_checker=FormatChecker())
                    assert [fault.message for fault in checker.iter_errors(content["example"])] == [], where
                else:
                    assert isinstance(content["example"], str), where
                    assert content["schema"].get("type") == "string", where


def fields_of_changes(document: Json) -> Iterator[tuple[str, str, Json]]:
    for method, path, operation in operations(document):
        if method == "patch":
            name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            for field, schema in document["components"]["schemas"][name]["properties"].items():
                yield path, field, schema


async def test_null_is_offered_where_it_is_taken_and_nowhere_else(document: Json, api: httpx2.AsyncClient) -> None:
    seen = set()
    for path, field, schema in fields_of_changes(document):
        url = re.sub(r"\{\w+\}", "00000000-0000-7000-8000-000000000000", path)
        answer = await api.patch(url, json={field: None})
        offered = {"type": "null"} in schema.get("anyOf", ()) or schema.get("type") == "null"
        refused = answer.status_code == 422 and "cannot be null" in answer.text
        assert offered is not refused, (path, field, answer.text)
        assert "default" not in schema or offered, (path, field)
        seen.add(refused)
    assert seen == {True, False}


async def test_the_words_of_a_filter_are_listed_and_no_other_is_taken(document: Json, api: httpx2.AsyncClient) -> None:
    found = 0
    for method, path, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            whole = parameter["schema"]
            (array,) = [each for each in whole.get("anyOf", [whole]) if each.get("type") == "array"] or [None]
            is_filter = method == "get" and parameter["in"] == "query" and not path.endswith("/stream")
            if not is_filter or array is None or parameter["name"] in ANY_WORD:
                continue
            found += 1
            url = re.sub(r"\{\w+\}", "00000000-0000-7000-8000-000000000000", path)
            listed = array["items"]["enum"]
            answer = await api.get(url, params={parameter["name"]: [",".join(listed), str(listed[0]).upper()]})
            assert answer.status_code != 422, (path, parameter["name"], answer.text)
            wrong = await api.get(url, params={parameter["name"]: "nonsense"})
            assert wrong.status_code == 422, (path, parameter["name"])
    assert found > 10


def test_the_display_statuses_are_those_of_the_decision() -> None:
    told = re.split(r"\n\*Why\*|Claiming", section("decision", "17"))[0].replace("`completed_with_warnings`", "")
    words = set(re.findall(r"`(\w+)`", told)) - {"displayStatus"}
    of_runs, statuses = set(get_args(shapes.DisplayStatus)), set(get_args(shapes.StatusName))
    of_automations = set(get_args(automation_shapes.DisplayStatus))
    assert of_runs - statuses == words - {"filtered", "skipped"}
    assert of_automations - set(get_args(automation_shapes.RunStatus)) == {
        "scheduled",
        "queued",
        "cancelling",
        "filtered",
        "skipped",
    }


def test_the_words_for_triggers_are_those_of_the_decision() -> None:
    told = section("decision", "10").partition("*Why*")[0].replace("\n", " ")
    methods, _, sources = told.partition("`triggerSourceType`")
    assert set(re.findall(r"\w+", methods.partition(" is ")[2])) - {"or"} == set(get_args(shapes.TriggerMethod))
    assert set(re.findall(r"\w+", sources.partition(" is ")[2])) - {"or"} == set(get_args(shapes.TriggerSourceType))
