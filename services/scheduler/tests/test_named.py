"""What a step names (a saved action, an automation that it calls): there, changed, gone or disabled."""

from services.scheduler.tests.stage import Stage, step
from vai_common.ids import uuid7
from vai_records.automations.saved_steps import SavedAction

_GT_3 = [{"field": "inputs.n", "operator": "gt", "value": 3}]


async def test_a_saved_action_brings_its_definition_and_the_step_its_overrides(stage: Stage) -> None:
    known = await stage.save_action("x", "dlt_extract", {"source": "sample", "rows": 5})
    saved = await stage.save(
        step("a", action={"action_id": "x", "definition_overrides": {"rows": 7}}), actions_known=known
    )
    run_id = await stage.begin(saved)
    run = await stage.database.run(await stage.run_of(run_id, "a"))
    assert (run["definition"], run["action_id"]) == ({"source": "sample", "rows": 7}, known["x"].id)


async def test_references_of_a_saved_action_are_looked_up_in_the_automation(stage: Stage) -> None:
    known = await stage.save_action("y", "http_request", {"url": "https://x.test", "body": "$/inputs/day"})
    run_id = await stage.begin(
        await stage.save(step("a", action={"action_id": "y"}), actions_known=known), inputs={"day": "2026-01-22"}
    )
    run = await stage.database.run(await stage.run_of(run_id, "a"))
    assert run["definition"]["body"] == "2026-01-22"


async def test_write_only_overrides_of_a_saved_action_reach_its_run_encrypted(stage: Stage) -> None:
    known = await stage.save_action("z", "http_request", {"url": "https://x.test"})
    overrides = {"headers": {"X-Api-Key": "abc"}}
    saved = await stage.save(
        step("a", action={"action_id": "z", "definition_overrides": overrides}), actions_known=known
    )
    run_id = await stage.run_of(await stage.begin(saved), "a")
    run = await stage.database.run(run_id)
    assert run["definition"]["headers"] == {"X-Api-Key": {"secret": True}}
    kept = stage.looker.keyring.decrypt_json(run["secrets"], stage.org_id, run_id)
    assert kept["values"] == overrides


async def test_a_saved_action_that_is_gone_puts_the_automation_into_error(stage: Stage) -> None:
    known = {"x": SavedAction(uuid7(), "dlt_extract", {"source": "noop"})}
    saved = await stage.save(step("a", action={"action_id": "x"}), actions_known=known)
    run_id = await stage.begin(saved)
    assert (await stage.row(run_id))["status"] == "failed"
    found = await stage.pool.fetchrow("SELECT status, error FROM automations WHERE id = $1", saved.id)
    assert found["status"] == "error"
    assert "is gone" in found["error"]["message"]


async def test_a_called_automation_that_is_gone_puts_its_caller_into_error(stage: Stage) -> None:
    called = await stage.save(step("x"))
    saved = await stage.save(step("a", kind="call_automation", definition={"automation": str(called.id)}))
    await stage.gateway.execute("UPDATE automations SET deleted_at = clock_timestamp() WHERE id = $1", called.id)
    run_id = await stage.begin(saved)
    assert (await stage.row(run_id))["status"] == "failed"
    found = await stage.pool.fetchrow("SELECT status, error FROM automations WHERE id = $1", saved.id)
    assert (found["status"], "there is no automation" in found["error"]["message"]) == ("error", True)


async def test_one_that_is_named_by_an_input_breaks_only_its_run(stage: Stage) -> None:
    saved = await stage.save(step("a", kind="call_automation", definition={"automation": "$/inputs/which"}))
    run_id = await stage.begin(saved, inputs={"which": "nobody"})
    assert (await stage.row(run_id))["status"] == "failed"
    assert await stage.pool.fetchval("SELECT status FROM automations WHERE id = $1", saved.id) == "active"


async def test_a_saved_action_that_is_disabled_puts_the_automation_into_error(stage: Stage) -> None:
    known = await stage.save_action("off", "dlt_extract", {"source": "noop"})
    saved = await stage.save(step("a", action={"action_id": "off"}), actions_known=known)
    await stage.gateway.execute("UPDATE actions SET status = 'disabled' WHERE id = $1", known["off"].id)
    await stage.begin(saved)
    found = await stage.pool.fetchrow("SELECT status, error FROM automations WHERE id = $1", saved.id)
    assert (found["status"], "is disabled" in found["error"]["message"]) == ("error", True)
