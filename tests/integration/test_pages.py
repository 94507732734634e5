"""What stands on the pages is what happens: their commands, pasted into a shell, and the bodies that they show."""

import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from textwrap import indent
from typing import Any

import asyncpg
import httpx2
import pytest

from tests.architecture.workspace import ROOT
from tests.integration.pasting import pasted
from tests.integration.people import client_for, new_team
from vai_common.clock import now
from vai_devstack.stack import Stack
from vai_testkit.pages import to_run
from vai_testkit.servers.mcp import serving_mcp
from vai_testkit.servers.models.script import Asked, Call, Turn
from vai_testkit.servers.models.server import KEY, serving_models
from vai_testkit.servers.web import WebServer
from vai_testkit.vendors.tavily import GOOD, tavily

pytestmark = pytest.mark.any_broker

LATER = (now() + timedelta(days=200)).date().isoformat()
_LAST = f"""{sys.executable} -c 'import json, sys; print(json.load(sys.stdin)[0]["id"])'"""


@dataclass(frozen=True)
class Story:
    """Pages whose commands are pasted one after the other, by the administrator of a new organisation.

    `before`: what the pages take as there. `stands_for`: texts of the pages that only readers can fill in.
    `{web}`, `{model}`, `{search}` and `{mcp}` are the addresses of the tests' servers.
    """

    pages: tuple[str, ...]
    before: str = ""
    stands_for: dict[str, str] = field(default_factory=dict)
    says: tuple[str, ...] = ()


STORIES = {
    "tables": Story(
        pages=(
            "README.md", "docs/files.md", "docs/transforms.md", "docs/flashboards.md", "docs/datasets.md",
            "docs/streams.md",
        ),
        before="""
load() { vai run dlt_extract --set source=sample --set source_name=$1 --set "resources=[\\"$2\\"]"; }
transform() { vai run duckdb_transform --set transform_name=$1 --set output_layer=$2 --set "sql=$3" --set "inputs=$4"; }
load shop orders
transform orders silver "SELECT id, amount AS total, name AS customer, created_at::DATE AS day, category AS status
    FROM {{ bronze_orders }}" '[{"bronze_dataset": "bronze.shop.orders"}]'
transform stg_flights silver "SELECT id, total AS dep_delay FROM {{ orders }}" '[{"silver_dataset": "orders"}]'
transform delays_by_weather gold "SELECT sum(dep_delay) AS delay_minutes FROM {{ stg_flights }}" \
    '[{"silver_dataset": "stg_flights"}]'
mkdir -p $FILES/orders && printf 'id,total\n1,2.50\n' > $FILES/orders/a.csv
RUN_ID=$(vai runs --json | LAST)
""",
        says=("dep_delay", "/flashboards/sales", "delay_minutes", "event: end"),
    ),
    "models": Story(
        pages=("docs/models.md", "docs/research.md"),
        before="""
for table in shopify.customers shop.orders; do
    vai run dlt_extract --set source=sample --set source_name=${table%.*} --set "resources=[\\"${table#*.}\\"]"
done
for table in silver.orders gold.fct_sales; do
    vai run duckdb_transform --set transform_name=${table#*.} --set output_layer=${table%.*} \
        --set 'sql=SELECT id, category AS status, amount FROM {{ bronze_orders }}' \
        --set 'inputs=[{"bronze_dataset": "bronze.shop.orders"}]'
done
""",
        stands_for={"https://example.com": "{web}"},
        says=("openai/scripted-1", "towers of Konya", "It counts.", "garden"),
    ),
    "agents": Story(
        pages=("docs/agents.md", "docs/threads.md", "docs/crystallization.md", "docs/mcp.md"),
        before="""
vai run dlt_extract --set source=sample --set 'resources=["orders"]'
vai actions create dlt_extract Orders --set source=noop
echo '{"name": "nightly", "steps": [{"kind": "dlt_extract", "definition": {"source": "noop"}}]}' |
    vai automations create -
""",
        stands_for={
            "RUN_ID": "$(vai agents runs --json | LAST)",
            "019a9b4e": "$(vai threads --json | LAST)",
            "vai chat": 'echo "How many orders are in the category garden?" | vai chat',
            '"token": "…"': '"token": "t0ken"',
            "https://crm.example.com/mcp": "{mcp}",
        },
        says=("250 orders", "category", "find_customer", "Account helper"),
    ),
    "people": Story(
        pages=(
            "docs/finding-runs.md", "docs/access.md", "docs/alerts.md", "docs/variables.md",
            "docs/running.md", "docs/operations/secrets.md",
        ),
        before="""
export SHOP_TOKEN=s3cret-of-the-shop
vai connections create http Shop --slug shop --set base_url=https://shop.example
echo '{"name": "nightly", "steps": [{"kind": "dlt_extract", "definition": {"source": "noop"}}]}' |
    vai automations create -
""",
        stands_for={
            "2027-06-30": LATER,
            "--user ada@example.com": "--user $(vai users --json | LAST)",
            "2026-12-24": LATER,
            "https://hooks.slack.com/services/…": "{web}/slack",
            "https://shop.example": "{web}",
            '"slug": "acme"': '"slug": "acme-of-the-pages"',
        },
        says=("runs:read", "nightly export", "scheduled", "invitationToken"),
    ),
}  # fmt: skip
"""The pages of a story are about the same."""


