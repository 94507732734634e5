"""Makes a new version of a flashboard: a run of what the shown version was made by."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from fastapi import Request

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.idempotency import mark_of
from vai_api_gateway.runs import request_orders
from vai_common.queries import Row
from vai_records.definitions.create_flashboard import CreateFlashboard
from vai_records.flashboards.parameters import fault_in
from vai_records.refused import refused
from vai_records.runs.new_run import NewRun
from vai_records.runs.orders import Order
from vai_records.variables.names import AS_IT_IS

_KIND = "create_flashboard"


class Repeat(NamedTuple):
    """What a repeat of the same wish is known by: its idempotency key, and the mark of what is wished."""

    key: str
    mark: bytes


async def order(
    gateway: Gateway,
    who: tuple[Principal, Request],
    found: tuple[Row, Row],
    values: Mapping[str, Any],
    current: bool | None = None,
    repeat: Repeat | None = None,
) -> NewRun:
    """The run that makes it; `found` are flashboard and version. Raises `Refused` for a value that cannot be."""
    board, version = found
    definition: dict[str, Any] = {**version["definition"], "slug": board["slug"]}
    parameters = CreateFlashboard.model_validate(definition).parameters
    if (fault := fault_in(parameters, values)) is not None:
        raise refused(("body", "values", fault[0]), fault[1])
    definition["values"] = {**definition.get("values", {}), **values}
    definition["current"] = not values if current is None else current
    asked = Order(_KIND, definition, ("body", "values"), filled=AS_IT_IS)
    made = await request_orders.make(gateway, request_orders.customer(*who), asked)
    return made if repeat is None else replace(made, idempotency_key=repeat.key, fingerprint=repeat.mark)


def repeat_of(key: str | None, board: Row, values: Mapping[str, Any], current: bool | None) -> Repeat | None:
    """None where no key was given: then each request is a new wish."""
    return None if key is None else Repeat(key, mark_of("refresh", str(board["id"]), values, current))


def wished_on_a_page(wish: str | None, board: Row, values: Mapping[str, Any]) -> Repeat | None:
    """Of a form that a page sends; `wish` is the page's own. The same page with other values is another wish."""
    if not wish:
        return None
    mark = mark_of("refresh", str(board["id"]), values, None)
    return Repeat(f"page-{mark_of(wish, mark.hex()).hex()}", mark)
