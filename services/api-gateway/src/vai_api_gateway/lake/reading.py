"""The content of a dataset: its first rows, the profile of a column, and the whole table as a file.

Another process reads the table (`vai_worker.reading`), only the requested part. The gateway passes its output on.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Viewer
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, InDigits, answer
from vai_api_gateway.http.edge import HEAD
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import Json, Shape
from vai_api_gateway.http.streaming import Visit
from vai_api_gateway.lake.routes import get
from vai_api_gateway.lake.shapes import ColumnShape
from vai_api_gateway.problems import Problem, conflict
from vai_common.batcher import Overloaded
from vai_records.lake import manifest
from vai_records.refused import refused
from vai_worker.reading.desk import Busy, CannotRead
from vai_worker.reading.request import Request as Reading
from vai_worker.reading.request import What

router = APIRouter(prefix="/api/v1/datasets", tags=["Datasets"], route_class=JsonRoute, responses=PROBLEMS)

MOST_ROWS = 1_000

Version = Annotated[int | None, Query(ge=0, le=2**53, description="An earlier version, of silver and gold"), InDigits]
Rows = Annotated[int, Query(ge=1, le=MOST_ROWS), InDigits]
Column = Annotated[str, Query(min_length=1, max_length=255, description="A column's name")]

_MEDIA = {"parquet": "application/vnd.apache.parquet", "csv": "text/csv"}
FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The table as a file",
        "content": {
            _MEDIA["parquet"]: {"schema": {"type": "string", "format": "binary"}, "example": "PAR1…"},
            _MEDIA["csv"]: {"schema": {"type": "string"}, "example": "id,amount\n1,12.50\n"},
        },
    }
}


class PreviewShape(Shape):
    """Rows as objects. DECIMAL, times and the like are text; `cut`: a value, or a row, was too long to be shown."""

    columns: list[ColumnShape]
    rows: list[Json]
    cut: bool


class FrequentShape(Shape):
    value: str
    rows: int


class ProfileShape(Shape):
    """`distinct` and `quartiles` are estimates. `mostFrequent` is null where nearly all values are different."""

    column: str
    type: str
    rows: int
    nulls: int
    distinct: int
    min: str | None
    max: str | None
    mean: float | None
    quartiles: list[float] | None
    most_frequent: list[FrequentShape] | None


@router.get("/{dataset}/preview", response_model=PreviewShape, summary="Get the first rows of a dataset")
async def preview_dataset(
    request: Request, principal: Viewer, dataset: str, rows: Rows = 20, version: Version = None
) -> Response:
    """In no order. No more is read than is shown."""
    gateway = gateway_of(request)
    wanted = await _wanted(gateway, principal, dataset, "preview", version)
    if _is_blank(wanted):
        return answer({"columns": [], "rows": [], "cut": False})
    return answer(await _looked(gateway, Reading(**wanted, rows=rows)))


@router.get("/{dataset}/profile", response_model=ProfileShape, summary="Get the profile of a dataset's column")
async def profile_column(
    request: Request, principal: Viewer, dataset: str, column: Column, version: Version = None
) -> Response:
    """Smallest and greatest value, NULLs, different values, the most frequent ones. Only this column is read."""
    gateway = gateway_of(request)
    wanted = await _wanted(gateway, principal, dataset, "profile", version)
    if _is_blank(wanted):
        raise refused(("query", "column"), "the dataset has no columns yet")
    return answer(await _looked(gateway, Reading(**wanted, column=column)))


@router.get(
    "/{dataset}/download",
    response_class=StreamingResponse,
    responses=FILE,
    summary="Download a dataset",
)
async def download_dataset(
    request: Request,
    principal: Viewer,
    dataset: str,
    format: Annotated[Literal["parquet", "csv"], Query()] = "parquet",
    version: Version = None,
) -> Response:
    """The whole table, sent while it is read. An answer that breaks off is not whole: ask again."""
    gateway = gateway_of(request)
    wanted = await _wanted(gateway, principal, dataset, format, version)
    if _is_blank(wanted):
        raise conflict("the dataset has no columns yet, so there is nothing to download: run what writes it first")
    headers = {"Content-Disposition": f'attachment; filename="{wanted["dataset"]}.{format}"'}
    media = _MEDIA[format]
    if request.scope.get(HEAD):
        return Response(media_type=media, headers=headers)
    pieces = gateway.desk_of_tables.download(Reading(**wanted))
    try:
        first = await anext(pieces, b"")
    except (Busy, CannotRead) as error:
        raise _problem(error) from None
    return StreamingResponse(_sent(Visit(gateway, request), first, pieces), media_type=media, headers=headers)


async def _sent(visit: Visit, first: bytes, pieces: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    try:
        yield first
        async for piece in pieces:
            if not await visit.goes_on():
                raise ConnectionAbortedError("the credential, or the time of a stream, is over")
            yield piece
    finally:
        await pieces.aclose()


async def _looked(gateway: Gateway, wanted: Reading) -> Json:
    try:
        return await gateway.desk_of_tables.look(wanted)
    except (Busy, CannotRead) as error:
        raise _problem(error) from None


async def _wanted(gateway: Gateway, principal: Principal, dataset: str, what: What, version: int | None) -> Json:
    """The table's place, in the form of a reading's request. Raises `Problem` 404, and `Refused` for a version that
    cannot exist.
    """
    row = await get(gateway, principal, dataset)
    if row["layer"] == "bronze" and version is not None:
        raise refused(("query", "version"), "a table of bronze has no versions; leave it out")
    wanted: Json = {
        "what": what,
        "lake_url": gateway.settings.lake_url,
        "org_id": str(principal.org_id),
        "dataset": row["name"],
        "columns": row["columns"],
        "version": version,
    }
    if row["layer"] == "bronze":
        wanted["files"] = [each.path for each in await manifest.visible_files(gateway.pool, row["id"])]
    elif row["row_count"] or any(each["type"] != "NULL" for each in row["columns"]):
        wanted |= {"location": row["location"], "columns": [each for each in row["columns"] if each["type"] == "NULL"]}
    elif version is not None:
        raise refused(("query", "version"), "the table has no versions yet; leave it out")
    return wanted


def _is_blank(wanted: Json) -> bool:
    return not wanted.get("files") and wanted.get("location") is None and not wanted["columns"]


def _problem(error: Busy | CannotRead) -> Exception:
    if isinstance(error, Busy):
        return Overloaded()
    if error.word == "column":
        return Problem(422, "unknown_column", str(error), ("query", "column"))
    if error.word == "gone":
        return Problem(404, "gone", str(error))
    if error.word == "too_large":
        return Problem(422, "too_large", str(error))
    return Problem(503, "lake_unavailable", str(error), (), {"Retry-After": "5"})