def answered(asked: Asked) -> Turn:
    """What a good model would say to the questions of the pages."""
    offered = {tool["name"] for tool in asked.tools}
    if "query_datasets" in offered and not asked.calls:
        sql = "SELECT count(*) AS orders FROM bronze.sample.orders WHERE category = 'garden'"
        return Turn(calls=(Call("query_datasets", {"sql": sql}),))
    if asked.calls:
        return Turn("There are 250 orders in the category garden.")
    if "final_answer" in offered:
        return Turn(calls=(Call("final_answer", _written(asked)),))
    return Turn("Hello.")


def _written(asked: Asked) -> dict[str, Any]:
    wanted = asked.tools[0]["parameters"]["properties"]
    if "sql" in wanted:
        return {"sql": "SELECT id FROM gold.fct_sales LIMIT 10", "explanation": "It counts.", "assumptions": []}
    return {"tables": []}


@pytest.fixture
async def places(web: WebServer) -> AsyncIterator[dict[str, str]]:
    """The addresses of the servers of the outside world."""
    with serving_models() as model:
        model.says = answered
        model.models = ["scripted-1", "gpt-5-mini"]
        async with tavily() as search, serving_mcp() as mcp:
            mcp.add("find_customer", "Ada")
            mcp.add("notes/add", "noted")
            yield {"web": web.url, "model": model.url, "search": search.url, "mcp": mcp.url}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", STORIES)
async def test_their_commands_do_what_they_say(stack: Stack, tmp_path: Path, places: dict[str, str], name: str) -> None:
    story, team = STORIES[name], await new_team(stack)
    told = {"VAI_API_URL": stack.api_url, "VAI_API_KEY": team.headers()["X-API-Key"]}
    told |= {"VAI_ADMIN_TOKEN": stack.secrets.admin_token, "FILES": str(stack.home.files / str(team.org_id))}
    blocks = [block for page in story.pages for block in to_run(ROOT / page, "sh")]
    said = await pasted([_filled(text, story, places) for text in (story.before, *blocks)], tmp_path, told)
    assert [words for words in story.says if words not in said] == [], said
    assert [words for words in ("Traceback", "method_not_allowed") if words in said] == [], said


def _filled(text: str, story: Story, places: dict[str, str]) -> str:
    stands_for = {
        "sk-…": KEY,
        "tvly-…": GOOD,
        "openai OpenAI": "openai OpenAI --set base_url={model}/v1",
        "tavily Search": "tavily Search --set base_url={search}",
        **story.stands_for,
        "LAST": _LAST,
    }
    for shown, meant in stands_for.items():
        for place, url in places.items():
            meant = meant.replace(f"{{{place}}}", url)
        text = text.replace(shown, meant)
    return text


# Bodies that are shown ------------------------------------------------------------------------------------------------

