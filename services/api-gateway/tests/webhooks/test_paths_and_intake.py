"""Where a webhook's path leads, remembered for a second; and storing in groups, whatever goes wrong."""

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg
import httpx2
import pytest

from vai_api_gateway.webhooks import intake as webhook_intake
from vai_api_gateway.webhooks.intake import WebhookIntake
from vai_api_gateway.webhooks.paths import REMEMBER_SECONDS, WebhookPaths
from vai_common.batcher import Overloaded
from vai_common.ids import uuid7
from vai_records.automations.runs import NewAutomationRun
from vai_testkit.application import application
from vai_testkit.signing import standard
from vai_testkit.webhooks import ORDER, SECRET, Hook, counted, refusal

# What is remembered ---------------------------------------------------------------------------------------------------


async def test_a_new_secret_is_good_within_a_second_and_the_old_one_is_not(hook: Hook) -> None:
    assert (await hook.send()).status_code == 202
    other = "whsec_bmV3IHNlY3JldCBvZiBhIGhvb2s="
    await hook.change("", {"trigger": {"type": "webhook", "path": "/hooks/orders", "secret": other}})
    hook.ticks.now += REMEMBER_SECONDS
    assert refusal(await hook.send()) == (401, "signature_mismatch")
    assert (await hook.send(headers=standard(other, ORDER, "msg_2"))).json()["status"] == "accepted"


async def test_pausing_changing_and_deleting_take_effect_within_a_second(hook: Hook) -> None:
    await hook.send()
    await hook.change("", {"actions": [{"kind": "approval_gate", "definition": {}}]})
    hook.ticks.now += REMEMBER_SECONDS
    await hook.send(headers=standard(SECRET, ORDER, "msg_2"))
    assert len({run["version_id"] for run in await hook.runs()}) == 2
    await hook.change("pause")
    hook.ticks.now += REMEMBER_SECONDS
    assert (await hook.send()).json() == {"status": "ignored"}
    await hook.gateway.pool.execute("UPDATE automations SET deleted_at = clock_timestamp() WHERE id = $1", hook.id)
    hook.ticks.now += REMEMBER_SECONDS
    assert refusal(await hook.send()) == (401, "signature_mismatch")


async def test_within_a_second_the_database_is_asked_once(hook: Hook) -> None:
    asked: list[str] = []

    class Counting:
        async def fetchrow(self, statement: str, *values: Any) -> Any:
            asked.append(statement)
            return await hook.gateway.pool.fetchrow(statement, *values)

    found = WebhookPaths(Counting(), hook.gateway.keyring, hook.ticks)
    for _ in range(3):
        known = await asyncio.gather(*(found.find(hook.org_id, "hooks/orders") for _ in range(20)))
        assert len({one.id for one in known if one}) == 1
    assert len(asked) == 1
    hook.ticks.now += REMEMBER_SECONDS
    assert await found.find(hook.org_id, "hooks/orders") is not None
    assert len(asked) == 2


async def test_a_question_that_failed_is_asked_again(hook: Hook) -> None:
    class Away:
        away = True

        async def fetchrow(self, statement: str, *values: Any) -> Any:
            if self.away:
                raise OSError("away")
            return await hook.gateway.pool.fetchrow(statement, *values)

    pool = Away()
    found = WebhookPaths(pool, hook.gateway.keyring, hook.ticks)
    with pytest.raises(OSError):
        await found.find(hook.org_id, "hooks/orders")
    pool.away = False
    assert await found.find(hook.org_id, "hooks/orders") is not None


