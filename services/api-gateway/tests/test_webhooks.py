"""What comes to /webhooks: verified before it is read, stored before it is answered, started once."""

import asyncio
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from prometheus_client import REGISTRY

from api_gateway import hook_intake
from api_gateway.app import create_app
from api_gateway.gateway import Gateway
from api_gateway.hook_intake import HookIntake
from api_gateway.hooks import REMEMBER_SECONDS, Hooks
from api_gateway.problems import ProblemBody
from api_gateway.requests import DEEPEST_BODY, LARGEST_BODY
from common import clock
from common.batcher import Overloaded
from common.bell import AUTOMATION
from common.health import Health
from common.ids import uuid7
from records.automations.runs import NewAutomationRun
from testkit.rings import MemoryBell
from testkit.signing import Sign, github, shopify, standard
from testkit.team import Team, make_team

Json = dict[str, Any]

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
ORDER = b'{"order": {"id": 7, "total": 120.5}, "region": "US"}'
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@dataclass
class Ticks:
    """A steady clock that tests hold."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Hook:
    """An automation with a webhook, and who sends to it."""

    web: httpx2.AsyncClient
    api: httpx2.AsyncClient
    gateway: Gateway
    id: str
    org_id: UUID
    ticks: Ticks
    bell: MemoryBell

    @property
    def url(self) -> str:
        return f"/webhooks/{self.org_id}/hooks/orders"

    async def send(self, body: bytes = ORDER, headers: dict[str, str] | None = None, **more: str) -> httpx2.Response:
        """Signed by Standard Webhooks, unless other headers are given."""
        signed = standard(SECRET, body) if headers is None else headers
        return await self.web.post(self.url, content=body, headers=signed | more)

    async def runs(self) -> list[Any]:
        """The automation runs that there are."""
        rows = await self.gateway.pool.fetch("SELECT * FROM automation_runs WHERE automation_id = $1", self.id)
        return list(rows)

    async def news(self, many: int) -> list[NewAutomationRun]:
        """Automation runs of so many messages, always the same ones."""
        version = await self.gateway.pool.fetchval("SELECT version_id FROM automations WHERE id = $1", self.id)
        keys = [f"webhook:{number}" for number in range(many)]
        return [NewAutomationRun(self.org_id, UUID(self.id), version, "webhook", key) for key in keys]

    async def change(self, how: str, body: Json | None = None) -> None:
        method, path = ("PATCH", "") if body is not None else ("POST", f"/{how}")
        answer = await self.api.request(method, f"/api/v1/automations/{self.id}{path}", json=body)
        assert answer.is_success, answer.text


def automation(path: str = "/hooks/orders", secret: str | None = SECRET) -> Json:
    trigger = {"type": "webhook", "path": path, **({"secret": secret} if secret else {})}
    steps = [{"kind": "dlt_extract", "definition": {"source": "noop"}}]
    return {"name": f"Hook of {path}", "trigger": trigger, "actions": steps}


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def bell() -> MemoryBell:
    return MemoryBell()


@pytest.fixture
def gateway(gateway: Gateway, ticks: Ticks, bell: MemoryBell) -> Gateway:
    hooks = Hooks(gateway.pool, gateway.keyring, ticks)
    return replace(gateway, hooks=hooks, hook_intake=HookIntake(gateway.pool, bell))


@pytest.fixture
async def hook(
    web: httpx2.AsyncClient, api: httpx2.AsyncClient, gateway: Gateway, team: Team, ticks: Ticks, bell: MemoryBell
) -> Hook:
    made = await api.post("/api/v1/automations", json=automation())
    assert made.status_code == 201, made.text
    return Hook(web, api, gateway, made.json()["id"], team.org_id, ticks, bell)


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    """Status and word of an error, held against the documented shape."""
    ProblemBody.model_validate(answer.json())
    return answer.status_code, answer.json()["detail"][0]["type"]


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"{name}_total", labels) or 0


# Taken ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sign", "message_id"), [(standard, "msg_1"), (shopify, "b54557e4"), (github, "72d3162e-cc78")]
)
async def test_a_signed_webhook_starts_its_automation(hook: Hook, team: Team, sign: Sign, message_id: str) -> None:
    before = counted("webhooks_taken", status="accepted")
    answer = await hook.send(headers=sign(SECRET, ORDER))
    assert answer.status_code == 202
    (run,) = await hook.runs()
    assert answer.json() == {"automationRunId": str(run["id"]), "status": "accepted"}
    assert (run["status"], run["triggered_by"], run["org_id"]) == ("running", "webhook", team.org_id)
    assert run["trigger_key"] == f"webhook:{message_id}"
    assert run["inputs"] == json.loads(ORDER)
    assert hook.bell.rung == [(AUTOMATION, run["id"])]
    assert counted("webhooks_taken", status="accepted") == before + 1


async def test_what_conditions_see_of_a_webhook(hook: Hook) -> None:
    sent = {
        "Content-Type": "application/json; charset=utf-8",
        "X-Shopify-Topic": "orders/create",
        "User-Agent": "x" * 2_000,
        "Cookie": "vai_token=hush",
        "Authorization": "Bearer hush",
        "traceparent": TRACE,
    }
    await hook.send(headers=shopify(SECRET, ORDER) | sent)
    (run,) = await hook.runs()
    event = run["event"]
    assert event.pop("occurredAt") <= clock.now().isoformat()
    assert event == {
        "type": "webhook",
        "id": "b54557e4",
        "headers": {
            "content-type": "application/json; charset=utf-8",
            "user-agent": "x" * 500,
            "x-shopify-topic": "orders/create",
        },
        "data": json.loads(ORDER),
    }
    assert run["traceparent"] == TRACE


@pytest.mark.parametrize(
    ("body", "payload"), [(b"", None), (b"null", None), (b"[1, 2]", [1, 2]), (b'"text"', "text"), (b"7", 7)]
)
async def test_a_body_that_is_no_object_is_the_input_payload(hook: Hook, body: bytes, payload: Any) -> None:
    assert (await hook.send(body)).status_code == 202
    (run,) = await hook.runs()
    assert (run["event"]["data"], run["inputs"]) == (payload, {"payload": payload})


@pytest.mark.parametrize("kind", ["", "text/plain", "application/cloudevents+json", "nonsense"])
async def test_a_sender_may_call_its_json_what_it_likes(hook: Hook, kind: str) -> None:
    assert (await hook.send(**{"Content-Type": kind})).status_code == 202


@pytest.mark.parametrize("path", ["hooks/orders/", "/hooks/orders", "hooks/orders//", "%68ooks/orders"])
async def test_slashes_around_the_path_do_not_matter(hook: Hook, team: Team, path: str) -> None:
    url = f"/webhooks/{team.org_id}/{path}"
    assert (await hook.web.post(url, content=ORDER, headers=standard(SECRET, ORDER))).status_code == 202


async def test_a_secret_that_was_made_here_is_good(hook: Hook, team: Team) -> None:
    made = await hook.api.post("/api/v1/automations", json=automation("/made", None))
    secret = made.json()["trigger"]["secret"] if isinstance(made.json()["trigger"]["secret"], str) else None
    secret = secret or next(value for value in _texts(made.json()) if value.startswith("whsec_"))
    answer = await hook.web.post(f"/webhooks/{team.org_id}/made", content=ORDER, headers=standard(secret, ORDER))
    assert answer.status_code == 202


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    return [value] if isinstance(value, str) else []


# Once -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [standard, shopify, github])
async def test_a_repeat_starts_nothing_and_answers_the_first(hook: Hook, sign: Sign) -> None:
    first = await hook.send(headers=sign(SECRET, ORDER))
    again = await hook.send(headers=sign(SECRET, ORDER))
    assert again.status_code == 202
    assert again.json() == {"automationRunId": first.json()["automationRunId"], "status": "repeated"}
    assert len(await hook.runs()) == 1
    assert len(hook.bell.rung) == 1


async def test_a_message_that_is_sent_again_later_is_the_same(hook: Hook) -> None:
    """A sender that tries again signs anew, with the same id."""
    first = await hook.send(headers=standard(SECRET, ORDER, at=clock.now() - timedelta(minutes=4)))
    again = await hook.send()
    assert [first.json()["status"], again.json()["status"]] == ["accepted", "repeated"]


@pytest.mark.parametrize(("sign", "header"), [(shopify, "X-Shopify-Webhook-Id"), (github, "X-GitHub-Delivery")])
async def test_a_vendor_that_sends_no_id_is_told_by_its_body(hook: Hook, sign: Sign, header: str) -> None:
    other = ORDER + b"\n"
    bodies = [ORDER, ORDER, other]
    answers = [await hook.send(body, sign(SECRET, body, **{header: ""})) for body in bodies]
    assert [answer.json()["status"] for answer in answers] == ["accepted", "repeated", "accepted"]


async def test_fifty_equal_deliveries_at_once_make_one_run(hook: Hook) -> None:
    answers = await asyncio.gather(*(hook.send() for _ in range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert sorted(answer.json()["status"] for answer in answers) == ["accepted"] + ["repeated"] * 49
    (run,) = await hook.runs()
    assert {answer.json()["automationRunId"] for answer in answers} == {str(run["id"])}


async def test_two_gateways_make_one_run_of_one_message(hook: Hook) -> None:
    """Each has its own groups; what they have in common is the index."""
    other = HookIntake(hook.gateway.pool, hook.bell)
    intakes = ((hook.gateway.hook_intake, await hook.news(100)), (other, (await hook.news(100))[::-1]))
    started = await asyncio.gather(*(intake.start(new, 1) for intake, each in intakes for new in each))
    assert sum(one.is_new for one in started) == 100
    assert {one.run_id for one in started} == {run["id"] for run in await hook.runs()}


async def test_one_commit_takes_webhooks_of_different_automations(hook: Hook, team: Team) -> None:
    paths = [f"/many/{number}" for number in range(5)]
    for path in paths:
        assert (await hook.api.post("/api/v1/automations", json=automation(path))).status_code == 201
    sends = [
        hook.web.post(
            f"/webhooks/{team.org_id}{path}", content=ORDER, headers=standard(SECRET, ORDER, message_id=str(number))
        )
        for number in range(20)
        for path in paths
    ]
    answers = await asyncio.gather(*sends)
    assert {(answer.status_code, answer.json()["status"]) for answer in answers} == {(202, "accepted")}
    counts = await hook.gateway.pool.fetch("SELECT count(*) AS n FROM automation_runs GROUP BY automation_id")
    assert [row["n"] for row in counts] == [20] * 5


# Ignored --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["paused", "error"])
async def test_an_automation_that_takes_none_records_what_it_ignored(hook: Hook, status: str) -> None:
    owner = hook.gateway.pool
    await owner.execute("UPDATE automations SET status = $2 WHERE id = $1", hook.id, status)
    answers = await asyncio.gather(*(hook.send(headers=standard(SECRET, ORDER, str(n))) for n in range(7)))
    assert [(answer.status_code, answer.json()) for answer in answers] == [(202, {"status": "ignored"})] * 7
    row = await owner.fetchrow("SELECT webhooks_ignored, webhook_ignored_at FROM automations WHERE id = $1", hook.id)
    assert row["webhooks_ignored"] == 7
    assert row["webhook_ignored_at"] is not None
    assert await hook.runs() == []
    assert hook.bell.rung == []


async def test_what_was_ignored_can_be_sent_again_when_it_is_resumed(hook: Hook) -> None:
    await hook.change("pause")
    assert (await hook.send()).json() == {"status": "ignored"}
    await hook.change("resume")
    hook.ticks.now += REMEMBER_SECONDS
    assert (await hook.send()).json()["status"] == "accepted"


async def test_a_bad_signature_is_refused_also_while_paused(hook: Hook) -> None:
    await hook.change("pause")
    assert refusal(await hook.send(headers=standard("whsec_b3RoZXI=", ORDER))) == (401, "signature_mismatch")


# Refused --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["hooks/other", "hooks", "", "/", "hooks//orders", "ÿ", "a%00b", "x" * 5_000, "%2e%2e"]
)
async def test_an_unknown_path_is_not_found(hook: Hook, team: Team, path: str) -> None:
    answer = await hook.web.post(f"/webhooks/{team.org_id}/{path}", content=ORDER, headers=standard(SECRET, ORDER))
    assert refusal(answer) == ((422, "value_error") if "%00" in path else (404, "not_found"))


async def test_another_organisation_has_no_such_path(hook: Hook, gateway: Gateway) -> None:
    stranger = await make_team(gateway.engine, "stranger")
    for org_id in (stranger.org_id, uuid7()):
        answer = await hook.web.post(f"/webhooks/{org_id}/hooks/orders", content=ORDER, headers=standard(SECRET, ORDER))
        assert refusal(answer) == (404, "not_found")


async def test_the_same_path_in_another_organisation_is_another_webhook(hook: Hook, gateway: Gateway) -> None:
    stranger = await make_team(gateway.engine, "stranger")
    made = await hook.web.post("/api/v1/automations", json=automation(), headers=stranger.headers())
    assert made.status_code == 201
    answer = await hook.web.post(
        f"/webhooks/{stranger.org_id}/hooks/orders", content=ORDER, headers=standard(SECRET, ORDER)
    )
    assert answer.json()["status"] == "accepted"
    assert await hook.runs() == []


@pytest.mark.parametrize(
    ("signed", "word"),
    [
        (dict, "unsigned"),
        (lambda: {"X-API-Key": "vai_key", "webhook-id": "msg_1"}, "unsigned"),
        (lambda: standard(SECRET, ORDER) | {"webhook-timestamp": "1"}, "stale"),
        (lambda: standard(SECRET, b"{}"), "signature_mismatch"),
        (lambda: standard("whsec_b3RoZXI=", ORDER), "signature_mismatch"),
        (lambda: shopify("other", ORDER), "signature_mismatch"),
        (lambda: github("other", ORDER), "signature_mismatch"),
    ],
)
async def test_what_is_not_proven_is_refused_and_counted(
    hook: Hook, signed: Callable[[], dict[str, str]], word: str
) -> None:
    before = counted("webhooks_refused", reason=word)
    answer = await hook.send(headers=signed())
    assert refusal(answer) == (401, word)
    assert SECRET not in answer.text
    assert counted("webhooks_refused", reason=word) == before + 1
    assert await hook.runs() == []


async def test_nothing_is_read_before_it_is_verified(hook: Hook) -> None:
    assert refusal(await hook.send(b"{", standard("whsec_b3RoZXI=", b"{"))) == (401, "signature_mismatch")
    assert refusal(await hook.send(b"x" * 2 * LARGEST_BODY, {})) == (401, "unsigned")


@pytest.mark.parametrize(
    "body",
    [
        *(b"{", b"nonsense", b"<xml/>", b"a=1&b=2", b" ", b"\xef\xbb\xbf{}", b'{"a": NaN}', b'{"a": 1e999}'),
        *(b'{"a": "\\u0000"}', b'{"\\u0000": 1}', b'{"a": "\\ud800"}', b"{}{}"),
        *(b"[" * (DEEPEST_BODY + 1) + b"]" * (DEEPEST_BODY + 1), b"[" * 100_000),
    ],
)
async def test_a_body_that_is_no_json_is_refused(hook: Hook, body: bytes) -> None:
    status, word = refusal(await hook.send(body))
    assert status == 422
    assert word in ("json_invalid", "json_too_deep")
    assert await hook.runs() == []


async def test_bytes_that_are_no_text_can_be_signed_by_the_vendors_alone(hook: Hook) -> None:
    body = b'{"a": "\xff"}'
    assert refusal(await hook.send(body, github(SECRET, body))) == (422, "json_invalid")
    assert refusal(await hook.send(body, standard(SECRET, b"{}"))) == (401, "signature_mismatch")


async def test_a_body_may_be_so_large_and_no_larger(hook: Hook) -> None:
    largest = b'"' + b"x" * (LARGEST_BODY - 2) + b'"'
    assert (await hook.send(largest)).status_code == 202
    assert refusal(await hook.send(largest + b" ")) == (413, "too_large")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "Multipart/Form-Data; boundary=x"},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "br"},
    ],
)
async def test_forms_and_compressed_bodies_are_refused(hook: Hook, headers: dict[str, str]) -> None:
    body = gzip.compress(ORDER)
    answer = await hook.send(body, github(SECRET, body) | headers)
    assert refusal(answer) == (415, "unsupported_media_type")
    assert "GitHub" in answer.json()["detail"][0]["msg"]


async def test_other_methods_are_not_allowed(hook: Hook) -> None:
    answer = await hook.web.get(hook.url)
    assert refusal(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


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
    assert refusal(await hook.send()) == (404, "not_found")


async def test_within_a_second_the_database_is_asked_once(hook: Hook) -> None:
    asked: list[str] = []

    class Counting:
        async def fetchrow(self, statement: str, *values: Any) -> Any:
            asked.append(statement)
            return await hook.gateway.pool.fetchrow(statement, *values)

    found = Hooks(Counting(), hook.gateway.keyring, hook.ticks)
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
    found = Hooks(pool, hook.gateway.keyring, hook.ticks)
    with pytest.raises(OSError):
        await found.find(hook.org_id, "hooks/orders")
    pool.away = False
    assert await found.find(hook.org_id, "hooks/orders") is not None


async def test_what_is_remembered_is_bounded(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api_gateway.hooks._MOST_REMEMBERED", 10)
    for number in range(50):
        assert await hook.gateway.hooks.find(uuid7(), f"p{number}") is None
    assert len(hook.gateway.hooks._asked) == 10


async def test_a_secret_is_never_shown_by_what_holds_it(hook: Hook) -> None:
    found = await hook.gateway.hooks.find(hook.org_id, "hooks/orders")
    assert found is not None
    assert found.secret == SECRET
    assert SECRET not in repr(found)


# Too much, and a database that is away --------------------------------------------------------------------------------


async def test_too_much_is_told_to_come_again(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_intake, "_MOST_BYTES", 10)
    before = counted("webhooks_refused", reason="overloaded")
    answer = await hook.send()
    assert refusal(answer) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"
    assert counted("webhooks_refused", reason="overloaded") == before + 1
    monkeypatch.undo()
    assert (await hook.send()).status_code == 202


async def test_bytes_that_waited_are_free_again(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_intake, "_MOST_BYTES", 3 * len(ORDER))
    for number in range(10):
        assert (await hook.send(headers=standard(SECRET, ORDER, str(number)))).status_code == 202
    many = await asyncio.gather(*(hook.send(headers=standard(SECRET, ORDER, f"m{n}")) for n in range(30)))
    assert {answer.status_code for answer in many} <= {202, 503}
    stored = {answer.json()["automationRunId"] for answer in many if answer.status_code == 202}
    assert len(await hook.runs()) == 10 + len(stored)


async def test_what_is_not_stored_is_not_answered(hook: Hook) -> None:
    class Closed:
        async def fetch(self, *_: Any) -> Any:
            raise asyncpg.InterfaceError("the connection is closed")

    away = replace(hook.gateway, hook_intake=HookIntake(Closed(), hook.bell))
    transport = httpx2.ASGITransport(create_app(away, Health()), raise_app_exceptions=False)
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

    intake = HookIntake(Losing(), hook.bell)
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
        await HookIntake(Nothing(), hook.bell).start(new, 1)
