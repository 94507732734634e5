"""/api/v1/models: the language models that an organisation's connections lead to."""

import asyncio
from itertools import islice
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Viewer
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, answer
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import Json, Shape
from vai_api_gateway.models.lists import Listed
from vai_records.connections import connections
from vai_records.connections.connections import Connection
from vai_records.models import usage
from vai_records.models.prices import Priced, price_of
from vai_records.models.providers import PROVIDERS
from vai_records.models.settings import ModelSettings

_MOST_CONNECTIONS = 100
MOST_MODELS = 5_000
"""Of all connections together. `connections` says how many each has."""

router = APIRouter(prefix="/api/v1", tags=["Models"], route_class=JsonRoute, responses=PROBLEMS)


class PriceShape(Shape):
    """US dollars for a million tokens; `source` says who set the price: the organisation, or the built-in table."""

    input_per_million: float
    output_per_million: float
    source: str


class ModelShape(Shape):
    """`name` is what an agent and a question name: the connection's slug, a slash, the provider's name of it."""

    name: str = Field(examples=["openai/gpt-5-mini"])
    connection: str
    provider: str
    model: str
    allowed: bool = Field(description="Whether the organisation's settings allow it.")
    is_default: bool
    price: PriceShape | None


class ModelConnectionShape(Shape):
    """`error` is there where the provider could not be asked which models it has."""

    slug: str
    provider: str
    models: int
    error: Json | None


class ModelUsageShape(Shape):
    """What all model calls of the day (UTC) have used, and what its limits leave; null: no limit."""

    tokens: int
    dollars: float
    tokens_left: int | None
    dollars_left: float | None


class ModelsShape(Shape):
    default: str | None
    models: list[ModelShape]
    connections: list[ModelConnectionShape]
    today: ModelUsageShape


@router.get("/models", response_model=ModelsShape, summary="List the models that may be used")
async def list_models(request: Request, principal: Viewer) -> Response:
    """Each connection of a provider of models is asked which it has, unless its `config.models` says so.

    Answers of providers are kept for a minute. A provider that does not answer is told in `connections`. At most 5,000
    models are listed; `connections` says how many each has.
    """
    gateway = gateway_of(request)
    settings = ModelSettings.of(principal.settings)
    opened = await _opened(gateway, principal)
    listed = await gateway.model_lists.of(principal.org_id, opened)
    found = [connection for connection, _ in opened]
    named = ((connection, name) for connection, one in zip(found, listed, strict=True) for name in one.names)
    names = list(islice(named, MOST_MODELS))
    models = await asyncio.to_thread(_models, settings, names)
    return answer(
        {
            "default": settings.default,
            "models": models,
            "connections": [_connection(*one) for one in zip(found, listed, strict=True)],
            "today": await _today(gateway, principal, settings),
        }
    )


async def _opened(gateway: Gateway, principal: Principal) -> list[tuple[Connection, Json]]:
    """The connections of providers of models that are not disabled, with their credentials."""
    async with gateway.engine.connect() as conn:
        found, _ = await connections.list_page(
            conn, principal.org_id, q=None, providers=list(PROVIDERS), limit=_MOST_CONNECTIONS, offset=0
        )
        opened: list[tuple[Connection, Json]] = []
        for connection in found:
            if connection.status != "disabled":
                sealed = await connections.sealed_credentials(conn, principal.org_id, connection.id)
                known = gateway.keyring.decrypt_json(sealed, principal.org_id, connection.id) if sealed else {}
                opened.append((connection, known))
    return opened


def _models(settings: ModelSettings, names: list[tuple[Connection, str]]) -> list[Json]:
    """Runs in a thread: the table of prices is read at its first use, and thousands of models take a while."""
    prices = (
        price_of(settings, f"{connection.slug}/{name}", PROVIDERS[connection.provider], connection.config)
        for connection, name in names
    )
    return [_model(settings, *one, price) for one, price in zip(names, prices, strict=True)]


def _model(settings: ModelSettings, connection: Connection, model: str, price: Priced | None) -> dict[str, Any]:
    name = f"{connection.slug}/{model}"
    return {
        "name": name,
        "connection": connection.slug,
        "provider": connection.provider,
        "model": model,
        "allowed": settings.allows(name),
        "isDefault": name == settings.default,
        "price": None
        if price is None
        else {
            "inputPerMillion": price.input_per_million,
            "outputPerMillion": price.output_per_million,
            "source": price.source,
        },
    }


def _connection(connection: Connection, listed: Listed) -> dict[str, Any]:
    known = {"slug": connection.slug, "provider": connection.provider}
    return known | {"models": len(listed.names), "error": listed.error}


async def _today(gateway: Gateway, principal: Principal, settings: ModelSettings) -> dict[str, Any]:
    used = await usage.today(gateway.pool, principal.org_id)
    left = usage.left_of(used, settings)
    return {
        "tokens": used.tokens,
        "dollars": round(used.dollars, 6),
        "tokensLeft": None if left.tokens is None else max(0, left.tokens),
        "dollarsLeft": None if left.money is None else round(max(0.0, left.money), 6),
    }
