"""What a route's function is called with: its parameters, each read from the request by FastAPI's rules.

FastAPI also solves dependencies, opens stacks for what must be closed, and prepares an answer that the function may
change. Functions that use none of that do without: it was a sixth of what the gateway spends on a run
(`python -m bench against`).
"""

import inspect
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from fastapi import Request, Response
from fastapi._compat import get_missing_field_error
from fastapi.datastructures import QueryParams
from fastapi.dependencies.utils import request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic_core import PydanticUndefined
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

_UNCHANGING = (type(None), bool, int, float, str, Enum)


class Arguments:
    """Reads the arguments of one route's function."""

    def __init__(self, route: APIRoute) -> None:
        of = self._of = route.dependant
        self._body = of.body_params
        self._without_query = _defaults(of.query_params)
        parts: tuple[tuple[list[Any], Callable[[Request], Mapping[str, Any]]], ...] = (
            (of.path_params, lambda request: request.path_params),
            (of.query_params, lambda request: request.query_params),
            (of.header_params, lambda request: request.headers),
            (of.cookie_params, lambda request: request.cookies),
        )
        self._parts = [part for part in parts if part[0]]
        self._parts_of_a_path = [part for part in self._parts if part[0] is not of.query_params]

    async def read(self, request: Request) -> dict[str, Any]:
        """The arguments by name. Raises `RequestValidationError` with all faults, and what `request.json` raises."""
        body = await _json(request) if self._body else PydanticUndefined
        values: dict[str, Any] = {}
        faults: list[Any] = []
        parts = self._parts
        if self._without_query is not None and not request.scope["query_string"]:
            values.update(self._without_query)
            parts = self._parts_of_a_path
        for fields, given in parts:
            some, wrong = request_params_to_args(fields, given(request))
            values.update(some)
            faults += wrong
        for field in self._body:
            values[field.name], wrong = _read_body(field, body)
            faults += wrong
        if faults:
            raise RequestValidationError(faults, body=None if body is PydanticUndefined else body)
        if self._of.request_param_name is not None:
            values[self._of.request_param_name] = request
        return values


def arguments_of(route: APIRoute) -> Arguments | None:
    """None if the function uses more of FastAPI than parameters."""
    of = route.dependant
    more = (
        *(of.dependencies, of.websocket_param_name, of.http_connection_param_name, of.response_param_name),
        *(of.background_tasks_param_name, of.security_scopes_param_name, route._embed_body_fields),
    )
    answers = inspect.signature(route.endpoint).return_annotation
    is_plain = (
        inspect.iscoroutinefunction(route.endpoint) and isinstance(answers, type) and issubclass(answers, Response)
    )
    return Arguments(route) if is_plain and len(of.body_params) <= 1 and not any(more) else None


def _defaults(fields: list[Any]) -> dict[str, Any] | None:
    """What a request without a query gives. None if it must have one, or if who gets a default could change it."""
    values, faults = request_params_to_args(fields, QueryParams())
    return None if faults or not all(isinstance(value, _UNCHANGING) for value in values.values()) else values


def _read_body(field: Any, body: Any) -> tuple[Any, list[Any]]:
    if body is not PydanticUndefined:
        value, faults = field.validate(body, {}, loc=("body",))
        return value, list(faults or ())
    return (None, [get_missing_field_error(("body",))]) if field.field_info.is_required() else (field.get_default(), [])


async def _json(request: Request) -> Any:
    """The body's JSON; undefined if there is no body."""
    try:
        return await request.json() if await request.body() else PydanticUndefined
    except ClientDisconnect as gone:
        raise HTTPException(400, "the client went away before the whole body had come") from gone
