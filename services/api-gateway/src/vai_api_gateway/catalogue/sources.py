"""/api/v1/sources: what `dlt_extract` can extract from, and what each source wants to be told."""

from functools import cache
from typing import Literal

from fastapi import APIRouter, Response

from vai_api_gateway.auth.roles import Viewer
from vai_api_gateway.http.answers import PROBLEMS, answer
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import Json, Shape
from vai_api_gateway.problems import not_found
from vai_records.definitions.dlt_extract import COMING
from vai_records.definitions.source_types import ResourceType, SourceType, source_types

router = APIRouter(prefix="/api/v1", tags=["Sources"], route_class=JsonRoute, responses=PROBLEMS)


class ResourceTypeShape(Shape):
    """A table that a source has by itself. `cursor`: the column by which only what is new is fetched.

    `slice_days`: how much time a slice takes; null: the table is read as a whole. `seconds_between_requests`: the pace
    that is kept. `columns`: the types that the vendor documents.
    """

    name: str
    size: Literal["XS", "S", "M", "L", "XL"]
    cursor: str | None
    primary_key: list[str]
    description: str
    slice_days: float | None
    seconds_between_requests: float
    columns: dict[str, str]


class SourceShape(Shape):
    """`available`: this version can extract from it. `package`: the Python package that it comes from; null: ours.

    `resources` are empty where the definition names them.
    """

    name: str
    title: str
    description: str
    available: bool
    package: str | None
    takes_connection: bool
    resources: list[ResourceTypeShape]


class SourceDetailShape(SourceShape):
    """With the JSON Schemas of a definition, and of a connection's `config` and `credentials`."""

    definition_schema: Json | None
    config_schema: Json | None
    credentials_schema: Json | None


class SourcesShape(Shape):
    sources: list[SourceShape]


@router.get("/sources", response_model=SourcesShape, summary="List the sources of extractions")
async def list_sources(_principal: Viewer) -> Response:
    """Also those that are still to come: they are not `available`, and a run that names one is refused with 422."""
    ours = [_source_json(source) for source in source_types().values()]
    return answer({"sources": [*ours, *(_coming_json(name) for name in COMING if name not in source_types())]})


@router.get("/sources/{name}", response_model=SourceDetailShape, summary="Get a source and its schemas")
async def get_source(_principal: Viewer, name: str) -> Response:
    """With what a definition of it may say, and what its connection may hold, as JSON Schema (2020-12)."""
    if found := source_types().get(name):
        return answer(_source_json(found) | _schemas(name))
    if name in COMING:
        none = dict.fromkeys(("definitionSchema", "configSchema", "credentialsSchema"))
        return answer(_coming_json(name) | none)
    raise not_found("source")


def _source_json(source: SourceType) -> Json:
    return {
        "name": source.name,
        "title": source.title,
        "description": source.description,
        "available": True,
        "package": source.package or None,
        "takesConnection": source.credentials is not None,
        "resources": [_resource_json(source, one) for one in source.resources],
    }


def _resource_json(source: SourceType, one: ResourceType) -> Json:
    return {
        "name": one.name,
        "size": one.size,
        "cursor": one.cursor,
        "primaryKey": list(one.primary_key),
        "description": one.description,
        "sliceDays": one.slicing and one.slicing.days,
        "secondsBetweenRequests": source.pace_of(one),
        "columns": dict(one.columns),
    }


def _coming_json(name: str) -> Json:
    return {
        "name": name,
        "title": name,
        "description": "Still to come: an action that names it can be saved, and not run yet.",
        "available": False,
        "package": None,
        "takesConnection": True,
        "resources": [],
    }


@cache
def _schemas(name: str) -> Json:
    source = source_types()[name]
    return {
        "definitionSchema": source.model.model_json_schema(),
        "configSchema": source.config,
        "credentialsSchema": source.credentials,
    }
