"""Every 4xx and 5xx has the documented body, exactly {"detail": [{"loc", "msg", "type"}]} (decision 4).

What a client posted is never echoed: it may hold secrets.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import ceil
from typing import Any

import asyncpg
import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from vai_api_gateway.http.edge import REQUEST_ID
from vai_api_gateway.lifecycle import Immovable, NoSuchRun, NotAllowed
from vai_common.batcher import Overloaded
from vai_common.clock import now
from vai_common.db import AWAY, is_away
from vai_common.validation_messages import told
from vai_records.models.usage import Spent
from vai_records.refused import Fault, Place, Refused
from vai_records.secrets.keys import SecretError
from vai_records.validation.places import real_place

_log = structlog.get_logger()

MOST_FAULTS = 50
"""How many faults one answer names."""

LONGEST_NAME = 255
LONGEST_MESSAGE = 2_000
DEEPEST_PLACE = 100
"""How many characters and levels of a fault are shown."""

_RETRY_SECONDS = 1
DATABASE_AWAY = (*AWAY, DBAPIError, PoolTimeout)
"""For `except` clauses. Not every DBAPIError means that the database is away; `is_away` tells."""


class ProblemDetail(BaseModel):
    """One fault: where it is, what to do about it, and a word for programs."""

    model_config = ConfigDict(extra="forbid")

    loc: list[str | int]
    msg: str
    type: str


class ProblemBody(BaseModel):
    """The body of every answer that is an error."""

    model_config = ConfigDict(extra="forbid")

    detail: list[ProblemDetail]


class Problem(HTTPException):
    """Raised by routes. Answered with this status and the documented body."""

    def __init__(
        self, status: int, kind: str, message: str, loc: Place = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, message, dict(headers or {}))
        self.errors = [problem_detail(loc, message, kind)]


def not_found(what: str) -> Problem:
    """Also for what belongs to another organisation (decision 26)."""
    return Problem(404, "not_found", f"{what} not found")


def conflict(message: str, loc: Place = ()) -> Problem:
    return Problem(409, "conflict", message, loc)


def refusal(error: Refused) -> Problem:
    """422 with every place; 429 where a day's limit is used up."""
    is_spent = isinstance(error, Spent)
    headers = {"Retry-After": str(_until_tomorrow())} if is_spent else None
    problem = Problem(429 if is_spent else 422, error.faults[0][2], error.faults[0][1], headers=headers)
    problem.errors = details(error.faults)
    return problem


