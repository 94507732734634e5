"""/api/v1/kinds and /api/v1/templates: what can be run, and what an action may begin with (document 000)."""

from functools import cache
from typing import Any

from fastapi import APIRouter, Request, Response

from vai_api_gateway.auth.roles import Viewer
from vai_api_gateway.gateway import gateway_of
from vai_api_gateway.http.answers import PROBLEMS, answer
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import Json, KindName, Shape
from vai_records.definitions import definition_schema
from vai_records.definitions.kinds import KINDS, Kind, Mode
from vai_records.definitions.presets import PRESETS

router = APIRouter(prefix="/api/v1", tags=["Kinds"], route_class=JsonRoute, responses=PROBLEMS)


class KindShape(Shape):
    """`available`: this version can run it. `alive`: a worker for it lives at the moment; without one, runs wait."""

    name: KindName
    mode: Mode
    category: str
    description: str
    service: str
    available: bool
    alive: bool
    definition_schema: Json | None


class KindsShape(Shape):
    kinds: list[KindShape]


class TemplateShape(Shape):
    """A definition on which an action's own is put. `templateId` gives its `name`."""

    name: str
    kind: KindName
    description: str
    definition: Json


class TemplatesShape(Shape):
    templates: list[TemplateShape]


@router.get("/kinds", response_model=KindsShape, summary="List the kinds of work")
async def list_kinds(request: Request, _principal: Viewer) -> Response:
    """All fifteen. One that is still to come is not `available`, and a run of it is refused with 422."""
    alive = gateway_of(request).fleet.kinds
    return answer({"kinds": [_kind_json(kind, kind.name in alive) for kind in KINDS.values()]})


@router.get("/templates", response_model=TemplatesShape, summary="List the templates of actions")
async def list_templates(_principal: Viewer) -> Response:
    """What `templateId` of an action may name; every kind's own name is its empty template."""
    return answer({"templates": [vars(preset) for preset in PRESETS.values()]})


def _kind_json(kind: Kind, alive: bool) -> Json:
    return {
        "name": kind.name,
        "mode": kind.mode,
        "category": kind.category,
        "description": kind.description,
        "service": kind.service,
        "available": kind.available,
        "alive": kind.available and alive,
        "definitionSchema": _schema(kind.name) if kind.available else None,
    }


@cache
def _schema(kind: str) -> dict[str, Any]:
    return definition_schema(kind)
