"""Labels of automations: saved, changed, inherited by what they start, and found by."""

from typing import Any

import httpx2
import pytest

from vai_api_gateway.automations.shapes import (
    AutomationRunsShape,
    AutomationsShape,
    WholeAutomationRunShape,
)
from vai_testkit.scheduling import Scheduling

from .saving import make, patched

AUTOMATIONS = "/api/v1/automations"
RUNS = "/api/v1/automation-runs"
FINANCE = {"team": "finance", "tier": "gold"}


async def triggered(api: httpx2.AsyncClient, made: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = await api.post(f"{AUTOMATIONS}/{made['id']}/trigger", json=body)
    assert answer.status_code == 201, answer.text
    WholeAutomationRunShape.model_validate(answer.json())
    run: dict[str, Any] = answer.json()
    return run


async def listed(api: httpx2.AsyncClient, path: str, *labels: str) -> set[str]:
    answer = await api.get(path, params={"label": list(labels)})
    assert answer.status_code == 200, answer.text
    if path == AUTOMATIONS:
        AutomationsShape.model_validate(answer.json())
        found = {one["id"] for one in answer.json()["automations"]}
    else:
        AutomationRunsShape.model_validate(answer.json())
        found = {one["runId"] for one in answer.json()["automationRuns"]}
    assert answer.json()["total"] == len(found)
    return found


async def test_an_automation_run_has_the_labels_of_its_automation_and_of_its_trigger(api: httpx2.AsyncClient) -> None:
    made = await make(api, labels=FINANCE)
    assert made["labels"] == FINANCE
    run = await triggered(api, made, labels={"tier": "silver", "day": "1"})
    assert run["labels"] == {"team": "finance", "tier": "silver", "day": "1"}
    changed = await patched(api, made, labels={"team": "sales"})
    assert changed["labels"] == {"team": "sales"}
    assert changed["versionId"] == made["versionId"]
    assert (await api.get(f"{RUNS}/{run['runId']}")).json()["labels"] == run["labels"]
    assert (await triggered(api, made))["labels"] == {"team": "sales"}
    assert (await patched(api, made, labels={}))["labels"] == {}
    assert (await triggered(api, made))["labels"] == {}


async def test_a_copy_and_a_retry_keep_labels(api: httpx2.AsyncClient, scheduling: Scheduling) -> None:
    made = await make(api, labels=FINANCE)
    body = (await api.get(f"{AUTOMATIONS}/{made['id']}/body")).json()
    assert body["labels"] == FINANCE
    copied = await api.post(AUTOMATIONS, json=body)
    assert (copied.status_code, copied.json()["labels"]) == (201, FINANCE)
    run = await triggered(api, made, labels={"day": "1"})
    await patched(api, made, labels={"team": "sales"})
    await scheduling.end(run["runId"], "failed")
    retried = (await api.post(f"{RUNS}/{run['runId']}/retry")).json()
    assert retried["labels"] == FINANCE | {"day": "1"}


async def test_automations_and_their_runs_are_found_by_labels(
    api: httpx2.AsyncClient, other_api: httpx2.AsyncClient
) -> None:
    gold, plain = await make(api, labels=FINANCE), await make(api, slug="plain")
    of_gold, of_plain = await triggered(api, gold), await triggered(api, plain, labels={"team": "ops"})
    for path, one, other in ((AUTOMATIONS, gold["id"], None), (RUNS, of_gold["runId"], of_plain["runId"])):
        assert await listed(api, path, "team=finance") == {one}
        assert await listed(api, path, "team=finance", "tier") == {one}
        assert await listed(api, path, "team=finance", "team=ops") == set()
        assert await listed(api, path, "team") == {one, other} - {None}
        assert await listed(api, path, "tier=silver") == set()
        assert await listed(other_api, path, "team") == set()


MANY = {f"k{n}": "v" for n in range(33)}


@pytest.mark.parametrize("labels", [None, {"": "a"}, {"a=b": "c"}, {"a": "\n"}, {"a": 1}, MANY, {"a": "v" * 256}])
async def test_what_is_no_label_is_refused(api: httpx2.AsyncClient, labels: Any) -> None:
    made = await make(api)
    assert (await api.patch(f"{AUTOMATIONS}/{made['id']}", json={"labels": labels})).status_code == 422
    assert (await api.post(f"{AUTOMATIONS}/{made['id']}/trigger", json={"labels": labels})).status_code == 422
    for path in (AUTOMATIONS, RUNS):
        assert (await api.get(path, params={"label": "=a"})).status_code == 422
