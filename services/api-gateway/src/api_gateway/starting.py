"""From a run that is to be made, or was made to move, to the answer that its caller gets (decision 12)."""

from typing import Any

from fastapi import Request, Response

from api_gateway.answers import answer
from api_gateway.gateway import Gateway
from api_gateway.intake import Created, KeyBusy, KeyReused
from api_gateway.problems import conflict
from records import runs
from records.new_run import NewRun


async def start(gateway: Gateway, request: Request, new: NewRun) -> Response:
    """Create the run and answer it: 201, or 200 with the run that the idempotency key had already made."""
    created = await create(gateway, new)
    return await show(gateway, request, created.run, 201 if created.is_new else 200)


async def create(gateway: Gateway, new: NewRun) -> Created:
    """Raises `Problem` 409 where a key is in use (decisions 14 and 15)."""
    try:
        return await gateway.intake.create(new)
    except KeyReused as error:
        message = "this idempotency key made a run of another kind or definition, or one that was deleted"
        raise conflict(message, ("body", "idempotencyKey")) from error
    except KeyBusy as error:
        message = f"run {error.run_id} with this concurrency key is live; wait for its end or cancel it"
        raise conflict(message, ("body", "concurrencyKey")) from error


async def show(gateway: Gateway, _request: Request, run: Any, status: int = 200) -> Response:
    """The run as it stands."""
    return answer(runs.as_json(run, await gateway.alive.get()), status)
