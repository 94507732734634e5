"""The pipeline: one connection, one extraction, two silver transforms, one gold one; saved through the REST API."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from examples.demo.flights_api import FlightsApi
from vai import Action, AsyncClient, Connection, NotFound

CONNECTION = "nyc-flights"
LAST_DAY = "2013-03-31"
"""Flights and weather of the first quarter: 80,789 and 6,463 rows."""

_SQL = Path(__file__).with_name("sql")


@dataclass(frozen=True)
class Step:
    """One saved action: `slug`, `name` and `definition` are the action's."""

    slug: str
    name: str
    kind: str
    definition: dict[str, Any] = field(repr=False)


def _dated(name: str) -> dict[str, Any]:
    return {"name": name, "params": {"until": LAST_DAY}, "columns": {"time_hour": "timestamp"}}


def _transform(name: str, layer: str, *inputs: dict[str, str]) -> Step:
    definition = {
        "transform_name": name,
        "output_layer": layer,
        "mode": "full_refresh",
        "inputs": list(inputs),
        "sql": (_SQL / f"{name}.sql").read_text(),
    }
    return Step(f"demo-{name.replace('_', '-')}", f"{layer}.{name}", "duckdb_transform", definition)


def _bronze(*tables: str) -> list[dict[str, str]]:
    return [{"bronze_dataset": f"bronze.nyc.{table}"} for table in tables]


EXTRACT = Step(
    "demo-extract",
    "bronze.nyc.*",
    "dlt_extract",
    {
        "source": "rest_api",
        "source_name": "nyc",
        "data_selector": "data",
        "paginator": {"type": "json_link", "next_url_path": "next"},
        "params": {"limit": 5000},
        "slice_rows": 25_000,
        "resources": ["airlines", "airports", "planes", _dated("weather"), _dated("flights")],
    },
)
SILVER = (
    _transform("stg_flights", "silver", *_bronze("flights", "airlines", "airports", "planes")),
    _transform("stg_weather", "silver", *_bronze("weather")),
)
GOLD = _transform("delays_by_weather", "gold", {"silver_dataset": "stg_flights"}, {"silver_dataset": "stg_weather"})
STEPS = (EXTRACT, *SILVER, GOLD)


async def save_connection(client: AsyncClient, api: FlightsApi) -> Connection:
    """The connection to the flights API: a new one, or the demo's earlier one with today's address and token."""
    config, credentials = {"base_url": api.base_url, "auth": {"type": "bearer"}}, {"token": api.token}
    async for found in client.connections.iterate(CONNECTION):
        if found.slug == CONNECTION:
            return await client.connections.update(found.id, config=config, credentials=credentials)
    return await client.connections.create(
        "rest_api", "Flights from New York", slug=CONNECTION, config=config, credentials=credentials
    )


async def save_action(client: AsyncClient, step: Step, connection: Connection) -> Action:
    """The step's action: a new one, or the demo's earlier one with this definition."""
    connection_id = connection.id if step is EXTRACT else None
    try:
        known = await client.actions.by_slug(step.slug)
    except NotFound:
        return await client.actions.create(
            step.kind, step.name, step.definition, slug=step.slug, connection_id=connection_id
        )
    return await client.actions.update(
        known.id, name=step.name, definition=step.definition, connection_id=connection_id
    )
