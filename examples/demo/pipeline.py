"""The pipeline: one connection and one automation, saved through the REST API.

extract ─┬─▶ stg_flights ─┬─▶ enough ─true─▶ gold ─▶ tell
         └─▶ stg_weather ─┘                              alarm, where any of them fails
"""

from pathlib import Path
from typing import Any

from examples.demo.flights_api import FlightsApi
from vai import AsyncClient, Automation, Connection, NotFound

Json = dict[str, Any]

CONNECTION = "nyc-flights"
AUTOMATION = "delays-by-weather"
LAST_DAY = "2013-03-31"
"""Flights and weather of the first quarter: 80,789 and 6,463 rows."""

_SQL = Path(__file__).with_name("sql")


def automation(connection: Connection, webhook: str) -> Json:
    """The automation as document 002 writes it; it tells `webhook` what it came to."""
    rows = {"conditions": [{"field": "steps.extract.result.recordsProcessed", "operator": "gt", "value": 0}]}
    return {
        "name": "Delays by weather",
        "slug": AUTOMATION,
        "description": "Which weather delays New York's flights? make demo saves and triggers it.",
        "trigger": {"type": "manual"},
        "inputs": {"until": {"type": "string", "default": LAST_DAY, "description": "The last day, of 2013."}},
        "steps": [
            _step("extract", "bronze.nyc.*", "dlt_extract", _extraction(connection)),
            _transform("stg_flights", "silver", ["extract"], _bronze("flights", "airlines", "airports", "planes")),
            _transform("stg_weather", "silver", ["extract"], _bronze("weather")),
            _step("enough", "any rows?", "conditional_branch", rows, ["stg_flights", "stg_weather"]),
            _transform(
                "delays_by_weather",
                "gold",
                [{"step": "enough", "port": "true"}],
                [{"silver_dataset": "stg_flights"}, {"silver_dataset": "stg_weather"}],
                key="gold",
            ),
            _step("tell", "webhook told", "http_request", _told(webhook), ["gold"]),
            {
                **_step("alarm", "alarm given", "http_request", _alarm(webhook), list(_WORK)),
                "condition": {"type": "on_error"},
            },
        ],
    }


_WORK = ("extract", "stg_flights", "stg_weather", "enough", "gold")


def _step(key: str, name: str, kind: str, definition: Json, after: list[Any] | None = None) -> Json:
    return {"key": key, "name": name, "action": {"kind": kind, "definition": definition}, "depends_on": after or []}


def _extraction(connection: Connection) -> Json:
    return {
        "connection": connection.slug,
        "source": "rest_api",
        "source_name": "nyc",
        "data_selector": "data",
        "paginator": {"type": "json_link", "next_url_path": "next"},
        "params": {"limit": 5000},
        "slice_rows": 25_000,
        "resources": ["airlines", "airports", "planes", _dated("weather"), _dated("flights")],
    }


def _dated(name: str) -> Json:
    return {"name": name, "params": {"until": "$/inputs/until"}, "columns": {"time_hour": "timestamp"}}


def _bronze(*tables: str) -> list[Json]:
    return [{"bronze_dataset": f"bronze.nyc.{table}"} for table in tables]


def _transform(name: str, layer: str, after: list[Any], inputs: list[Json], key: str = "") -> Json:
    definition = {
        "transform_name": name,
        "output_layer": layer,
        "mode": "full_refresh",
        "inputs": inputs,
        "sql": (_SQL / f"{name}.sql").read_text(),
    }
    return _step(key or name, f"{layer}.{name}", "duckdb_transform", definition, after)


def _told(webhook: str) -> Json:
    body = {
        "text": "delays by weather until $/inputs/until",
        "flights": "$/steps/stg_flights/result/recordsProcessed",
        "weather": "$/steps/stg_weather/result/recordsProcessed",
        "gold": "$/steps/gold/result/recordsProcessed",
    }
    return {"method": "POST", "url": f"{webhook}/done", "body": body, "idempotent": True}


def _alarm(webhook: str) -> Json:
    body = {"text": "no delays by weather", **{key: f"$/steps/{key}/status" for key in _WORK}}
    return {"method": "POST", "url": f"{webhook}/alarm", "body": body, "idempotent": True}


async def save_connection(client: AsyncClient, api: FlightsApi) -> Connection:
    """The connection to the flights API: a new one, or the demo's earlier one with today's address and token."""
    config, credentials = {"base_url": api.base_url, "auth": {"type": "bearer"}}, {"token": api.token}
    async for found in client.connections.iterate(CONNECTION):
        if found.slug == CONNECTION:
            return await client.connections.update(found.id, config=config, credentials=credentials)
    return await client.connections.create(
        "rest_api", "Flights from New York", slug=CONNECTION, config=config, credentials=credentials
    )


async def save_automation(client: AsyncClient, connection: Connection, webhook: str) -> Automation:
    """The automation: a new one, or the demo's earlier one as it is written here, with today's webhook."""
    body = automation(connection, webhook)
    try:
        known = await client.automations.by_slug(AUTOMATION)
    except NotFound:
        return await client.automations.create(body)
    return await client.automations.update(known.id, body)
