"""What can be extracted from, as the API tells it."""

import httpx2
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from vai_api_gateway.catalogue import sources
from vai_api_gateway.catalogue.sources import SourceDetailShape, SourcesShape
from vai_records.definitions.source_types import source_types


async def test_every_source_is_listed_also_those_to_come(
    api: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "COMING", ("tomorrow",))
    answer = await api.get("/api/v1/sources")
    SourcesShape.model_validate(answer.json())
    found = {source["name"]: source["available"] for source in answer.json()["sources"]}
    assert found == dict.fromkeys(source_types(), True) | {"tomorrow": False}
    assert (await api.get("/api/v1/sources/tomorrow")).json()["definitionSchema"] is None


async def test_a_source_has_the_schemas_of_what_it_wants_to_be_told(api: httpx2.AsyncClient) -> None:
    for name in source_types():
        found = (await api.get(f"/api/v1/sources/{name}")).json()
        SourceDetailShape.model_validate(found)
        Draft202012Validator.check_schema(found["definitionSchema"])
        assert found["definitionSchema"]["properties"]["source"]["const"] == name
        assert (found["credentialsSchema"] is not None) == found["takesConnection"]
    sample = (await api.get("/api/v1/sources/sample")).json()
    assert [one["size"] for one in sample["resources"]] == ["XS", "S", "M"]


async def test_what_is_no_source_is_not_found(api: httpx2.AsyncClient) -> None:
    assert (await api.get("/api/v1/sources/nothing")).status_code == 404
