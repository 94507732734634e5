"""A program with a model on a whole stack: it extracts, finds the table, queries it, and runs what is exposed."""

import httpx2
import pytest

from tests.integration.runs import sample
from vai_testkit.talking import Reports, talking, told

pytestmark = pytest.mark.any_broker

EXPOSED = {
    "name": "Rows by MCP",
    "slug": "rows-by-mcp",
    "expose": True,
    "inputs": {"rows": {"type": "integer", "required": True}},
    "steps": [
        {
            "key": "rows",
            "action": {"kind": "dlt_extract", "definition": sample(source_name="by_mcp") | {"rows": "$/inputs/rows"}},
        }
    ],
}


async def test_a_program_with_a_model_works_with_tables_and_automations(api: httpx2.AsyncClient) -> None:
    made = await api.post("/api/v1/automations", json=EXPOSED)
    assert made.status_code == 201, made.text
    headers = {name: value for name, value in api.headers.items() if name.lower() in ("x-api-key", "authorization")}
    reports = Reports()
    async with talking(str(api.base_url).rstrip("/"), headers) as mcp:
        answer = await mcp.call_tool("rows-by-mcp", {"rows": 7}, progress_callback=reports)
        assert not answer.is_error, answer.content
        found = await told(mcp, "search_datasets", q="by_mcp")
        table = found["datasets"][0]["name"]
        described = await told(mcp, "describe_dataset", dataset=table)
        queried = await told(mcp, "query_datasets", sql=f"SELECT count(*) AS n FROM {table}")
    assert described["preview"]["rows"]
    assert queried["status"] == "completed"
    assert "7" in str(queried["result"]["rows"])
