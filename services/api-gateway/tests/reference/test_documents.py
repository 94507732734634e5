"""What the gateway says of itself: complete, exact, and pleasant to read."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import httpx2
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from tests.spec.check_contract import faults_in_document
from vai_api_gateway.auth.roles import Open
from vai_api_gateway.http import shapes
from vai_api_gateway.reference import openapi
from vai_api_gateway.reference.examples import EXAMPLES
from vai_records.definitions.kinds import KINDS
from vai_records.lifecycle.transitions import Status
from vai_records.people.people import Role

Json = dict[str, Any]


@pytest.fixture
def document(app: FastAPI) -> Json:
    return app.openapi()


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def test_the_shapes_know_every_kind_and_status() -> None:
    assert set(get_args(shapes.KindName)) == set(KINDS)
    assert set(get_args(shapes.StatusName)) == set(Status)


def test_the_document_keeps_the_contract(document: Json) -> None:
    assert faults_in_document(document) == []


def test_every_operation_says_how_one_comes_in(document: Json) -> None:
    schemes = document["components"]["securitySchemes"]
    assert {scheme["name"].lower() for scheme in schemes.values()} == {"x-api-key", "authorization", "vai_token"}
    assert document["security"] == [{name: []} for name in schemes]


def test_every_operation_has_a_name_of_its_own_and_a_summary(document: Json) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(names) == len(set(names))
    for where, operation in operations(document):
        assert re.fullmatch(r"[A-Z][^.]{3,60}", operation["summary"]), where


def test_every_operation_says_how_it_fails(document: Json) -> None:
    for where, operation in operations(document):
        codes = {code for code in operation["responses"] if code >= "4"}
        assert {"401", "422", "503"} <= codes, where
        # Whether a webhook's path is there is nobody's business who cannot sign for it.
        by_path = "{" in where and "/webhooks/" not in where
        assert ("404" in codes) == (by_path or where.endswith("/invitations/accept")), where
        assert ({"413", "415"} <= codes) == ("requestBody" in operation), where
        if operation["x-role"] in ("operator", "admin"):
            assert "403" in codes, where
        for code in codes:
            (content,) = operation["responses"][code]["content"].values()
            assert content["schema"]["$ref"].endswith("/ProblemBody"), (where, code)


def test_tags_are_in_reading_order_and_so_are_the_operations(document: Json) -> None:
    order = [tag["name"] for tag in document["tags"]]
    met = [operation["tags"][0] for _, operation in operations(document)]
    assert set(met) == set(order)
    assert sorted(met, key=order.index) == met


def test_every_operation_has_an_example(document: Json) -> None:
    assert {operation["operationId"] for _, operation in operations(document)} == set(EXAMPLES)
    for where, operation in operations(document):
        (shown,) = operation["x-codeSamples"]
        assert shown["source"] in operation["description"], where
        assert "$VAI_API_URL" in shown["source"], where


def test_no_two_models_have_one_name(document: Json) -> None:
    """Two classes of one name get their modules' names in the document, and generators make one class of both."""
    assert [name for name in document["components"]["schemas"] if name.startswith("vai_")] == []


def test_every_sample_fits_its_schema(document: Json) -> None:
    for where, operation in operations(document):
        contents = [(f"{where} {code}", answer) for code, answer in operation["responses"].items()]
        for place, holder in [*contents, (f"{where} body", operation.get("requestBody", {}))]:
            for media, content in holder.get("content", {}).items():
                if media != "application/json" or "example" not in content:
                    continue
                schema = content["schema"] | {"components": document["components"]}
                faults = [fault.message for fault in Draft202012Validator(schema).iter_errors(content["example"])]
                assert faults == [], place


def test_every_json_answer_has_a_sample(document: Json) -> None:
    for where, operation in operations(document):
        for code, answer in operation["responses"].items():
            for media, content in answer.get("content", {}).items():
                assert "example" in content, (where, code, media)


def test_every_route_states_its_role(app: FastAPI, document: Json) -> None:
    for method, path, route in openapi.routes_of(app):
        role = openapi.role_of(route)
        assert role is not None, (method, path)
        assert document["paths"][path][method]["x-role"] == (role.value if isinstance(role, Role) else "none")
        if isinstance(role, Open):
            assert role.why


FOR_ADMINISTRATORS = {"/api/v1/system", "/api/v1/audit"}
"""What administrators alone read (decision 72, docs/access.md)."""


def test_a_route_that_only_reads_asks_for_a_viewer_and_one_that_writes_for_more(app: FastAPI) -> None:
    for method, path, route in openapi.routes_of(app):
        role = openapi.role_of(route)
        if isinstance(role, Role) and "/api-keys" not in path and path not in FOR_ADMINISTRATORS:
            is_for_everybody = path.endswith("/me/password")
            assert (method == "get") == (role is Role.VIEWER) or is_for_everybody, (method, path, role)


async def test_the_documentation_needs_no_other_host(web: httpx2.AsyncClient) -> None:
    page = await web.get("/docs")
    assert page.status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"):
        assert f"/docs/static/{name}" in page.text
        assert (await web.get(f"/docs/static/{name}")).status_code == 200
    assert (await web.get("/openapi.json")).json()["paths"]


async def test_health_is_answered_beside_the_api(web: httpx2.AsyncClient) -> None:
    assert (await web.get("/healthz")).status_code == 200
    assert (await web.get("/readyz")).status_code == 503
    assert (await web.get("/metrics")).status_code == 404  # they have a port of their own