def _until_tomorrow() -> int:
    """Seconds until the next day of UTC, at least one."""
    at = now()
    tomorrow = (at + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(1, ceil((tomorrow - at).total_seconds()))


def details(faults: Sequence[Fault], most: int = MOST_FAULTS) -> list[dict[str, Any]]:
    """The first `most` faults. If there are more, a last one says how many."""
    shown = [problem_detail(*fault) for fault in faults[:most]]
    left = len(faults) - len(shown)
    return [*shown, problem_detail((), f"and {left} more", "more")] if left else shown


def problem_detail(loc: Place, message: str, kind: str) -> dict[str, Any]:
    """Cut long names and messages, which may hold what the client sent."""
    place = [_cut(part, LONGEST_NAME) if isinstance(part, str) else part for part in loc[:DEEPEST_PLACE]]
    return {"loc": place, "msg": _cut(message, LONGEST_MESSAGE), "type": kind}


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def problem_response(status: int, detail: list[dict[str, Any]], headers: Mapping[str, str] | None = None) -> Response:
    body = orjson.dumps({"detail": detail})
    return Response(body, status, dict(headers or {}), media_type="application/json")


def install(app: FastAPI) -> None:
    """Answer every error of the application in the documented shape."""
    ours = (Refused, Overloaded, NotAllowed, NoSuchRun, Immovable, *DATABASE_AWAY, SecretError, Exception)
    for known in (RequestValidationError, HTTPException, *ours):
        app.add_exception_handler(known, answer_to)


def answer_to(request: Request, error: Exception) -> Response:
    """The answer to a request that ended with this error."""
    if isinstance(error, RequestValidationError):
        return _on_validation(request, error)
    return _on_http(request, error if isinstance(error, HTTPException) else problem_of(request, error))


def _on_validation(request: Request, error: RequestValidationError) -> Response:
    model = _body_model(request)
    faults = [(_place(one, error.body), told(one["msg"], one["loc"][1:], model), one["type"]) for one in error.errors()]
    return problem_response(422, details(faults))


def _place(fault: Any, body: Any) -> Place:
    """Where a fault is in what was sent, without the names of the types that pydantic tried to read there."""
    first, *rest = fault["loc"]
    if first != "body":
        return tuple(fault["loc"])
    return (first, *real_place(tuple(rest), body, is_missing=fault["type"] == "missing"))


def _body_model(request: Request) -> Any:
    """The model of the route's body; None if it has none."""
    field = getattr(request.scope.get("route"), "body_field", None)
    return None if field is None else field.field_info.annotation


def _on_http(request: Request, error: HTTPException) -> Response:
    if error.status_code == 405:
        return _not_allowed_here(request, error)
    detail = error.errors if isinstance(error, Problem) else [problem_detail((), str(error.detail), "http_error")]
    return problem_response(error.status_code, detail, error.headers)


def _not_allowed_here(request: Request, error: HTTPException) -> Response:
    """405 names all methods of the path (RFC 9110); the router knows those of one route only."""
    path = request.scope["path"]
    routes = [c.original_route for c in iter_route_contexts(request.app.routes)]
    ours = [route for route in routes if isinstance(route, APIRoute)]
    here = [route for route in ours if route.path == path] or [route for route in ours if route.path_regex.match(path)]
    known = {method for route in here for method in route.methods or ()}
    known |= {"HEAD"} if "GET" in known else set()
    methods = ", ".join(sorted(known)) or (error.headers or {}).get("Allow", "GET")
    message = f"{request.method} is not allowed here; use {methods}"
    return problem_response(405, [problem_detail((), message, "method_not_allowed")], {"Allow": methods})


def problem_of(request: Request, error: Exception) -> Problem:
    """What the client is told of an error; what is not the client's fault is logged."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Refused):
        return refusal(error)
    if isinstance(error, NotAllowed | NoSuchRun | Immovable):
        return _undecided(error, request.scope.get(REQUEST_ID))
    if isinstance(error, Overloaded):
        return _try_later("too many requests wait; try again later")
    if isinstance(error, DATABASE_AWAY) and is_away(error):
        return _database_away(request, error)
    if isinstance(error, SecretError):
        _log.error("secret_does_not_open", path=request.url.path, error=str(error))
        return _try_later(
            "a stored secret does not open with the gateway's keys; ask the operator to check VAI_ENCRYPTION_KEYS"
        )
    request_id = request.scope.get(REQUEST_ID)
    _log.error("request_failed", path=request.url.path, method=request.method, request_id=request_id, exc_info=error)
    return Problem(500, "internal_error", f"something went wrong here; it is logged as request {request_id}")


def status_of(error: Exception) -> int:
    """The status that the client gets for an error."""
    if isinstance(error, HTTPException):
        return error.status_code
    if isinstance(error, Refused):
        return refusal(error).status_code
    if isinstance(error, NotAllowed | NoSuchRun | Immovable):
        return _undecided(error, None).status_code
    away = isinstance(error, DATABASE_AWAY) and is_away(error)
    return 503 if away or isinstance(error, Overloaded | SecretError) else 500


def _undecided(error: NotAllowed | NoSuchRun | Immovable, request_id: str | None) -> Problem:
    """A decision about a run that could not be carried out."""
    if isinstance(error, NoSuchRun):
        return not_found("run")
    if isinstance(error, NotAllowed):
        then = f"from where it can become {', '.join(error.allowed)}" if error.allowed else "which is final"
        return Problem(409, "not_allowed", f"{error.why}; it is {error.status}, {then}")
    before = f", before request {request_id} ended" if request_id else ""
    return Problem(
        409,
        "immovable",
        f"the record of run {error} is damaged, and the database refuses to change it; whoever runs the installation"
        f" finds why in the gateway's log: run_immovable{before}",
    )


def _database_away(request: Request, error: Exception) -> Problem:
    why, request_id = f"{type(error).__name__}: {error}", request.scope.get(REQUEST_ID)
    _log.warning("database_away", path=request.url.path, request_id=request_id, error=why)
    if isinstance(_root(error), asyncpg.LockNotAvailableError):
        return _try_later("another process has locked this; try again, it is freed within a minute")
    return _try_later("the database does not answer now; try again later")


def _root(error: BaseException) -> BaseException:
    """The original error, which SQLAlchemy has wrapped."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _try_later(message: str) -> Problem:
    return Problem(503, "unavailable", message, headers={"Retry-After": str(_RETRY_SECONDS)})
