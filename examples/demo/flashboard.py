"""The flashboard at the end: the gold table as a page that people open in a browser."""

from typing import Any

from examples.demo.errors import DemoFailed
from vai import AsyncClient

Json = dict[str, Any]

SLUG = "delays-by-weather"
SECONDS = 60.0
DAYS = 1
"""How long the link opens the page without signing in."""

_GOLD, _FLIGHTS = "gold.delays_by_weather", "silver.stg_flights"

DEFINITION: Json = {
    "slug": SLUG,
    "title": "Which weather delays New York's flights?",
    "description": "The first quarter of 2013, by make demo.",
    "layout": [["flights", "delay", "late"], ["by_weather", "by_day"], ["places"]],
    "tiles": [
        {"key": "flights", "type": "number", "title": "Flights", "sql": f"SELECT count(*) FROM {_FLIGHTS}"},
        {
            "key": "delay",
            "type": "number",
            "title": "Delay on departure",
            "suffix": " min",
            "decimals": 1,
            "compare_label": "in fair weather",
            "good": "down",
            "sql": f"SELECT sum(delay_minutes * flights) / sum(flights), sum(delay_minutes * flights)"
            f" FILTER (weather = 'fair') / sum(flights) FILTER (weather = 'fair') FROM {_GOLD}",
        },
        {
            "key": "late",
            "type": "number",
            "title": "More than 15 minutes late",
            "format": "percent",
            "decimals": 1,
            "sql": f"SELECT sum(late_percent * flights) / sum(flights) / 100 FROM {_GOLD}",
        },
        {
            "key": "by_weather",
            "type": "chart",
            "chart": "bar",
            "title": "Minutes by weather and airport",
            "sql": f"SELECT weather, delay_minutes, origin FROM {_GOLD} ORDER BY delay_minutes DESC",
        },
        {
            "key": "by_day",
            "type": "chart",
            "chart": "line",
            "title": "Mean delay by day",
            "sql": f"SELECT hour::DATE AS day, avg(dep_delay) AS minutes FROM {_FLIGHTS} GROUP BY 1 ORDER BY 1",
        },
        {
            "key": "places",
            "type": "table",
            "title": "By airport",
            "sql": f"SELECT * FROM {_GOLD} ORDER BY origin, place",
        },
    ],
}


async def made(client: AsyncClient) -> str:
    """Makes a version of the flashboard and a link to it; the link. Raises DemoFailed."""
    run = await client.runs.create("create_flashboard", DEFINITION, wait=SECONDS)
    if run.status != "completed":
        why = f": {run.error.message}" if run.error else f" is {run.status} after {SECONDS:.0f} s"
        raise DemoFailed(f"the run {run.id} of the flashboard{why}", f"vai logs {run.id} shows what it did")
    link = await client.flashboards.share(SLUG, days=DAYS, note="make demo")
    return f"{client.api_url}{link.path}"
