"""Makes a new version of a flashboard: a run of what the shown version was made by."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.gateway import Gateway
from vai_api_gateway.runs import request_orders
from vai_common.queries import Row
from vai_records.definitions.create_flashboard import CreateFlashboard
from vai_records.flashboards.parameters import fault_in
from vai_records.refused import refused
from vai_records.runs.new_run import NewRun
from vai_records.runs.orders import Order

_KIND = "create_flashboard"


async def order(
    gateway: Gateway,
    who: tuple[Principal, Request],
    found: tuple[Row, Row],
    values: Mapping[str, Any],
    current: bool | None = None,
) -> NewRun:
    """The run that makes it; `found` are flashboard and version. Raises `Refused` for a value that cannot be."""
    board, version = found
    definition: dict[str, Any] = {**version["definition"], "slug": board["slug"]}
    parameters = CreateFlashboard.model_validate(definition).parameters
    if (fault := fault_in(parameters, values)) is not None:
        raise refused(("body", "values", fault[0]), fault[1])
    definition["values"] = {**definition.get("values", {}), **values}
    definition["current"] = not values if current is None else current
    asked = Order(_KIND, definition, ("body", "values"))
    return await request_orders.make(gateway, request_orders.customer(*who), asked)
