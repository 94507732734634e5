"""Inputs of the type secret: opened for steps that name them, kept as write-only values, and seen by nobody else."""

from typing import Any

import orjson

from services.scheduler.tests.stage import Stage
from vai_common.ids import uuid7
from vai_testkit.automations import NOOP, start

TOKEN = "t0ken-4711"
MARKER = {"secret": True}
DECLARED = {"token": {"type": "secret", "required": True}, "day": {"type": "string"}, "other": {"type": "secret"}}


def _calling(**definition: Any) -> dict[str, Any]:
    return {"key": "call", "kind": "http_request", "definition": {"url": "https://a.test", **definition}}


async def _begun(stage: Stage, *steps: dict[str, Any], given: dict[str, Any] | None = None, **more: Any) -> Any:
    """An automation run that was triggered with a token, after its first look."""
    saved = await stage.save(*steps, inputs=DECLARED)
    run_id, secrets = uuid7(), {"token": TOKEN} if given is None else given
    sealed = stage.looker.keyring.encrypt_json(secrets, stage.org_id, run_id)
    inputs = {"day": "monday", **dict.fromkeys(secrets, MARKER)}
    columns = {"id": run_id, "inputs": inputs, "sealed": sealed if secrets else None} | more
    await start(stage.gateway, saved, **columns)
    await stage.looker.look(run_id)
    return run_id


async def _run_of(stage: Stage, run_id: Any) -> tuple[Any, Any]:
    step = await stage.step(run_id, "call")
    assert step["error"] is None
    run = await stage.pool.fetchrow("SELECT * FROM runs WHERE id = $1", step["run_id"])
    return run, stage.looker.keyring.decrypt_json(run["secrets"], stage.org_id, run["id"])


async def test_a_step_that_names_it_keeps_it_as_a_write_only_value(stage: Stage) -> None:
    headers = {
        "Authorization": "Bearer $/inputs/token",
        "X-A": "${/inputs/day}-${/inputs/token}",
        "X-B": "$/inputs/day",
    }
    run, sealed = await _run_of(stage, await _begun(stage, _calling(headers=headers, body={"a": ["$/inputs/token"]})))
    assert run["definition"]["headers"] == {"Authorization": MARKER, "X-A": MARKER, "X-B": "monday"}
    assert run["definition"]["body"] == {"a": [MARKER]}
    assert sealed["values"]["headers"] == {"Authorization": f"Bearer {TOKEN}", "X-A": f"monday-{TOKEN}"}
    assert sealed["secrets"] == [TOKEN]
    assert not sealed["names"]
    assert TOKEN not in orjson.dumps(dict(run), default=repr).decode()


async def test_it_stands_in_a_url_encoded_and_a_saved_action_names_it(stage: Stage) -> None:
    known = await stage.save_action("call", "http_request", {"url": "https://a.test/${/inputs/token}/x"})
    step = {"key": "call", "action_id": "call"}
    run, sealed = await _run_of(stage, await _with_action(stage, step, known))
    assert run["definition"]["url"] == MARKER
    assert sealed["values"]["url"] == "https://a.test/a%2Fb%20c%20d/x"


async def _with_action(stage: Stage, step: dict[str, Any], known: Any) -> Any:
    saved = await stage.save(step, inputs=DECLARED, actions_known=known)
    run_id = uuid7()
    sealed = stage.looker.keyring.encrypt_json({"token": "a/b c d"}, stage.org_id, run_id)
    await start(stage.gateway, saved, id=run_id, inputs={"token": MARKER}, sealed=sealed)
    await stage.looker.look(run_id)
    return run_id


async def test_one_that_was_not_given_leads_nowhere_or_to_its_alternative(stage: Stage) -> None:
    run_id = await _begun(stage, _calling(headers={"X-A": "$/inputs/other"}))
    error = (await stage.step(run_id, "call"))["error"]
    assert error["message"] == "$/inputs/other leads nowhere: the secret input 'other' was not given"
    run, sealed = await _run_of(stage, await _begun(stage, _calling(headers={"X-A": "${/inputs/other|none}"})))
    assert run["definition"]["headers"] == {"X-A": MARKER}
    assert sealed["values"]["headers"] == {"X-A": "none"}


async def test_what_another_trigger_brings_is_no_secret(stage: Stage) -> None:
    for brought in ("plain", MARKER):
        run_id = await _begun(stage, _calling(), given={}, inputs={"token": brought}, sealed=None)
        row = await stage.pool.fetchrow("SELECT status, error FROM automation_runs WHERE id = $1", run_id)
        assert row["status"] == "failed"
        assert "the input 'token' is a secret, and a secret input is given by hand alone" in row["error"]["message"]
        assert "plain" not in row["error"]["message"]


async def test_a_branch_and_conditions_see_a_marker_alone(stage: Stage) -> None:
    branch = {
        "key": "call",
        "kind": "conditional_branch",
        "definition": {"conditions": [{"field": "inputs.day", "operator": "eq", "value": "monday"}]},
    }
    run_id = await _begun(stage, branch)
    step = await stage.step(run_id, "call")
    run = await stage.pool.fetchrow("SELECT * FROM runs WHERE id = $1", step["run_id"])
    assert run["definition"]["input"]["inputs"]["token"] == MARKER


async def test_nothing_of_it_is_in_logs_events_or_errors(stage: Stage) -> None:
    call = _calling(url="https://${/inputs/token}/x")  # no name of a host: the step fails
    run_id = await _begun(stage, call, {"key": "b", **NOOP}, given={"token": "not a host/t0ken"})
    assert (await stage.step(run_id, "call"))["state"] == "failed"
    for table in ("automation_runs", "automation_steps", "runs", "run_logs", "events", "alert_news"):
        for row in await stage.pool.fetch(f"SELECT to_jsonb(t) AS row FROM {table} t"):
            assert "t0ken" not in orjson.dumps(row["row"]).decode(), table


async def test_a_secret_that_cannot_be_opened_fails_the_step_and_says_why(stage: Stage) -> None:
    stranger = stage.looker.keyring.encrypt_json({"token": TOKEN}, stage.org_id, uuid7())
    run_id = await _begun(stage, _calling(headers={"X-A": "$/inputs/token"}), sealed=stranger)
    error = (await stage.step(run_id, "call"))["error"]
    assert "cannot be decrypted" in error["message"]
