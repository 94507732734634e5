"""What the tests ask the REST API and the tables about automations."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import httpx2

from vai_testkit.wait import wait_for

Json = dict[str, Any]

AUTOMATIONS = "/api/v1/automations"
AUTOMATION_RUNS = "/api/v1/automation-runs"


def step(key: str, *after: Any, when: Any = "on_success", **work: Any) -> Json:
    """A step that does nothing unless `kind` and `definition` say otherwise."""
    action = work or {"kind": "dlt_extract", "definition": {"source": "noop"}}
    return {"key": key, "action": action, "depends_on": list(after), "condition": {"type": when}}


async def saved(api: httpx2.AsyncClient, *steps: Json, **parts: Any) -> Json:
    """POST /automations; the automation as it was answered."""
    body = {"name": f"test {uuid4().hex[:10]}", **({"steps": list(steps)} if steps else {}), **parts}
    answer = await api.post(AUTOMATIONS, json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def triggered(api: httpx2.AsyncClient, automation: Json, **body: Any) -> Json:
    """The automation run as it was made."""
    answer = await api.post(f"{AUTOMATIONS}/{automation['id']}/trigger", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def run_to_end(api: httpx2.AsyncClient, automation: Json, **body: Any) -> Json:
    """The automation run after its end."""
    made = await triggered(api, automation, **body)
    return await ended(api, made["runId"])


async def ended(api: httpx2.AsyncClient, run_id: str, timeout: float = 60.0) -> Json:
    """The automation run as soon as it is over."""
    seen: Json = {}

    async def is_over() -> bool:
        seen.update((await api.get(f"{AUTOMATION_RUNS}/{run_id}")).json())
        return bool(seen["status"] != "running")

    await wait_for(is_over, timeout, every=0.05, what=f"automation run {run_id} is over")
    return seen


async def when_step(api: httpx2.AsyncClient, run_id: str, key: str, *wanted: str) -> Json:
    """The step as soon as it stands so."""
    seen: Json = {}

    async def stands_so() -> bool:
        run = (await api.get(f"{AUTOMATION_RUNS}/{run_id}")).json()
        seen.update(next((one for one in run["steps"] if one["key"] == key), {}))
        return seen.get("state") in wanted

    await wait_for(stands_so, 30, every=0.05, what=f"step {key} is {wanted}")
    return seen


def states(run: Json) -> dict[str, str]:
    return {one["key"]: one["state"] for one in run["steps"]}


async def runs_of(api: httpx2.AsyncClient, automation: Json) -> list[Json]:
    answer = await api.get(AUTOMATION_RUNS, params={"automation_id": automation["id"]})
    return list(answer.json()["automationRuns"])


async def told(database: Any, run_ids: Sequence[str]) -> dict[str, list[str]]:
    """The types of the journal's rows of automation runs, in order."""
    rows = await database.fetch(
        "SELECT subject_id, type FROM events WHERE subject_id = ANY($1::uuid[]) ORDER BY subject_id, sequence",
        [UUID(run_id) for run_id in run_ids],
    )
    found: dict[str, list[str]] = {run_id: [] for run_id in run_ids}
    for row in rows:
        found[str(row["subject_id"])].append(row["type"])
    return found
