"""/api/v1/datasets: the tables of the lake, who wrote them, and where their rows come from and go."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Viewer
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, InDigits, Limit, Offset, answer, one_of, words
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import LONGEST_NAME, Json
from vai_api_gateway.lake.shapes import (
    DatasetDetailShape,
    DatasetsShape,
    LineageShape,
    VersionsShape,
    columns_json,
    dataset_json,
    load_edge,
    read_edge,
    reader_json,
    source_node,
    table_node,
    upkeep_json,
    write_json,
)
from vai_api_gateway.problems import not_found
from vai_common.queries import Row
from vai_records.lake import columns as column_lineage
from vai_records.lake import lineage, shown
from vai_records.lake.shown import LAYERS, DatasetFilters

router = APIRouter(prefix="/api/v1/datasets", tags=["Datasets"], route_class=JsonRoute, responses=PROBLEMS)

LayerWords = Annotated[list[Annotated[str, one_of(LAYERS)]] | None, Query()]

Depth = Annotated[int, Query(ge=1, le=lineage.DEEPEST, description="Steps away from it"), InDigits]


@router.get("", response_model=DatasetsShape, summary="List datasets")
async def list_datasets(
    request: Request,
    principal: Viewer,
    q: Annotated[str | None, Query(max_length=LONGEST_NAME, description="A part of the name")] = None,
    layer: LayerWords = None,
    connection: Annotated[
        str | None, Query(max_length=LONGEST_NAME, description="Tables of bronze that it fills, by id or slug")
    ] = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response:
    """Those written last come first."""
    filters = DatasetFilters(q, words(layer, LAYERS, "layer"), connection)
    rows, total = await shown.list_page(gateway_of(request).pool, principal.org_id, filters, limit, offset)
    return answer(_page("datasets", [dataset_json(row) for row in rows], limit, offset, total))


@router.get("/{dataset}", response_model=DatasetDetailShape, summary="Get a dataset")
async def get_dataset(request: Request, principal: Viewer, dataset: str) -> Response:
    """By its id, or by its name with the layer: `bronze.shop.orders`, `gold.sales`."""
    gateway = gateway_of(request)
    row = await get(gateway, principal, dataset)
    readers = await lineage.readers(gateway.pool, row["id"])
    return answer(
        dataset_json(row)
        | {
            "columns": [{"name": each["name"], "type": each["type"]} for each in row["columns"]],
            "bytes": row["size"],
            "files": row["files"],
            "location": row["location"],
            "readBy": [reader_json(each) for each in readers],
            "upkeep": upkeep_json(row, principal.settings),
        }
    )


@router.get("/{dataset}/versions", response_model=VersionsShape, summary="List what runs wrote into a dataset")
async def list_versions(
    request: Request, principal: Viewer, dataset: str, limit: Limit = 100, offset: Offset = 0
) -> Response:
    """Newest first; the last 1,000 writes are kept. A version can be read for a day after the next one, or as
    long as the organisation keeps it (`upkeep`)."""
    gateway = gateway_of(request)
    row = await get(gateway, principal, dataset)
    rows, total = await shown.history(gateway.pool, row["id"], limit, offset)
    return answer(_page("versions", [write_json(each) for each in rows], limit, offset, total))


@router.get("/{dataset}/lineage", response_model=LineageShape, summary="Get the lineage of a dataset")
async def get_lineage(
    request: Request,
    principal: Viewer,
    dataset: str,
    direction: Annotated[lineage.Direction, Query(description="Where its rows come from, or where they go")] = "both",
    depth: Depth = 5,
    columns: Annotated[bool, Query(description="Which columns come from which, too")] = False,
    column: Annotated[
        str | None,
        Query(
            min_length=1, max_length=255, description="Pairs of columns that lead to this column of it, or come from it"
        ),
    ] = None,
) -> Response:
    """Tables and sources as nodes, and as edges the last run that carried rows from one to the other.

    With `columns` or `column`, `columns` are pairs of columns. `unknownColumns` are those whose sources are not known.
    """
    gateway = gateway_of(request)
    row = await get(gateway, principal, dataset)
    found = await lineage.graph(gateway.pool, row["id"], direction, depth)
    ways = column_lineage.Ways()
    if columns or column is not None:
        ways = await _column_ways(gateway, row, found, direction, depth, column)
    sources = {node["id"]: node for node in map(source_node, found.loads)}
    return answer(
        {
            "nodes": [*map(table_node, found.tables), *sources.values()],
            "edges": [*map(read_edge, found.reads), *map(load_edge, found.loads)],
            "complete": found.is_whole and ways.is_whole,
        }
        | (columns_json(ways) if columns or column is not None else {"columns": None, "unknownColumns": None})
    )


async def _column_ways(
    gateway: Gateway, row: Row, found: lineage.Graph, direction: lineage.Direction, depth: int, column: str | None
) -> column_lineage.Ways:
    if column is None:
        return await column_lineage.between(gateway.pool, [each["id"] for each in found.tables])
    if column.lower() not in {each["name"].lower() for each in row["columns"]}:
        raise not_found("column")
    ways = ["upstream", "downstream"] if direction == "both" else [direction]
    return await column_lineage.along(gateway.pool, row["id"], column, ways, depth)


async def get(gateway: Gateway, principal: Principal, dataset: str) -> Row:
    """The table by id or name. Raises `Problem` 404, also for one of another organisation."""
    row = await shown.get(gateway.pool, principal.org_id, dataset)
    if row is None:
        raise not_found("dataset")
    return row


def _page(name: str, items: list[Json], limit: int, offset: int, total: int) -> dict[str, Any]:
    return {
        name: items,
        "hasNext": offset + len(items) < total,
        "limit": limit,
        "offset": offset,
        "total": total,
    }
