"""/api/v1/artifacts: the files that runs keep in the lake, and addresses from which they are downloaded for a time."""

from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Body, FastAPI, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from vai_api_gateway.auth.link_tokens import linked_to, token_of
from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Operator, Viewer
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, Limit, Offset, answer
from vai_api_gateway.http.edge import HEAD
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import LONGEST_NAME, Json, Shape
from vai_api_gateway.http.shapes import Body as BodyShape
from vai_api_gateway.http.streaming import Visit
from vai_api_gateway.problems import Problem, not_found
from vai_common.batcher import Overloaded
from vai_common.clock import now, steady_seconds
from vai_common.queries import Row
from vai_records.lake import artifacts
from vai_records.lake.artifacts import ArtifactFilters
from vai_worker.reading.desk import Busy, CannotRead

router = APIRouter(prefix="/api/v1/artifacts", tags=["Artifacts"], route_class=JsonRoute, responses=PROBLEMS)

LONGEST_MINUTES = 24 * 60
"""How long a link may be good: as long as a file is certainly kept after it was replaced."""

_MEDIA = "application/octet-stream"
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {_MEDIA: {"schema": {"type": "string", "format": "binary"}, "example": "%PDF…"}},
    }
}


class ArtifactShape(Shape):
    """A file in the lake. `name` is its path below the folder."""

    id: UUID
    name: str
    folder: str | None = Field(description="Of the lake; null for a file of the run alone, as its list of changes.")
    size: int = Field(description="In bytes.")
    sha256: str
    run_id: UUID = Field(description="The run that brought it.")
    created_at: datetime
    removed_at: datetime | None = Field(
        description="When it was replaced or removed; a day later it can no more be had."
    )


class ArtifactsShape(Shape):
    artifacts: list[ArtifactShape]
    has_next: bool
    limit: int
    offset: int
    total: int


class ArtifactLinkBody(BodyShape):
    minutes: int = Field(default=60, ge=1, le=LONGEST_MINUTES, description="How long the link is good.")


class ArtifactLinkShape(Shape):
    path: str = Field(description="Where whoever has it downloads the file, below the platform's address.")
    expires_at: datetime


@router.get("", response_model=ArtifactsShape, summary="List artifacts")
async def list_artifacts(
    request: Request,
    principal: Viewer,
    q: Annotated[str | None, Query(max_length=LONGEST_NAME, description="A part of the name")] = None,
    folder: Annotated[str | None, Query(max_length=1_024, description="A folder of the lake")] = None,
    run_id: Annotated[UUID | None, Query(description="What this run brought")] = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response:
    """The files that are there now, by folder and name."""
    filters = ArtifactFilters(q, folder, run_id)
    rows, total = await artifacts.list_page(gateway_of(request).pool, principal.org_id, filters, limit, offset)
    page = {"hasNext": offset + len(rows) < total, "limit": limit, "offset": offset, "total": total}
    return answer({"artifacts": [_artifact_json(row) for row in rows]} | page)


@router.get("/{artifact_id}", response_model=ArtifactShape, summary="Get an artifact")
async def get_artifact(request: Request, principal: Viewer, artifact_id: UUID) -> Response:
    """Also one that was replaced or removed, for a day."""
    return answer(_artifact_json(await _get(gateway_of(request), principal, artifact_id)))


@router.get(
    "/{artifact_id}/download", response_class=StreamingResponse, responses=_FILE, summary="Download an artifact"
)
async def download_artifact(request: Request, principal: Viewer, artifact_id: UUID) -> Response:
    """Its bytes as they are. An answer that breaks off is not whole: ask again."""
    gateway = gateway_of(request)
    row = await _get(gateway, principal, artifact_id)
    return await _download(gateway, request, row, Visit(gateway, request).goes_on)


@router.post("/{artifact_id}/links", response_model=ArtifactLinkShape, status_code=201, summary="Share an artifact")
async def share_artifact(
    request: Request, principal: Operator, artifact_id: UUID, body: Annotated[ArtifactLinkBody | None, Body()] = None
) -> Response:
    """An address that gives this file, and nothing else, to whoever has it, without a key. It ends by itself."""
    gateway, body = gateway_of(request), body or ArtifactLinkBody()
    row = await _get(gateway, principal, artifact_id)
    ends = (now() + timedelta(minutes=body.minutes)).replace(microsecond=0)
    token = token_of(gateway.settings.token_secret, "artifact", row["id"], ends)
    headers = {"Location": f"{router.prefix}/{row['id']}"}
    return answer({"path": f"/artifacts/{token}", "expiresAt": ends}, 201, headers)


def install(app: FastAPI) -> None:
    """Where links lead; no part of the REST document, since nobody makes such an address up."""
    app.add_route("/artifacts/{token}", _linked, methods=["GET"], include_in_schema=False)


async def _linked(request: Request) -> Response:
    gateway = gateway_of(request)
    artifact_id = linked_to(gateway.authenticator, gateway.settings.token_secret, request, "artifact")
    row = await artifacts.linked(gateway.pool, artifact_id) if artifact_id else None
    if row is None:
        raise Problem(404, "not_found", "this link gives nothing: it has ended, is not whole, or the file is gone")
    until = steady_seconds() + gateway.settings.stream_seconds

    async def goes_on() -> bool:
        return steady_seconds() < until and not gateway.stopping.is_set()

    return await _download(gateway, request, row, goes_on)


async def _get(gateway: Gateway, principal: Principal, artifact_id: UUID) -> Row:
    """Raises `Problem` 404, also for one of another organisation."""
    row = await artifacts.get(gateway.pool, principal.org_id, artifact_id)
    if row is None:
        raise not_found("artifact")
    return row


def _artifact_json(row: Row) -> Json:
    return {
        "id": row["id"],
        "name": row["path"],
        "folder": row["folder"],
        "size": row["byte_count"],
        "sha256": row["sha256"],
        "runId": row["run_id"],
        "createdAt": row["created_at"],
        "removedAt": row["removed_at"],
    }


async def _download(gateway: Gateway, request: Request, row: Row, goes_on: Callable[[], Awaitable[bool]]) -> Response:
    name = row["path"].rsplit("/", 1)[-1]
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Length": str(row["byte_count"]),
        "Repr-Digest": f"sha-256=:{_base64(row['sha256'])}:",
    }
    if request.scope.get(HEAD):
        return Response(media_type=_MEDIA, headers=headers)
    parts = gateway.desk_of_tables.file(gateway.settings.lake_url, row["location"])
    try:
        first = await anext(parts, b"")
    except Busy:
        raise Overloaded from None
    except CannotRead as error:
        if error.word == "gone":
            raise Problem(404, "gone", str(error)) from None
        raise Problem(503, "lake_unavailable", str(error), (), {"Retry-After": "5"}) from None
    return StreamingResponse(_sent(first, parts, goes_on), media_type=_MEDIA, headers=headers)


def _base64(digits: str) -> str:
    return b64encode(bytes.fromhex(digits)).decode()


async def _sent(
    first: bytes, parts: AsyncGenerator[bytes, None], goes_on: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    """A file that has become shorter or longer breaks the answer off, by its Content-Length."""
    try:
        yield first
        async for part in parts:
            if not await goes_on():
                raise ConnectionAbortedError("the credential, or the time of a stream, is over")
            yield part
    finally:
        await parts.aclose()
