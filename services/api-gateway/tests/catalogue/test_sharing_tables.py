"""Who saves a second definition that writes a table is told of the first."""

from typing import Any

import httpx2
import pytest

ITEMS = {"source": "rest_api", "base_url": "https://api.example.com", "resources": ["items"]}
TOTALS = {"transform_name": "totals", "sql": "SELECT 1 AS n"}
TRANSFORM, EXTRACT = "duckdb_transform", "dlt_extract"


async def saved(api: httpx2.AsyncClient, kind: str, definition: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await api.post("/api/v1/actions", json={"kind": kind, "name": "One", "definition": definition})
    assert answer.status_code == 201, answer.text
    warnings: list[dict[str, Any]] = answer.json().get("warnings", [])
    return warnings


async def automated(api: httpx2.AsyncClient, kind: str, *definitions: dict[str, Any]) -> list[dict[str, Any]]:
    steps = [{"key": f"s{n}", "action": {"kind": kind, "definition": each}} for n, each in enumerate(definitions)]
    answer = await api.post("/api/v1/automations", json={"name": "All", "steps": steps})
    assert answer.status_code == 201, answer.text
    warnings: list[dict[str, Any]] = answer.json()["warnings"]
    return warnings


@pytest.mark.parametrize(
    ("kind", "first", "second", "table"),
    [
        (TRANSFORM, TOTALS, TOTALS | {"sql": "SELECT 2 AS n"}, "silver.totals"),
        (TRANSFORM, TOTALS, TOTALS | {"output_layer": "silver", "mode": "full_refresh"}, "silver.totals"),
        (TRANSFORM, TOTALS, TOTALS | {"output_layer": "gold"}, None),
        (TRANSFORM, TOTALS, TOTALS | {"transform_name": "other"}, None),
        (EXTRACT, ITEMS, ITEMS, "bronze.rest_api.items"),
        (EXTRACT, ITEMS, ITEMS | {"base_url": "https://other.example.com"}, "bronze.rest_api.items"),
        (EXTRACT, ITEMS, ITEMS | {"resources": [{"name": "x", "table": "items"}]}, "bronze.rest_api.items"),
        (EXTRACT, ITEMS, ITEMS | {"source_name": "shop"}, None),
        (EXTRACT, ITEMS, ITEMS | {"resources": ["orders"]}, None),
        (EXTRACT, {"source": "noop"}, {"source": "noop"}, None),
    ],
)
async def test_who_saves_a_second_definition_of_a_table_is_told_of_the_first(
    api: httpx2.AsyncClient, kind: str, first: dict[str, Any], second: dict[str, Any], table: str | None
) -> None:
    assert await saved(api, kind, first) == []
    warnings = await saved(api, kind, second)
    assert [each["type"] for each in warnings] == ["table_shared"] * (table is not None)
    assert all(f"{table} is written by the action one, too" in each["msg"] for each in warnings)
    told = await automated(api, kind, second, second)
    assert any("the action one, too" in each["msg"] for each in told) == (table is not None)
    again = await saved(api, kind, second)
    assert any("the step s0 of the automation all" in each["msg"] for each in again) == (second != {"source": "noop"})


async def test_a_change_is_told_of_and_what_is_gone_is_not(api: httpx2.AsyncClient) -> None:
    assert await saved(api, TRANSFORM, TOTALS) == []
    other = (
        await api.post("/api/v1/actions", json={"kind": TRANSFORM, "name": "Two", "definition": {"sql": "SELECT 1"}})
    ).json()
    at = f"/api/v1/actions/{other['id']}"
    assert "warnings" not in (await api.patch(at, json={"name": "Two again"})).json()
    changed = (await api.patch(at, json={"definition": TOTALS})).json()
    assert [each["loc"] for each in changed["warnings"]] == [["body", "definition", "transform_name"]]
    first = (await api.get("/api/v1/actions/slug/one")).json()
    assert (await api.delete(f"/api/v1/actions/{first['id']}")).status_code == 204
    assert "warnings" not in (await api.patch(at, json={"definition": TOTALS})).json()