AUTOMATION = {"name": "Of the pages", "steps": [{"kind": "dlt_extract", "definition": {"source": "noop"}}]}
_VALIDATE = "/api/v1/automations/validate"
BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "docs/alerts.md": ("/api/v1/alert-rules", {}),
    "docs/automations.md": (_VALIDATE, AUTOMATION),
    "docs/running.md": ("/api/v1/connections", {}),
    "docs/webhooks.md": (_VALIDATE, AUTOMATION),
}
"""Where the JSON of a page is sent, and what it leaves out."""


@pytest.mark.parametrize("page", BODIES)
async def test_a_body_that_is_shown_is_taken(stack: Stack, page: str) -> None:
    path, more = BODIES[page]
    async with client_for(stack, await new_team(stack)) as api:
        if "alerts" in page:
            await api.post("/api/v1/automations", json=AUTOMATION | {"slug": "nightly-sales"})
        for text in to_run(ROOT / page, "json"):
            answer = await api.post(path, json=more | json.loads(text))
            assert answer.status_code < 300, (text, answer.text)
            assert answer.json().get("valid", True), (text, answer.text)


@pytest.mark.parametrize("page", ["docs/cli.md", "docs/variables.md"])
async def test_files_that_are_shown_are_applied_and_then_nothing_changes(
    stack: Stack, tmp_path: Path, page: str
) -> None:
    team = await new_team(stack)
    told = {"VAI_API_URL": stack.api_url, "VAI_API_KEY": team.headers()["X-API-Key"], "SHOP_TOKEN": "s3cret-of-it"}
    (tmp_path / "page.yaml").write_text("\n".join(to_run(ROOT / page, "yaml")))
    await pasted(["vai apply -f page.yaml --yes", "vai apply -f page.yaml --plan"], tmp_path, told)


async def test_the_error_that_is_shown_is_the_one_that_comes(api: httpx2.AsyncClient) -> None:
    (text,) = to_run(ROOT / "docs/errors.md", "json")
    answer = await api.post("/api/v1/action-runs", json={"kind": "dlt_extract", "definition": {"source": "smaple"}})
    (shown,), (said,) = json.loads(text)["detail"], answer.json()["detail"]
    assert said | {"msg": ""} == shown | {"msg": ""}
    assert said["msg"].startswith(shown["msg"].rstrip(" …"))


async def test_the_query_of_the_scaler_answers(database: "asyncpg.Connection[asyncpg.Record]") -> None:
    (sql,) = to_run(ROOT / "docs/operations.md", "sql")
    assert await database.fetchval(sql) is not None


_PROGRAM = """
import asyncio, signal, sys
from vai import AsyncClient, Client
url, key, day = sys.argv[1], sys.argv[2], "2026-01-31"
client = Client(url, key)
action = client.actions.create("dlt_extract", "Of the page", {{"source": "noop"}})
made = client.automations.create({automation!r})
failed = client.automation_runs.wait(client.automations.trigger(made.id).run_id)
{blocks}
"""


async def test_the_python_of_the_client_page_runs(stack: Stack, tmp_path: Path) -> None:
    """The loop over changes does not end: it is left when nothing comes for a second."""
    first, again, changes, coroutine = to_run(ROOT / "docs/python-client.md", "python")
    fails = AUTOMATION | {"steps": [{"kind": "http_request", "definition": {"url": "http://127.0.0.1:9/"}}]}
    endless = f"signal.signal(signal.SIGALRM, lambda *_: sys.exit(print('left')))\nsignal.alarm(2)\n{changes}"
    inside = indent(coroutine, "    ")
    blocks = [first.replace("http://127.0.0.1:8080", stack.api_url), "client = Client(url, key)", again]
    blocks += [f"async def main():\n{inside}\nasyncio.run(main())", endless]
    (tmp_path / "page.py").write_text(_PROGRAM.format(automation=fails, blocks="\n".join(blocks)))
    team = await new_team(stack)
    command = f"{sys.executable} page.py {stack.api_url} {team.headers()['X-API-Key']}"
    said = await pasted([command], tmp_path, {})
    assert said.count("run_completed") + said.count("completed") >= 2, said
    assert said.endswith("left\n"), said