async def test_what_is_remembered_is_bounded(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vai_api_gateway.webhooks.paths._MOST_REMEMBERED", 10)
    for number in range(50):
        assert await hook.gateway.webhook_paths.find(uuid7(), f"p{number}") is None
    assert len(hook.gateway.webhook_paths._asked) == 10


async def test_a_secret_is_never_shown_by_what_holds_it(hook: Hook) -> None:
    found = await hook.gateway.webhook_paths.find(hook.org_id, "hooks/orders")
    assert found is not None
    assert found.secret == SECRET
    assert SECRET not in repr(found)


# Too much, and a database that is away --------------------------------------------------------------------------------


async def test_too_much_is_told_to_come_again(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_intake, "_MOST_BYTES", 10)
    before = counted("vai_webhooks_refused", reason="overloaded")
    answer = await hook.send()
    assert refusal(answer) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"
    assert counted("vai_webhooks_refused", reason="overloaded") == before + 1
    monkeypatch.undo()
    assert (await hook.send()).status_code == 202


async def test_bytes_that_waited_are_free_again(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_intake, "_MOST_BYTES", 3 * len(ORDER))
    for number in range(10):
        assert (await hook.send(headers=standard(SECRET, ORDER, str(number)))).status_code == 202
    many = await asyncio.gather(*(hook.send(headers=standard(SECRET, ORDER, f"m{n}")) for n in range(30)))
    assert {answer.status_code for answer in many} <= {202, 503}
    stored = {answer.json()["automationRunId"] for answer in many if answer.status_code == 202}
    assert len(await hook.runs()) == 10 + len(stored)


@pytest.mark.parametrize("error", [OSError("the answer to the COMMIT is lost"), ValueError("odd")])
async def test_a_webhook_that_is_ignored_is_counted_once_whatever_happened_to_its_answer(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[Any] = []

    async def ignored(_pool: Any, batch: Any) -> None:
        counted.extend(batch)
        raise error

    monkeypatch.setattr(webhook_intake.webhooks, "ignored", ignored)
    intake: Any = WebhookIntake(None, None)  # type: ignore[arg-type]
    ids = [uuid7() for _ in range(3)]
    answers = await asyncio.gather(*map(intake.ignore, ids), return_exceptions=True)
    assert answers == [error] * 3
    assert counted == ids


async def test_bytes_of_a_caller_who_went_count_for_as_long_as_they_wait(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_intake, "_MOST_BYTES", 10)
    answered = asyncio.Event()

    class Slow:
        async def fetch(self, *values: Any) -> Any:
            await answered.wait()
            return await hook.gateway.pool.fetch(*values)

    intake = WebhookIntake(Slow(), hook.bell)
    first, second, third = await hook.news(3)
    caller = asyncio.create_task(intake.start(first, 10))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    with pytest.raises(Overloaded):
        await intake.start(second, 1)
    answered.set()
    await intake.drained()
    assert (await intake.start(third, 10)).is_new


async def test_what_is_not_stored_is_not_answered(hook: Hook) -> None:
    class Closed:
        async def fetch(self, *_: Any) -> Any:
            raise asyncpg.InterfaceError("the connection is closed")

    away = replace(hook.gateway, webhook_intake=WebhookIntake(Closed(), hook.bell))
    transport = httpx2.ASGITransport(application(away), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as web:
        answer = await web.post(hook.url, content=ORDER, headers=standard(SECRET, ORDER))
    assert refusal(answer) == (503, "unavailable")
    assert hook.bell.rung == []
    assert (await hook.send()).json()["status"] == "accepted"


async def test_a_commit_whose_answer_was_lost_is_asked_about(hook: Hook) -> None:
    """The row is there and its own: it is accepted, and rung for."""

    class Losing:
        lost = False

        async def fetch(self, statement: str, *values: Any) -> Any:
            rows = await hook.gateway.pool.fetch(statement, *values)
            if not self.lost and statement.lstrip().startswith("INSERT"):
                self.lost = True
                raise asyncpg.InterfaceError("the connection was lost")
            return rows

    intake = WebhookIntake(Losing(), hook.bell)
    news = await hook.news(4)
    started = await asyncio.gather(*(intake.start(new, 1) for new in news))
    assert [one.run_id for one in started] == [new.id for new in news]
    assert all(one.is_new for one in started)
    assert sorted(run_id for _, run_id in hook.bell.rung) == sorted(new.id for new in news)


async def test_what_stood_in_the_way_and_is_gone_is_tried_again_by_the_sender(hook: Hook) -> None:
    class Nothing:
        async def fetch(self, *_: Any) -> Any:
            return []

    new = NewAutomationRun(uuid7(), uuid7(), uuid7(), "webhook", "webhook:1")
    with pytest.raises(Overloaded):
        await WebhookIntake(Nothing(), hook.bell).start(new, 1)
