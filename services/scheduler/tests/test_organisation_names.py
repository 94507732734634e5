"""Variables and secrets of the organisation in steps: filled in one pass, sealed, and never named by a value."""

from typing import Any

from services.scheduler.tests.stage import Stage
from vai_common.ids import uuid7
from vai_records.variables import store
from vai_records.variables.store import SECRETS, VARIABLES, New
from vai_testkit.automations import NOOP

TOKEN = "t0ken-4711"
MARKER = {"secret": True}


async def _named(stage: Stage) -> None:
    secret_id = uuid7()
    sealed = stage.looker.keyring.encrypt(TOKEN.encode(), stage.org_id, secret_id)
    async with stage.gateway.acquire() as conn, conn.transaction():
        await store.put(conn, VARIABLES, New(uuid7(), stage.org_id, "host", "shop.test", None, None))
        await store.put(conn, SECRETS, New(secret_id, stage.org_id, "token", sealed, None, None))


def _calling(**definition: Any) -> dict[str, Any]:
    return {"key": "call", "kind": "http_request", "definition": definition}


async def _made(stage: Stage, run_id: Any) -> tuple[Any, Any]:
    """The definition of the step's run as it is shown, and what is sealed beside it."""
    step = await stage.step(run_id, "call")
    assert step["error"] is None
    run = await stage.pool.fetchrow("SELECT * FROM runs WHERE id = $1", step["run_id"])
    return run["definition"], stage.looker.keyring.decrypt_json(run["secrets"], stage.org_id, run["id"])


async def test_a_step_names_what_the_organisation_has_beside_its_inputs(stage: Stage) -> None:
    await _named(stage)
    headers = {"Authorization": "Bearer $/secrets/token", "X-A": "${/inputs/day}-$/secrets/token"}
    call = _calling(url="https://${/vars/host}/$/inputs/day", headers=headers)
    shown, sealed = await _made(stage, await stage.begun(call, inputs={"day": "monday"}))
    assert shown["url"] == "https://shop.test/monday"
    assert shown["headers"] == {"Authorization": MARKER, "X-A": MARKER}
    assert sealed["values"]["headers"]["Authorization"] == f"Bearer {TOKEN}"
    assert sealed["secrets"] == [TOKEN]
    assert sealed["names"] == [[["headers", "Authorization"], "Bearer $/secrets/token"]]


async def test_a_value_from_outside_names_nothing(stage: Stage) -> None:
    await _named(stage)
    said = "$/secrets/token and ${/vars/host}"
    call = _calling(
        url="https://a.test", body={"a": "$/inputs/said", "b": "$/steps/t/result/said"}, query={"q": "$/vars/host"}
    )
    run_id = await stage.begun({"key": "t", **NOOP}, {**call, "depends_on": ["t"]}, inputs={"said": said})
    await stage.end(run_id, "t", result={"said": said})
    shown, sealed = await _made(stage, run_id)
    assert (shown["body"], shown["query"]) == ({"a": said, "b": said}, {"q": "shop.test"})
    assert (sealed["values"], sealed["secrets"]) == ({}, [])


async def test_a_name_that_is_gone_fails_the_step_and_says_so(stage: Stage) -> None:
    await _named(stage)
    run_id = await stage.begun(_calling(url="https://$/vars/hots"))
    error = (await stage.step(run_id, "call"))["error"]
    assert error["code"] == "DATA_ERROR"
    assert "did you mean host?" in error["message"]
