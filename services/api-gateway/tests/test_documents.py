from typing import get_args

import httpx2
from fastapi import FastAPI

from api_gateway import shapes
from records.kinds import KINDS
from records.lifecycle import Status


def test_the_shapes_know_every_kind_and_status() -> None:
    assert set(get_args(shapes.KindName)) == set(KINDS)
    assert set(get_args(shapes.StatusName)) == set(Status)


def test_every_operation_says_how_one_comes_in_and_how_it_fails(app: FastAPI) -> None:
    document = app.openapi()
    schemes = document["components"]["securitySchemes"]
    assert {scheme["name"].lower() for scheme in schemes.values()} == {"x-api-key", "authorization", "vai_token"}
    assert document["security"] == [{name: []} for name in schemes]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert operation["summary"], (method, path)
            assert operation["tags"], (method, path)
            for code in ("401", "403", "404", "409", "413", "422", "503"):
                (content,) = operation["responses"][code]["content"].values()
                assert content["schema"]["$ref"].endswith("/ProblemBody"), (method, path, code)


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
    assert "loop_failures" in (await web.get("/metrics")).text
