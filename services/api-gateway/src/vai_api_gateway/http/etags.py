"""`ETag` and `If-Match` (RFC 9110): a client can make sure that nobody has changed the object in between."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Header, Request, Response

from vai_api_gateway.problems import Problem, ProblemBody

IfMatch = Annotated[
    str | None, Header(alias="If-Match", max_length=1_000, description="Only if this is still its `ETag`; else 412")
]
CHANGED: dict[int | str, dict[str, Any]] = {
    412: {"model": ProblemBody, "description": "It has changed since; `ETag` says what it is now"}
}


def etag_of(updated_at: datetime) -> str:
    """The time of the last change, in microseconds."""
    return f'"{round(updated_at.timestamp() * 1_000_000)}"'


def expected(if_match: str | None, updated_at: datetime) -> datetime | None:
    """The value that `updated_at` must still have when the change is written; None: any. Raises `Problem` 412."""
    if if_match is None or if_match.strip() == "*":
        return None
    if etag_of(updated_at) not in [one.strip() for one in if_match.split(",")]:
        raise has_changed(updated_at)
    return updated_at


def has_changed(updated_at: datetime | None) -> Problem:
    message = "somebody has changed it since you read it; read it again, then change it"
    headers = {} if updated_at is None else {"ETag": etag_of(updated_at)}
    return Problem(412, "precondition_failed", message, ("header", "If-Match"), headers)


def tagged(request: Request, answer: Response, updated_at: datetime) -> Response:
    """The answer with its ETag, or 304 if the client has it already."""
    tag = etag_of(updated_at)
    asked = request.headers.get("if-none-match")
    if request.method == "GET" and asked and tag in [one.strip().removeprefix("W/") for one in asked.split(",")]:
        return Response(status_code=304, headers={"ETag": tag})
    answer.headers["ETag"] = tag
    return answer
