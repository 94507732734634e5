"""A retry of an automation run from a step that somebody chooses."""

from typing import Any

import httpx2

from vai_testkit.scheduling import Scheduling

AUTOMATIONS, RUNS = "/api/v1/automations", "/api/v1/automation-runs"


async def triggered(api: httpx2.AsyncClient, **parts: Any) -> dict[str, Any]:
    """A run of two steps, `load` and `gate`."""
    load = {"key": "load", "kind": "dlt_extract", "definition": {"source": "noop"}}
    gate = {"key": "gate", "kind": "approval_gate", "depends_on": ["load"]}
    made = await api.post(AUTOMATIONS, json={"name": "Nightly", "steps": [load, gate]} | parts)
    assert made.status_code == 201, made.text
    answer = await api.post(f"{AUTOMATIONS}/{made.json()['id']}/trigger")
    assert answer.status_code == 201, answer.text
    run: dict[str, Any] = answer.json()
    return run


async def test_a_run_that_completed_is_retried_from_a_step(api: httpx2.AsyncClient, scheduling: Scheduling) -> None:
    run = await triggered(api)
    await scheduling.end(run["runId"])
    path, keyed = f"{RUNS}/{run['runId']}/retry", {"Idempotency-Key": "k"}
    gone = await api.post(path, json={"fromStep": "x"})
    assert (gone.status_code, gone.json()["detail"][0]["loc"]) == (422, ["body", "fromStep"])
    answer = await api.post(path, json={"fromStep": "gate"}, headers=keyed)
    retried = answer.json()
    assert (answer.status_code, retried["retryOf"], retried["retryFrom"]) == (201, run["runId"], "gate")
    same = await api.post(path, json={"fromStep": "gate"}, headers=keyed)
    assert (same.status_code, same.json()["runId"]) == (200, retried["runId"])
    assert (await api.post(path, json={"fromStep": "gate"})).json()["runId"] == retried["runId"]
    for body, headers in (({"fromStep": "load"}, keyed), ({"fromStep": "load"}, {}), ({}, keyed)):
        assert (await api.post(path, json=body, headers=headers)).status_code == 409
    skipped = await triggered(api, slug="other")
    await scheduling.end(skipped["runId"], outcome="filtered")
    assert (await api.post(f"{RUNS}/{skipped['runId']}/retry", json={"fromStep": "load"})).status_code == 409
