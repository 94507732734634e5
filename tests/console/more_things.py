"""Things of the console's pages that take some lines to say: an automation that asks, flashboards of many tiles."""

from typing import Any

from examples.agent_to_automation.__main__ import ORDERS
from tests.console.driver import SCRIPT, ended, make_run
from vai_devstack.stack import Stack
from vai_testkit.servers.models.script import Asked, Call, Turn
from vai_testkit.stack import client_of

WHOLE = "How does the shop do?"
"""Of a whole flashboard. `says` proposes four tiles, with scripts in their words; nobody can show the last one."""

QUESTION = "Which categories have the most orders?"
"""Of a tile. `says` answers it, as a good model would."""

_BY_CATEGORY = f"SELECT category, count(*) AS orders FROM {ORDERS} GROUP BY 1 ORDER BY 2 DESC LIMIT 10"
_TOOL = "final_answer"

AUTOMATION: dict[str, Any] = {
    "name": f"Orders of the night {SCRIPT}",
    "description": "Copies the orders, asks somebody, and tells the shop.",
    "trigger": {"type": "schedule", "schedule": "0 6 * * *", "timezone": "Europe/Berlin"},
    "labels": {"team": "shop"},
    "steps": [
        {"key": "copy", "kind": "dlt_extract", "definition": {"source": "sample", "resources": ["orders"]}},
        {
            "key": "ask",
            "depends_on": ["copy"],
            "kind": "approval_gate",
            "definition": {
                "title": "Tell the shop?",
                "message": "It gets the orders of the night.",
                "approval_fields": [
                    {"name": "most", "title": "How many at most", "type": "integer", "required": True, "maximum": 1000},
                    {"name": "way", "title": "By", "type": "choice", "choices": ["mail", "API"], "default": "API"},
                    {"name": "urgent", "title": "It is urgent", "type": "boolean"},
                    {"name": "note", "title": f"Note {SCRIPT}"},
                ],
            },
        },
        {
            "key": "tell",
            "depends_on": [{"step": "ask", "port": "approved"}],
            "kind": "http_request",
            "definition": {"url": "http://127.0.0.1:9/orders"},
        },
        {
            "key": "never",
            "depends_on": [{"step": "ask", "port": "rejected"}],
            "kind": "http_request",
            "definition": {"url": "http://127.0.0.1:9/never"},
        },
    ],
}


def says(asked: Asked) -> Turn | None:
    """The tiles of a flashboard, the query for the question of a tile; None for whatever else a model is asked."""
    if any(WHOLE in text for text in asked.texts):
        return _designs(asked)
    if not any(QUESTION in text for text in asked.texts):
        return None
    answer = {"sql": _BY_CATEGORY, "explanation": "Orders by category, most first.", "assumptions": []}
    return Turn(calls=(Call(_TOOL, answer),))


def _designs(asked: Asked) -> Turn:
    if any("failed:" in text for text in asked.texts):  # the query of the last tile, which stays as it is
        return Turn(calls=(Call(_TOOL, {"sql": "FROM nothing.there", "explanation": "", "assumptions": []}),))
    tiles = [
        {"type": "number", "title": f"Orders {SCRIPT}", "sql": f"SELECT count(*) AS orders FROM {ORDERS}"},
        {"type": "chart", "title": "By category", "chart": "bar", "note": f"Most first. {SCRIPT}", "sql": _BY_CATEGORY},
        {
            "type": "text",
            "title": "",
            "text": f"## Words {SCRIPT}\n\n[here](javascript:alert(1)) ![x](http://x.test/a.png)",
        },
        {"type": "table", "title": "Customers", "sql": "FROM nothing.there"},
    ]
    proposed = {"title": f"The shop {SCRIPT}", "description": "What it sells.", "tiles": tiles}
    return Turn(calls=(Call(_TOOL, proposed),))


async def automation(stack: Stack) -> dict[str, str]:
    """An automation whose run waits for an approval with a form: ids of both."""
    async with client_of(stack) as api:
        made = await api.post("/api/v1/automations", json=AUTOMATION)
        assert made.status_code == 201, made.text
        run = await api.post(f"/api/v1/automations/{made.json()['id']}/trigger", json={})
        assert run.status_code == 201, run.text
        return {"automation": made.json()["id"], "automation_run": run.json()["runId"]}


async def boards(stack: Stack, agent: str) -> dict[str, str]:
    """Flashboards with thirty tiles, and with tiles that the agent's model answers: their slugs."""
    async with client_of(stack) as api:
        model = (await api.get(f"/api/v1/agents/{agent}")).json()["model"]
    kinds: list[dict[str, Any]] = [
        {"type": "number", "sql": f"SELECT count(*) AS orders, 900 AS before FROM {ORDERS}", "compare": "before"},
        {"type": "chart", "chart": "bar", "sql": _BY_CATEGORY, "x": "category", "y": "orders"},
        {"type": "chart", "chart": "line", "sql": "SELECT range AS day, range % 7 AS orders FROM range(30)"},
        {"type": "table", "sql": f"FROM {ORDERS} LIMIT 20"},
        {"type": "text", "text": f"## Words\n\nOf somebody: {SCRIPT}"},
        {"type": "table", "sql": f"FROM {ORDERS} LIMIT 0"},
    ]
    thirty = [{"key": f"t{n}", "title": f"Tile {n}"} | kinds[n % len(kinds)] for n in range(30)]
    asked = [
        {"key": "best", "type": "chart", "chart": "bar", "title": "Best", "question": QUESTION},
        {"key": "rows", "type": "table", "title": "The same as a table", "question": QUESTION},
    ]
    for slug, title, tiles in (("thirty", "Thirty tiles", thirty), ("asked", "Asked in words", asked)):
        definition = {"slug": slug, "title": title, "tiles": tiles} | ({"model": model} if tiles is asked else {})
        run = await ended(stack, (await make_run(stack, kind="create_flashboard", definition=definition))["id"])
        assert run["status"] == "completed", run["error"]
    return {"thirty": "thirty", "asked": "asked"}
