"""References in the runs of steps: write-only fields are filled like all others, and what fills them stays sealed."""

from typing import Any

import pytest

from services.scheduler.tests.stage import Stage
from vai_records.automations import steps
from vai_records.automations.saved_steps import SavedAction
from vai_records.refused import Refused
from vai_testkit.automations import NOOP

URL = "https://x.test/c"
MARKER = {"secret": True}
PLACES = [
    ("headers", "Authorization", "Bearer {}"),
    ("headers", "Cookie", "session={}"),
    ("headers", "X-Api-Key", "{}"),
    ("headers", "X-Token-Id", "{}"),
    ("query", "api_key", "{}"),
    ("form", "password", "{}"),
]


def _calling(place: str, name: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"key": "call", "kind": "http_request", "definition": {"url": URL, place: {name: value}}, **more}


async def _sealed(stage: Stage, run_id: Any, key: str = "call") -> tuple[Any, Any]:
    """The definition as it is shown, and the values that are sealed beside it."""
    step = await stage.step(run_id, key)
    assert step["error"] is None
    run = await stage.pool.fetchrow("SELECT * FROM runs WHERE id = $1", step["run_id"])
    return run["definition"], stage.looker.keyring.decrypt_json(run["secrets"], stage.org_id, run["id"])["values"]


@pytest.mark.parametrize(("place", "name", "around"), PLACES)
async def test_a_write_only_field_is_filled_and_sealed(stage: Stage, place: str, name: str, around: str) -> None:
    run_id = await stage.begun(_calling(place, name, around.format("$/inputs/token")), inputs={"token": "abc-123456"})
    shown, values = await _sealed(stage, run_id)
    assert shown[place] == {name: MARKER}
    assert values == {place: {name: around.format("abc-123456")}}


async def test_a_token_that_a_step_fetched_is_sent_by_the_next(stage: Stage) -> None:
    call = _calling("headers", "Authorization", "Bearer $/steps/t/result/body/access_token", depends_on=["t"])
    run_id = await stage.begun({"key": "t", **NOOP}, call)
    await stage.end(run_id, "t", result={"body": {"access_token": "fetched"}})
    assert (await _sealed(stage, run_id))[1] == {"headers": {"Authorization": "Bearer fetched"}}


async def test_an_object_is_filled_as_well(stage: Stage) -> None:
    given = {"kind": "reference", "ref": "$/inputs/token", "default": "none"}
    run_id = await stage.begun(_calling("headers", "X-Api-Key", given))
    assert (await _sealed(stage, run_id))[1] == {"headers": {"X-Api-Key": "none"}}


async def test_a_saved_actions_write_only_field_is_filled(stage: Stage) -> None:
    definition = {"url": URL, "headers": {"Authorization": "Bearer $/inputs/token"}}
    action = await stage.save_action("call", "http_request", {**definition, "headers": {"Authorization": MARKER}})
    kept = {"target": "https://x.test:443", "values": {"headers": definition["headers"]}}
    sealed = stage.looker.keyring.encrypt_json(kept, stage.org_id, action["call"].id)
    await stage.gateway.execute("UPDATE actions SET secrets = $2 WHERE id = $1", action["call"].id, sealed)
    known = {"call": SavedAction(action["call"].id, "http_request", definition)}
    saved = await stage.save({"key": "call", "action_id": "call"}, actions_known=known)
    run_id = await stage.begin(saved, inputs={"token": "abc"})
    assert (await _sealed(stage, run_id))[1] == {"headers": {"Authorization": "Bearer abc"}}


@pytest.mark.parametrize(("place", "name", "around"), PLACES)
async def test_a_bad_reference_there_is_refused_when_it_is_saved(
    stage: Stage, place: str, name: str, around: str
) -> None:
    with pytest.raises(Refused) as caught:
        await stage.save(_calling(place, name, around.format("$/steps/zzz/result/token")))
    assert caught.value.faults[0][2] == "unknown_reference"
    assert caught.value.faults[0][0][-2:] == (place, name)


async def test_a_failure_can_be_told_by_who_handles_it(stage: Stage) -> None:
    tell = {"url": URL, "method": "POST", "body": {"why": "$/steps/a/error/message", "code": "$/steps/a/error/code"}}
    step = {"key": "tell", "kind": "http_request", "definition": tell, "depends_on": ["a"], "condition": "on_error"}
    run_id = await stage.begun({"key": "a", **NOOP}, step)
    error = {"code": "AUTH_ERROR", "message": "the key is wrong", "details": {}, "retryable": False}
    await stage.end(run_id, "a", "failed", error=error)
    step = await stage.step(run_id, "tell")
    run = await stage.pool.fetchrow("SELECT definition FROM runs WHERE id = $1", step["run_id"])
    assert run["definition"]["body"] == {"why": "the key is wrong", "code": "AUTH_ERROR"}


async def test_after_a_join_the_way_that_was_taken_brings_its_result(stage: Stage) -> None:
    route = {"conditions": [{"field": "inputs.n", "operator": "gt", "value": 0}]}
    done = {"url": URL, "query": {"id": "${/steps/more/result/id|/steps/less/result/id}"}}
    run_id = await stage.begun(
        {"key": "route", "kind": "conditional_branch", "definition": route},
        {"key": "more", **NOOP, "depends_on": [{"step": "route", "port": "true"}]},
        {"key": "less", **NOOP, "depends_on": [{"step": "route", "port": "false"}]},
        {"key": "done", "kind": "http_request", "definition": done, "depends_on": ["more", "less"]},
        inputs={"n": 0},
    )
    await stage.end(run_id, "route", result={"port": "false"})
    await stage.end(run_id, "less", result={"id": 12})
    step = await stage.step(run_id, "done")
    run = await stage.pool.fetchrow("SELECT definition FROM runs WHERE id = $1", step["run_id"])
    assert run["definition"]["query"] == {"id": 12}


async def test_a_step_that_would_be_too_large_fails_alone_and_at_once(stage: Stage) -> None:
    call = {
        "key": "call",
        "kind": "http_request",
        "definition": {"url": URL, "method": "POST", "body": ["$/inputs/x"] * 300},
    }
    run_id = await stage.begun(call, inputs={"x": "x" * 1_000_000})
    assert "more than 8 MiB" in (await stage.step(run_id, "call"))["error"]["message"]
    assert (await stage.row(run_id))["status"] == "failed"


async def test_results_that_are_too_large_together_are_not_read(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step that names too many fails alone; those that name one each, and start in the same look, run."""
    monkeypatch.setattr(steps, "MOST_BYTES_READ", 150_000)
    names = ("a", "b")
    one_each = [
        {"key": f"one_{name}", "kind": "http_request", "depends_on": ["a", "b"]}
        | {"definition": {"url": URL, "query": {"id": f"$/steps/{name}/result/id"}}}
        for name in names
    ]
    both = {"url": URL, "query": {name: f"$/steps/{name}/result/id" for name in names}}
    run_id = await stage.begun(
        *({"key": name, **NOOP} for name in names),
        *one_each,
        {"key": "both", "kind": "http_request", "definition": both, "depends_on": ["a", "b"]},
    )
    for name in names:
        await stage.end(run_id, name, result={"id": 1, "all": "x" * 100_000})
    assert await stage.states(run_id) == {
        **dict.fromkeys(names, "completed"),
        "one_a": "running",
        "one_b": "running",
        "both": "failed",
    }
    assert "have 1 MiB together" in (await stage.step(run_id, "both"))["error"]["message"]
