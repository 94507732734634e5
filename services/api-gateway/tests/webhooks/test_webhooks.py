"""What comes to /webhooks: stored before it is answered, started once."""

import asyncio
import json
import os
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from vai_api_gateway.webhooks.endpoint import KEPT_HEADERS
from vai_api_gateway.webhooks.intake import WebhookIntake
from vai_api_gateway.webhooks.paths import REMEMBER_SECONDS
from vai_common import clock
from vai_common.messages.bell import AUTOMATION
from vai_records.people.people import Role
from vai_testkit.signing import Sign, github, shopify, standard
from vai_testkit.team import Team
from vai_testkit.webhooks import ORDER, SECRET, Hook, automation, counted, refusal

PAGE = Path(__file__).parents[4] / "docs/webhooks.md"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


# Taken ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sign", "message_id"), [(standard, "msg_1"), (shopify, "b54557e4"), (github, "72d3162e-cc78")]
)
async def test_a_signed_webhook_starts_its_automation(hook: Hook, team: Team, sign: Sign, message_id: str) -> None:
    before = counted("vai_webhooks_taken", status="accepted")
    answer = await hook.send(headers=sign(SECRET, ORDER))
    assert answer.status_code == 202
    (run,) = await hook.runs()
    assert answer.json() == {"automationRunId": str(run["id"]), "status": "accepted"}
    assert (run["status"], run["triggered_by"], run["org_id"]) == ("running", "webhook", team.org_id)
    assert run["trigger_key"] == f"webhook:{message_id}"
    assert run["inputs"] == json.loads(ORDER)
    assert hook.bell.rung == [(AUTOMATION, run["id"])]
    assert counted("vai_webhooks_taken", status="accepted") == before + 1


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
    secret = made.json()["trigger"]["secret"]
    answer = await hook.web.post(f"/webhooks/{team.org_id}/made", content=ORDER, headers=standard(secret, ORDER))
    assert answer.status_code == 202


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
    other = WebhookIntake(hook.gateway.pool, hook.bell)
    intakes = ((hook.gateway.webhook_intake, await hook.news(100)), (other, (await hook.news(100))[::-1]))
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
    shown = (await hook.api.get(f"/api/v1/automations/{hook.id}")).json()
    assert (shown["webhooksIgnored"], shown["updatedAt"] < shown["webhookIgnoredAt"]) == (7, True)
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


# What the documentation says ------------------------------------------------------------------------------------------


async def test_what_the_documentation_shows_works_as_often_as_it_is_pasted(live: str, team: Team) -> None:
    shell, python = re.findall(r"```(?:sh|python)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    pasted = f"{shell}\n{sys.executable} - <<'END'\n{python}\nEND\n"
    script = f"set -euo pipefail\n{pasted * 2}"
    known = {"VAI_API_URL": live, "VAI_API_KEY": team.keys[Role.ADMIN].secret, "PATH": os.environ["PATH"]}
    bash = await asyncio.create_subprocess_exec(
        "bash", "-c", script, env=known, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, told = await bash.communicate()
    assert bash.returncode == 0, told.decode()
    assert out.count(b'"status":"accepted"') == 4, out
    assert b'"detail"' not in out


def test_the_documentation_names_the_headers_that_are_kept() -> None:
    kept = set(re.findall(r"`([a-z-]+)`", re.search(r"`event.headers` holds(.*?)\)", PAGE.read_text(), re.DOTALL)[1]))
    assert kept == set(KEPT_HEADERS)
